"""What a tool returned, made fit for a model to read: text, of bounded length, without secrets."""

from __future__ import annotations

import re
from typing import Any

import orjson
from pydantic_core import PydanticSerializationError, to_json

from supportbot.model.output import clean_answer

_MOST = 16 * 1024  # characters
_CUT = "\n[… the rest is left out: it is too long]"
_LAST_RUN = re.compile(r"[A-Za-z0-9_|-]{1,512}\Z")  # may be the first half of a secret


def as_text(value: Any) -> str:
    """Return a tool's result as text: a string as it is, anything else as JSON.

    At most 16 Ki characters. What looks like a credential, a payment card or a social security number is
    ``[redacted]``, and invisible characters are taken out, as they are from answers.

    Raises:
        TypeError: it is neither text nor anything that JSON can hold, such as bytes.
    """
    text = value if isinstance(value, str) else _json(value)
    if len(text) <= _MOST:
        return clean_answer(text)
    return clean_answer(_LAST_RUN.sub("", text[:_MOST])) + _CUT


def error(message: str) -> str:
    """Return what tells a model that a call came to nothing."""
    return orjson.dumps({"error": message}, default=str).decode()


def _json(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("bytes are no text")
    try:
        return to_json(value).decode()
    except (PydanticSerializationError, UnicodeDecodeError, RecursionError) as unfit:
        raise TypeError(f"a {type(value).__name__} is no JSON") from unfit
