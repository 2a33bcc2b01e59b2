"""What the Llama API's reference allows in a request, for the fake model server to check."""

from __future__ import annotations

import re
from base64 import b64decode
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
_LARGEST_IMAGE = 25_000_000  # bytes
_DATA_URL = re.compile(r"data:image/(?:jpe?g|png|gif|x-icon);base64,([A-Za-z0-9+/=]+)")


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
    parts = [
        (m["role"], part) for m in messages if isinstance(m.get("content"), list) for part in m["content"]
    ]
    images = [part for _, part in parts if isinstance(part, dict) and part.get("type") == "image_url"]
    if len(images) > _MOST_IMAGES or not all(_is_part(role, part) for role, part in parts):
        yield "messages.content"


def _is_part(role: str, part: object) -> bool:
    """Say whether this is a part of a message's content: words, or what a user shows."""
    if not isinstance(part, dict):
        return False
    if part.get("type") == "text":
        return isinstance(part.get("text"), str)
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    return part.get("type") == "image_url" and role == "user" and isinstance(url, str) and _is_image(url)


def _is_image(url: str) -> bool:
    """Say whether a URL is that of an image that may be sent; one that holds the image, of 25 MB at most."""
    found = _DATA_URL.fullmatch(url)
    if found is None:
        return url.startswith("https://")
    try:
        return 0 < len(b64decode(found[1], validate=True)) <= _LARGEST_IMAGE
    except ValueError:
        return False


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
