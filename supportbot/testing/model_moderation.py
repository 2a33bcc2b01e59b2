"""Moderation as the fake model server does it: by the words it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot.model.wire import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.testing.model_replies import Dialect

Flags = dict[str, str]
"""Words and the category each belongs to: ``{"rob a bank": "non-violent-crimes"}``."""


def verdicts(body: Mapping[str, Any], dialect: Dialect, flags: Flags) -> dict[str, Any] | None:
    """Answer a moderation request in its dialect; None when it is no such request."""
    texts = _texts(body, dialect)
    if texts is None:
        return None
    results = [_llama(text, flags) if dialect == "llama" else _openai(text, flags) for text in texts]
    envelope = {} if dialect == "llama" else {"id": "modr-1"}
    return envelope | {"model": str(body.get("model") or "Llama-Guard"), "results": results}


def _texts(body: Mapping[str, Any], dialect: Dialect) -> list[str] | None:
    """Return the texts to judge one by one: messages and a list of parts are one text, strings one each."""
    if dialect == "llama":
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            return None
        return ["\n".join(text_of(message.get("content")) for message in messages)]
    given = body.get("input")
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        return None
    return given if all(isinstance(item, str) for item in given) else [text_of(given)]


def _found(text: str, flags: Flags) -> list[str]:
    return sorted({category for words, category in flags.items() if words.lower() in text.lower()})


def _llama(text: str, flags: Flags) -> dict[str, Any]:
    found = _found(text, flags)
    return {"flagged": bool(found), "flagged_categories": found or None}  # null was seen, not an empty list


def _openai(text: str, flags: Flags) -> dict[str, Any]:
    found = _found(text, flags)
    return {"flagged": bool(found), "categories": {name: name in found for name in set(flags.values())}}
