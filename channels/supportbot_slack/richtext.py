"""Words that stand in blocks alone, or in a message that somebody passes on: where a message's text is empty.

https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot_slack.events import id_at, text_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_DEEPEST = 8
"""Levels of elements in elements; Slack's own have four."""
_LINES = frozenset({"rich_text", "rich_text_list"})
"""Elements whose parts are lines."""


def words_of(body: Mapping[str, Any]) -> str:
    """Return a message's words from beside its ``text``, written as Slack writes that; empty without any."""
    shared = (
        text_at(part, "text") or text_at(part, "fallback")
        for part in _parts(body, "attachments")
        if part.get("is_share") is True  # others are previews of its links
    )
    blocks = (_written(block, 0) for block in _parts(body, "blocks"))
    return "\n".join(filter(None, (*blocks, *shared)))


def _written(element: Mapping[str, Any], depth: int) -> str:
    kind = text_at(element, "type")
    if kind.startswith("rich_text") and depth < _DEEPEST:
        between = "\n" if kind in _LINES else ""
        return between.join(_written(part, depth + 1) for part in _parts(element, "elements"))
    return _LEAVES[kind](element) if kind in _LEAVES else ""


_LEAVES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "text": lambda part: _escaped(text_at(part, "text")),
    "link": lambda part: f"<{_escaped(text_at(part, 'url'))}|{_escaped(text_at(part, 'text'))}>",
    "user": lambda part: f"<@{id_at(part, 'user_id')}>",
    "channel": lambda part: f"<#{id_at(part, 'channel_id')}>",
    "emoji": lambda part: f":{id_at(part, 'name')}:",
}


def _parts(body: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    listed = body.get(name)
    if isinstance(listed, list):
        yield from (part for part in listed if isinstance(part, dict))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
