"""The rules for a message's text, blocks and metadata, as far as a bot can run into them.

Limits: https://docs.slack.dev/reference/block-kit/blocks and the pages of chat.postMessage and chat.update.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from supportbot.testing.slack.calls import SlackError

if TYPE_CHECKING:
    from supportbot.testing.slack.calls import Call

MAX_BLOCKS = 50
MAX_TEXT = 40_000
MAX_MARKDOWN = 12_000
_MAX_SECTION = 3_000
_MAX_HEADER = 150
_MAX_ELEMENTS = {"actions": 25, "context": 10, "context_actions": 5}
_MAX_METADATA = 16_384
_BLOCKS = {
    "actions", "context", "context_actions", "divider", "file", "header", "image", "input", "markdown",
    "plan", "rich_text", "section", "table", "task_card", "video",
}  # fmt: skip
_EVENT_TYPE = re.compile(r"[A-Za-z0-9_.:-]{1,255}")


def checked_content(call: Call, *, max_text: int = MAX_TEXT) -> tuple[str, list[dict[str, Any]]]:
    """Return what a message is to say: its text and its blocks.

    Raises:
        SlackError: ``no_text``, ``msg_too_long``, ``markdown_text_conflict``, ``invalid_blocks`` …
    """
    blocks = checked_blocks(call)
    text, markdown = call.text("text"), call.text("markdown_text")
    if markdown and (text or blocks):
        raise SlackError("markdown_text_conflict")
    if not (text or markdown or blocks or call.arguments.get("attachments")):
        raise SlackError("no_text")
    if len(text) > max_text or len(markdown) > MAX_MARKDOWN:
        raise SlackError("msg_too_long")
    return markdown or text, blocks


def checked_blocks(call: Call) -> list[dict[str, Any]]:
    """Return a call's blocks.

    Raises:
        SlackError: ``invalid_blocks`` or ``invalid_blocks_format``, saying what is wrong.
    """
    blocks = call.json("blocks", "invalid_blocks_format") or []
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SlackError("invalid_blocks_format")
    if len(blocks) > MAX_BLOCKS:
        _refuse(f"no more than {MAX_BLOCKS} items allowed [json-pointer:/blocks]")
    for number, block in enumerate(blocks):
        _check_block(block, f"/blocks/{number}")
    if sum(len(b.get("text", "")) for b in blocks if b.get("type") == "markdown") > MAX_MARKDOWN:
        raise SlackError("msg_blocks_too_long")
    return blocks


def checked_metadata(call: Call) -> dict[str, Any]:
    """Return a call's metadata; empty when there is none.

    Raises:
        SlackError: ``invalid_metadata_format``, ``invalid_metadata_schema`` or ``metadata_too_large``.
    """
    metadata = call.json("metadata", "invalid_metadata_format") or {}
    if not isinstance(metadata, dict):
        raise SlackError("invalid_metadata_format")
    if metadata and not (_is_event(metadata) or "entities" in metadata):
        raise SlackError("invalid_metadata_schema")
    if len(str(metadata)) > _MAX_METADATA:
        raise SlackError("metadata_too_large")
    return metadata


def _is_event(metadata: dict[str, Any]) -> bool:
    named = _EVENT_TYPE.fullmatch(str(metadata.get("event_type", "")))
    return named is not None and isinstance(metadata.get("event_payload"), dict)


def _refuse(problem: str) -> None:
    raise SlackError("invalid_blocks", response_metadata={"messages": [f"[ERROR] {problem}"]})


def _check_block(block: dict[str, Any], at: str) -> None:
    kind = block.get("type")
    if kind not in _BLOCKS:
        _refuse(f"unsupported type: {kind} [json-pointer:{at}/type]")
    elements = block.get("elements", [])
    if len(elements) > _MAX_ELEMENTS.get(str(kind), len(elements)):
        _refuse(f"too many elements [json-pointer:{at}/elements]")
    if kind in _MAX_ELEMENTS and not elements:
        _refuse(f"missing required field: elements [json-pointer:{at}]")
    if kind == "section":
        _check_text(block, at, _MAX_SECTION, needed="fields" not in block)
    if kind == "header":
        _check_text(block, at, _MAX_HEADER, needed=True)
    if kind == "context_actions":
        _check_feedback(elements, at)


def _check_text(block: dict[str, Any], at: str, most: int, *, needed: bool) -> None:
    text = block.get("text")
    if text is None and not needed:
        return
    words = text.get("text") if isinstance(text, dict) else None
    if not isinstance(words, str) or not words:
        _refuse(f"must be a text object with text [json-pointer:{at}/text]")
    elif len(words) > most:
        _refuse(f"must be less than {most + 1} characters [json-pointer:{at}/text/text]")


def _check_feedback(elements: list[dict[str, Any]], at: str) -> None:
    for number, element in enumerate(elements):
        here = f"{at}/elements/{number}"
        if element.get("type") not in {"feedback_buttons", "icon_button"}:
            _refuse(f"unsupported type [json-pointer:{here}/type]")
        if element.get("type") == "feedback_buttons":
            for button in ("positive_button", "negative_button"):
                if (
                    not isinstance(element.get(button), dict)
                    or not {"text", "value"} <= element[button].keys()
                ):
                    _refuse(f"missing required field: {button} [json-pointer:{here}]")
