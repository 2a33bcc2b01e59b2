"""What the Llama API's reference allows in a request, for the fake model server to check."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from supportbot.testing.model_replies import Dialect

_ROLES = {"system", "user", "assistant", "tool", "developer"}
_RANGES: dict[str, tuple[float, float]] = {
    "max_tokens": (1, float("inf")),
    "max_completion_tokens": (1, float("inf")),
    "temperature": (0, 1),
    "top_p": (0, 1),
    "top_k": (0, float("inf")),
    "repetition_penalty": (1, 2),
}
"""The openai dialect's temperature goes to 2."""
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CHOICES = {"none", "auto", "required"}
_MOST_IMAGES = 9


def wrong_field(body: Mapping[str, Any], dialect: Dialect) -> str:
    """Return the name of the first field that the reference does not allow; empty when all is well."""
    return next(_wrong_fields(body, dialect), "")


def _wrong_fields(body: Mapping[str, Any], dialect: Dialect) -> Iterator[str]:
    yield from _wrong_messages(body.get("messages"))
    for name, (least, most) in _RANGES.items():
        limit = 2 if (dialect, name) == ("openai", "temperature") else most
        if name in body and not (isinstance(body[name], int | float) and least <= body[name] <= limit):
            yield name
    if not isinstance(body.get("stream", False), bool):
        yield "stream"
    yield from _wrong_tools(body)
    if "response_format" in body and not _is_format(body["response_format"], dialect):
        yield "response_format"


def _wrong_messages(messages: object) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield "messages"
        return
    if any(not isinstance(message, dict) or message.get("role") not in _ROLES for message in messages):
        yield "messages.role"
        return
    if any(message["role"] == "tool" and not message.get("tool_call_id") for message in messages):
        yield "messages.tool_call_id"
    parts = [part for m in messages if isinstance(m.get("content"), list) for part in m["content"]]
    if sum(part.get("type") == "image_url" for part in parts if isinstance(part, dict)) > _MOST_IMAGES:
        yield "messages.content"


def _wrong_tools(body: Mapping[str, Any]) -> Iterator[str]:
    functions = [tool.get("function", {}) for tool in body.get("tools") or []]
    if not all(_TOOL_NAME.fullmatch(str(function.get("name", ""))) for function in functions):
        yield "tools"
    choice = body.get("tool_choice")
    named = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    known = {function["name"] for function in functions}
    if choice is not None and not (choice in _CHOICES if isinstance(choice, str) else named in known):
        yield "tool_choice"


def _is_format(value: object, dialect: Dialect) -> bool:
    if not isinstance(value, dict):
        return False
    if value.get("type") == "json_schema":
        described = value.get("json_schema")
        if not isinstance(described, dict) or not {"name", "schema"} <= described.keys():
            return False
        return dialect == "llama" or not described.get("strict") or _is_strict(described["schema"])
    return value.get("type") in ({"text"} if dialect == "llama" else {"text", "json_object"})


def _is_strict(schema: Any) -> bool:
    """Say whether OpenAI takes a schema as strict: all properties are required, no others allowed."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object":
        named = list(schema.get("properties", {}))
        if schema.get("additionalProperties") is not False or schema.get("required") != named:
            return False
    return all(map(_is_strict, schema.values()))
