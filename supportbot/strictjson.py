"""JSON from strangers: read strictly, in bounded time, into values that every store can hold.

The standard library's parser is lenient where that is dangerous (RFC 8259 leaves it open) and costly
where an attacker chooses the input. Here duplicate names, ``NaN``, numbers beyond 64 bits, trailing
bytes, a byte order mark and invalid UTF-8 are errors; nesting is counted before anything is parsed;
and an escaped half of a surrogate pair, which no UTF-8 text can hold, becomes U+FFFD.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

MAX_DEPTH = 64
"""Deepest nesting of arrays and objects."""

_MAX_DIGITS = 64  # the longest spelling of a number; doubles need 24 characters, 64-bit integers 20
_INT64 = range(-(2**63), 2**63)

# A whole string (one that never ends runs to the end of the text: the search stays linear), or a bracket.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_PAIR_OR_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)
_HALF_PAIR = 6  # the length of a lone \ud83d; a whole pair has twelve characters, other escapes two


class JSONError(ValueError):
    """The text is not JSON that we take. Its message is fixed words of ours, never the text itself."""


def parse(data: bytes) -> Any:
    """Return what the JSON text says.

    Raises:
        JSONError: it is not JSON, or more than we take (see the module's text).
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise JSONError("The JSON text is not UTF-8.") from None
    if _too_deep(text):
        raise JSONError(f"The JSON text is nested more than {MAX_DEPTH} deep.")
    if "\\ud" in text or "\\uD" in text:
        text = _PAIR_OR_ESCAPE.sub(_mend, text)
    try:
        return _DECODER.decode(text)
    except JSONError:
        raise
    except (ValueError, RecursionError):
        raise JSONError("The text is not valid JSON.") from None


def _too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif match[0] in "]}":
            depth -= 1
    return False


def _mend(match: re.Match[str]) -> str:
    return "\\ufffd" if len(match[0]) == _HALF_PAIR else match[0]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JSONError("The JSON text has an object with the same name twice.")
    return found


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) <= _MAX_DIGITS else None
    if number is None or number not in _INT64:
        raise JSONError("The JSON text has an integer beyond 64 bits.")
    return number


def _float(digits: str) -> float:
    number = float(digits) if len(digits) <= _MAX_DIGITS else math.inf
    if math.isinf(number):
        raise JSONError("The JSON text has a number that is too large or too long.")
    return number


def _constant(name: str) -> NoReturn:
    raise JSONError("The JSON text has NaN or Infinity, which JSON does not know.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
