"""What a server lists of the folders of a mailbox, and which one is for drafts, or for sent mail. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from imap_tools.imap_utf7 import utf7_decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_HERE = Path(__file__).parent
_LINE = re.compile(
    rb'\((?P<flags>[^()]*)\) +(?:"(?P<delim>(?:\\.|[^"\\])+)"|NIL) +(?P<name>.+)', re.IGNORECASE
)
_QUOTED = re.compile(rb'"((?:\\.|[^"\\])*)"')
_ESCAPED = re.compile(rb"\\(.)")
_CLOSED = frozenset({"\\noselect", "\\nonexistent"})
"""Marks of a name that only has others below it, or is a memory (RFC 3501, 7.2.2; RFC 5258, 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A folder, as the server lists it."""

    name: str
    delimiter: str
    """What stands between the levels of a name; empty where there are none."""
    marks: frozenset[str]
    """Its attributes, in small letters, as they are the same in any (RFC 9051, section 9)."""

    @property
    def opens(self) -> bool:
        """Whether it can be opened."""
        return not self.marks & _CLOSED

    @property
    def path(self) -> Sequence[str]:
        """The levels of its name."""
        return self.name.split(self.delimiter) if self.delimiter else [self.name]


def read(lines: Iterable[object]) -> list[Named]:
    """Return the folders of a server's answer, as ``imaplib`` gives it: a name that is a literal comes beside
    its line. What is no such line is left out."""
    return [found for line in lines if (found := _read(line)) is not None]


def _read(line: object) -> Named | None:
    head, literal = (line[0], line[1]) if isinstance(line, tuple) else (line, None)
    found = _LINE.match(head) if isinstance(head, bytes) else None
    if found is None:
        return None
    return Named(
        name=_decoded(literal if literal is not None else _unquoted(found["name"].strip())),
        delimiter=_ESCAPED.sub(rb"\1", found["delim"] or b"").decode("latin-1"),
        marks=frozenset(found["flags"].decode("latin-1").lower().split()),
    )


def _unquoted(name: bytes) -> bytes:
    found = _QUOTED.fullmatch(name)
    return _ESCAPED.sub(rb"\1", found[1]) if found else name


def _decoded(name: bytes) -> str:
    """Return a name that is in modified UTF-7 (RFC 3501, section 5.1.3): we never ask for UTF-8 (RFC 6855),
    so servers that have both give us this one. Some let people make names that are neither."""
    try:
        return utf7_decode(name) if name.isascii() else name.decode("utf-8", "replace")
    except ValueError:
        return name.decode("ascii")


def folder_for(use: str, folders: Iterable[Named]) -> str:
    """Return the name of the folder that is marked for a use (RFC 6154), or usually called so, the one
    nearest the top; empty when there is none that can be opened."""
    can_be = [folder for folder in folders if folder.opens]
    marked = [folder.name for folder in can_be if f"\\{use}" in folder.marks]
    if marked:
        return marked[0]
    called = [folder for folder in can_be if _bare(folder.path[-1]) in _usual()[use]]
    return min(called, key=lambda folder: len(folder.path)).name if called else ""


def _bare(name: str) -> str:
    """Return a name as it is compared: some servers keep its accents as letters of their own."""
    return unicodedata.normalize("NFC", name).casefold().strip()


@cache
def _usual() -> Mapping[str, frozenset[str]]:
    found: dict[str, list[str]] = orjson.loads((_HERE / "folder_names.json").read_bytes())
    return {use: frozenset(map(_bare, names)) for use, names in found.items()}
