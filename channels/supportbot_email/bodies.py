"""Which parts of a mail are its text: of alternatives one, of what stands one below the other all of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import html

if TYPE_CHECKING:
    from supportbot_email.mime import Entity

MOST_TEXT = 200_000  # characters
_MOST_MARKUP = 5  # parts of HTML that are read
_PLAIN = frozenset({"text/plain", "text"})
_MARKUP = frozenset({"text/html", "application/xhtml+xml"})
_FOR_MACHINES = frozenset({"text/calendar", "text/vcard", "text/x-vcard", "text/directory"})
_SAME = 0.7
"""Share of a text's words that stand in the one before it: then it is that one again, as HTML."""


def text_of(entity: Entity) -> tuple[str, bool]:
    """Return the text for a reader, and whether HTML was read for it.

    An attachment is no text of the mail, unless there is none beside it.
    """
    reading = _Reading()
    pieces = reading.read(entity)
    if any(map(str.strip, pieces)):
        return "\n".join(pieces)[:MOST_TEXT], reading.used_markup
    return "\n".join(_others(entity))[:MOST_TEXT], False


def _others(entity: Entity) -> list[str]:
    """What else is text: of odd types, or sent as a file that is no attachment."""
    leaves = [part for part in entity.walk() if not part.children and part.disposition != "attachment"]
    named = [part.text for part in leaves if part.content_type in _PLAIN]
    if any(map(str.strip, named)):
        return named
    odd = [part for part in leaves if part.content_type.startswith("text/") and not part.filename]
    return [part.text for part in odd if part.content_type not in _FOR_MACHINES | _MARKUP]


class _Reading:
    """Reads one mail's parts."""

    def __init__(self) -> None:
        self.used_markup = False
        self._left = _MOST_MARKUP

    def read(self, part: Entity) -> list[str]:
        """Give the texts of a part and of what is below it, in order."""
        if not part.content_type.startswith("multipart/"):
            return self._leaf(part)
        if part.content_type == "multipart/alternative":
            return self._best(part.children)
        pieces: list[str] = []
        for child in part.children:
            pieces += [one for one in self.read(child) if not _is_again(one, pieces)]
        return pieces

    def _best(self, alternatives: tuple[Entity, ...]) -> list[str]:
        """The first that says something, plain text before all else."""
        for child in sorted(alternatives, key=lambda one: one.content_type not in _PLAIN):
            if any(map(str.strip, found := self.read(child))):
                return found
        return []

    def _leaf(self, part: Entity) -> list[str]:
        if part.disposition == "attachment" or part.filename:
            return []
        if part.content_type in _PLAIN:
            return [part.text]
        if part.content_type in _MARKUP and self._left:
            self._left -= 1
            self.used_markup = True
            return [html.to_text(part.text)]
        return []


def _is_again(text: str, before: list[str]) -> bool:
    """Whether a text is the one before it once more: programs send both without calling them alternatives."""
    words = set(re.findall(r"\w+", text))
    known = set(re.findall(r"\w+", "\n".join(before)))
    return bool(words) and len(words & known) >= _SAME * len(words)
