"""What an unquoted YAML scalar means: the core schema of YAML 1.2.2, section 10.3.2, and no more.

What readers of YAML 1.1 would take for something else (``no``, ``0777``, ``12:30``) has a meaning
here too, but comes with a warning: whoever wrote it may have meant the other thing.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supportbot.config.nodes import Value

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

_QUOTE = "put it in quotes"
_TRAPS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"(?i:yes|no|on|off|y|n)"),
        "a word that some YAML readers take for true or false",
        "write true or false, or put it in quotes if the word is meant",
    ),
    (
        re.compile(r"[-+]?0[0-9]+"),
        "a number with a leading zero, which some YAML readers take for octal",
        "leave the zero out, or put it in quotes if text is meant",
    ),
    (
        re.compile(r"[-+]?0[xob][0-9a-fA-F_]+"),
        "a number that YAML readers read differently",
        "write it in decimal, or put it in quotes if text is meant",
    ),
    (
        re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?"),
        "a text to some YAML readers and a number to others",
        "leave the underscores out, or put it in quotes if text is meant",
    ),
    (
        re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"),
        "a time, which some YAML readers take for a number in base 60",
        _QUOTE,
    ),
    (
        re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"),
        "a date, which some YAML readers do not take for text",
        _QUOTE,
    ),
    (
        re.compile(r"[-+]?\.(?i:inf)|\.(?i:nan)"),
        "not a number to reckon with",
        "write an ordinary number, or put it in quotes if text is meant",
    ),
)
_TOO_LARGE = ("too large a number", "write a smaller one, or put it in quotes if text is meant")
_LARGEST = 2**63 - 1
_MOST_DIGITS = 19


def read(text: str) -> tuple[Value, tuple[str, str] | None]:
    """Return the value of an unquoted scalar and, for a trap, (why it is one, what to write instead)."""
    if text in _NULL:
        return None, None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE, None
    for pattern, why, instead in _TRAPS:
        if pattern.fullmatch(text):
            return text, (why, instead)
    number = read_number(text)
    if number is None:
        return text, None
    if abs(number) > _LARGEST or not math.isfinite(number):
        return text, _TOO_LARGE
    return number, None


def read_number(text: str) -> int | float | None:
    """Return the number that a text is in YAML 1.2, infinite when it is too large; None if it is none."""
    if _INT.fullmatch(text):
        return int(text) if len(text) <= _MOST_DIGITS + 1 else math.inf
    return float(text) if _FLOAT.fullmatch(text) else None
