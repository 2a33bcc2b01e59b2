"""The filters and tests a template may use: Jinja's own where they are harmless, bounded ones elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from jinja2 import Undefined, pass_environment
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.tests import TESTS

from supportbot.prompt.limits import bounded, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jinja2 import Environment

_MOST_INDENT = 80
_MOST_DIGITS = 12


def printable(value: Any) -> str:
    """Return what a template prints as text.

    Raises:
        SecurityError: it is neither text nor a number, and would print as Python sees it.
    """
    if isinstance(value, str | int | float | Undefined):
        return str(value)  # an undefined one fails here, with the right words
    if value is None:
        raise SecurityError("none is no text; give it one with | default('…', true)")
    raise SecurityError("a list or a mapping is no text; use | join(', ') or | tojson")


def concatenated(values: Iterable[Any], separator: str = "") -> str:
    """Join texts and numbers, if the result is not too long."""
    texts = [printable(value) for value in values]
    bounded("", sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


@pass_environment
def _join(env: Environment, value: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    return concatenated(map(make_attrgetter(env, attribute), value) if attribute is not None else value, d)


def _replace(value: Any, old: str, new: str, count: int | None = None) -> str:
    text = printable(value)
    times = text.count(old) if count is None else min(count, text.count(old))
    return bounded(text, len(text) + times * (len(new) - len(old))).replace(old, new, times)


def _indent(value: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """Put ``width`` spaces, or the text ``width``, before every line but the first."""
    margin = width if isinstance(width, str) else " " * min(width, _MOST_INDENT)
    text = printable(value)
    bounded(text, len(text) + len(margin[:_MOST_INDENT]) * (text.count("\n") + 1))
    lines = [margin[:_MOST_INDENT] + line if line or blank else line for line in text.split("\n")]
    return "\n".join(lines if first else [text.split("\n", 1)[0], *lines[1:]])


def _quoted(value: Any) -> str:
    """Put ``> `` before every line: a quotation that nothing in it can end."""
    return _indent(value, "> ", first=True, blank=True)


def _round(value: float, precision: int = 0) -> float:
    return round(value, max(-_MOST_DIGITS, min(precision, _MOST_DIGITS)))


def _tojson(value: Any) -> str:
    """Write plain data as JSON in one line, keys sorted."""
    pieces, length = [], 0
    for piece in json.JSONEncoder(ensure_ascii=False, sort_keys=True).iterencode(value):
        length += len(piece)
        step()
        bounded("", length)
        pieces.append(piece)
    return "".join(pieces)


def _of_text(name: str) -> Callable[..., Any]:
    """Return Jinja's filter of this name, for texts and numbers only: nothing long is made to text."""
    original = FILTERS[name]

    def checked(value: Any, *args: Any, **kwargs: Any) -> Any:
        return original(printable(value), *args, **kwargs)

    return checked


@pass_environment
def _truncate(
    env: Environment, value: Any, length: int = 255, killwords: bool = False, end: str = "…"
) -> str:
    shortened: str = FILTERS["truncate"](env, printable(value), max(length, len(end)), killwords, end, 0)
    return shortened


_OF_TEXTS = ("capitalize", "lower", "title", "trim", "upper", "wordcount")
_OF_LISTS = (
    *("count", "dictsort", "first", "items", "last", "length", "list", "map", "max", "min"),
    *("reject", "rejectattr", "reverse", "select", "selectattr", "sort", "unique"),
)
_OF_ANYTHING = ("abs", "d", "default", "float", "int")
_TESTS = (
    *("boolean", "defined", "divisibleby", "even", "false", "in", "integer", "lower", "mapping"),
    *("none", "number", "odd", "sequence", "string", "true", "undefined", "upper"),
    *("eq", "ge", "gt", "le", "lt", "ne", "==", "!=", "<", "<=", ">", ">="),
)

SAFE_FILTERS: Mapping[str, Callable[..., Any]] = {
    **{name: _of_text(name) for name in _OF_TEXTS},
    **{name: FILTERS[name] for name in (*_OF_LISTS, *_OF_ANYTHING)},
    "indent": _indent,
    "join": _join,
    "quoted": _quoted,
    "replace": _replace,
    "round": _round,
    "string": printable,
    "tojson": _tojson,
    "truncate": _truncate,
}
"""What may stand behind a ``|``; documented in docs/prompts.md."""

SAFE_TESTS: Mapping[str, Callable[..., Any]] = {name: cast("Any", TESTS)[name] for name in _TESTS}
"""What may stand behind ``is``; documented in docs/prompts.md."""
