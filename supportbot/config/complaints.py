"""pydantic's errors -> problems in plain words, without the values nobody should read."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from supportbot.config import scalars, shape
from supportbot.config.expand import references
from supportbot.config.nodes import Mapping, Scalar, Sequence
from supportbot.config.problems import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from supportbot.config.nodes import Loc
    from supportbot.config.problems import Findings

_WANTED = {
    "string_type": "text",
    "string_sub_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "path_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_HOW = {
    "a list": "write one entry a line, each after '- '",
    "a mapping": "write its keys below it, indented",
    "true or false": "write true or false, without quotes",
    "text": "write text",
}
_LIMITS = {
    "greater_than_equal": ("is too small", "the least is {ge}"),
    "greater_than": ("is too small", "it must be more than {gt}"),
    "less_than_equal": ("is too large", "the most is {le}"),
    "less_than": ("is too large", "it must be less than {lt}"),
    "string_too_short": ("is too short", "write at least {min_length} characters"),
    "string_too_long": ("is too long", "write at most {max_length} characters"),
    "too_short": ("has too few entries", "the least is {min_length}"),
    "too_long": ("has too many entries", "the most is {max_length}"),
}


class Complaints:
    """Turns pydantic's errors about one part of the file into problems."""

    def __init__(self, model: type[BaseModel], data: Any, findings: Findings, base: Loc) -> None:
        """Take the part's model, its plain values, and the way to it."""
        self._model = model
        self._findings = findings
        self._base = base
        self._hidden = sorted(set(self._unspeakable(data)), key=len, reverse=True)

    def record(self, error: ErrorDetails) -> None:
        """Record one error, unless its value is known to be wrong already."""
        at_key = error["type"] == "extra_forbidden" or error["loc"][-1:] == ("[key]",)
        loc, what, fix = self._words(error, self._way(error["loc"]), about_key=at_key)
        full = (*self._base, *loc)
        if not self._findings.suspect(full):
            self._findings.add(full, what, fix, at_key=at_key)

    def _way(self, loc: Loc) -> Loc:
        """Leave out of pydantic's way what names the branches of a union and other things of its own."""
        way: Loc = ()
        for step in loc:
            longer = (*way, step)
            if self._findings.node((*self._base, *longer)) or shape.field_at(self._model, longer):
                way = longer
        return way

    def _words(self, error: ErrorDetails, loc: Loc, *, about_key: bool) -> tuple[Loc, str, str]:
        """Return what the error is about, what is wrong with it, and what to do."""
        kind, context = error["type"], error.get("ctx", {})
        if kind in {"value_error", "assertion_error"}:
            return self._own_words(loc, str(context["error"]))
        if kind == "missing":
            what, fix = "is missing", self._how_to_add(loc)
        elif kind == "extra_forbidden":
            what, fix = "is not a known key", self._known_keys(loc)
        elif kind == "string_pattern_mismatch" and about_key:
            what, fix = "is not a name that works", "use a-z, 0-9, - and _, and begin with a letter"
        elif kind in _WANTED:
            what, fix = self._wrong_kind(loc, _WANTED[kind])
        elif kind in {"literal_error", "enum"}:
            what, fix = self._wrong_choice(loc, str(context["expected"]))
        elif kind == "string_too_short" and context["min_length"] == 1:
            what, fix = "is empty", "write something, or leave the key out"
        elif kind in _LIMITS:
            what, how = _LIMITS[kind]
            fix = how.format_map(context)
        elif kind == "string_pattern_mismatch":
            what, fix = "does not have the form it must have", self._meaning(loc)
        else:
            what, fix = "does not fit", self._meaning(loc)
        return loc, what, fix

    def _meaning(self, loc: Loc) -> str:
        """Tell what a key holds; pydantic's own words are for those who wrote the model."""
        field = shape.field_at(self._model, loc)
        about = field.description if field else None
        return f"it holds: {about.rstrip('.')}" if about else "see its documentation"

    def _how_to_add(self, loc: Loc) -> str:
        field = shape.field_at(self._model, loc)
        return f"add it ({field.description.rstrip('.')})" if field and field.description else "add it"

    def _known_keys(self, loc: Loc) -> str:
        known = shape.keys_at(self._model, loc[:-1])
        return did_you_mean(str(loc[-1]), known) or f"known here: {', '.join(known)}"

    def _wrong_kind(self, loc: Loc, wanted: str) -> tuple[str, str]:
        node = self._findings.node((*self._base, *loc))
        how = _HOW.get(wanted, f"write {wanted}")
        if isinstance(node, Scalar) and not references(node.text):
            return self._wrong_scalar(node, wanted, how, secret=shape.is_secret(self._model, loc))
        found = {Mapping: ", not a mapping", Sequence: ", not a list"}.get(type(node), "")
        if found and wanted not in _HOW:
            how = f"write {wanted} after the ':'"
        if isinstance(node, Scalar) and not node.plain and wanted not in {"text", "a list", "a mapping"}:
            how = "leave the quotes out"
            if references(node.text):  # which YAML does not read inside of { }
                how += f"; outside of {{ }} and [ ], on a line of its own: {_line(loc[-1])}"
        return f"must be {wanted}{found}", how

    @staticmethod
    def _wrong_scalar(node: Scalar, wanted: str, how: str, *, secret: bool) -> tuple[str, str]:
        if node.value is None:
            return f"is empty and must be {wanted}", f"{how}, or leave the key out"
        if wanted == "text":
            if secret:
                return "must be text, and is a number without quotes", "put it in quotes"
            meaning = json.dumps(node.value)
            same = meaning == node.text
            what = f"must be text, and {shown(node.text)} without quotes is {'' if same else meaning + ', '}"
            kind = "true or false" if isinstance(node.value, bool) else "a number"
            return what + kind, f'put it in quotes: "{shown(node.text)}"'
        if isinstance(node.value, str) and not node.plain and scalars.read(node.text)[0] != node.text:
            return f"must be {wanted}, and is text", "leave the quotes out"
        return f"must be {wanted}", how

    def _wrong_choice(self, loc: Loc, expected: str) -> tuple[str, str]:
        node = self._findings.node((*self._base, *loc))
        choices = re.findall(r"'([^']*)'", expected)
        if not isinstance(node, Scalar) or references(node.text) or shape.is_secret(self._model, loc):
            return "is none of the values it may have", f"write {expected}"
        return f"cannot be '{shown(node.text)}'", did_you_mean(node.text, choices) or f"write {expected}"

    def _own_words(self, loc: Loc, said: str) -> tuple[Loc, str, str]:
        """Take a validator's own words; those of a whole section may begin with the key they are about."""
        said = " ".join(self._silenced(said).split())
        first, _, rest = said.partition(" ")
        if rest and shape.field_at(self._model, (*loc, first)) and first in shape.keys_at(self._model, loc):
            loc, said = (*loc, first), rest
        what, _, fix = said.partition(": ")
        return loc, what.rstrip("."), fix or "correct it"

    def _silenced(self, said: str) -> str:
        """Take values nobody should read out of words that are not ours."""
        for value in self._hidden:
            pattern = re.escape(value) if len(value) > 3 else rf"(?<!\w){re.escape(value)}(?!\w)"
            said = re.sub(pattern, "…", said)
        return "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in said)[:500]

    def _unspeakable(self, data: Any, loc: Loc = ()) -> Iterator[str]:
        """Yield the values that are secret or came from outside of the file."""
        if isinstance(data, dict):
            for key, value in data.items():
                yield from self._unspeakable(value, (*loc, key))
        elif isinstance(data, list):
            for number, value in enumerate(data):
                yield from self._unspeakable(value, (*loc, number))
        elif data not in {None, "", True, False}:
            node = self._findings.node((*self._base, *loc))
            outside = isinstance(node, Scalar) and references(node.text)
            if outside or shape.is_secret(self._model, loc):
                yield str(data)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question that names the nearest known word; empty when none is near."""
    near = get_close_matches(word[:100].lower(), known, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else ""


def _line(key: str | int) -> str:
    """Return how an entry with a reference stands on a line of its own."""
    return "- ${…}" if isinstance(key, int) else f"{key}: ${{…}}"
