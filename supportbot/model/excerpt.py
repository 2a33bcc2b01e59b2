"""The part of a passage that answers a question best, short enough for a chat, with its Markdown whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supportbot.knowledge.articles import blocks
from supportbot.knowledge.language import words

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEM = 5  # letters by which two words count as the same
_SHORTEST = 4  # letters of a word that tells something
_ITEM = re.compile(r"\s{0,3}(?:[-*+]|\d{1,3}[.)])\s")
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
# A sentence ends before a capital letter or emphasis; "e.g. this", "5.95" and "1. item" go on.
_SENTENCE_END = re.compile(r"(?<=[^\W\d][.!?…)\"*])\s+(?=[*_`\"“(]*[A-ZÀ-Þ0-9€])")


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is taken or left as a whole: a sentence, an item of a list, a table, a block of code."""

    glue: str
    """What stands between it and the piece before."""
    text: str


def excerpt(text: str, question: str, limit: int = 600) -> str:
    """Cut a passage to at most ``limit`` characters: the neighbouring sentences, items and blocks that have
    most of the question's words. A text that is short enough comes back as it is.
    """
    text = text.strip()
    if len(text) <= limit:
        return text
    pieces = [piece for block in blocks(text) for piece in _pieces(block)]
    asked = _stems(question)
    fits = [len(asked & _stems(piece.text)) for piece in pieces]
    first, last = max(_windows(pieces, limit), key=lambda window: (sum(fits[slice(*window)]), -window[0]))
    return _cut(_joined(pieces[first:last]), limit)


def _windows(pieces: list[_Piece], limit: int) -> Iterator[tuple[int, int]]:
    """For each piece, the longest run from it that is short enough; the piece alone if it is too long.

    A run never begins after a line that introduces it: *Bring:* belongs to the list below.
    """
    for first in range(len(pieces)):
        if first and pieces[first - 1].text.endswith(":"):
            continue
        last = first + 1
        while last < len(pieces) and len(_joined(pieces[first : last + 1])) <= limit:
            last += 1
        while last - first > 1 and last < len(pieces) and pieces[last - 1].text.endswith(":"):
            last -= 1
        yield first, last


def _pieces(block: str) -> Iterator[_Piece]:
    lines = block.splitlines()
    if _FENCE.match(lines[0]) or lines[0].lstrip().startswith("|"):
        yield _Piece("\n\n", block)
    elif _ITEM.match(lines[0]):
        for number, item in enumerate(_items(lines)):
            yield _Piece("\n" if number else "\n\n", item)
    else:
        for number, sentence in enumerate(_SENTENCE_END.split(" ".join(line.strip() for line in lines))):
            yield _Piece(" " if number else "\n\n", sentence)


def _items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        if _ITEM.match(line):
            items.append(line)
        else:
            items[-1] += "\n" + line
    return items


def _joined(pieces: list[_Piece]) -> str:
    return pieces[0].text + "".join(piece.glue + piece.text for piece in pieces[1:])


def _cut(text: str, limit: int) -> str:
    """Cut what has no better place to be cut: between lines, closing a block of code, or between words."""
    if len(text) <= limit:
        return text
    fence = _FENCE.match(text)
    closing = f"\n{fence[1]}" if fence else ""
    part = text[: limit - len(closing) - 2]
    at = part.rfind("\n" if fence or text.startswith("|") else " ")
    part = part[:at] if at > 0 else part
    return part + closing if closing else part + " …"


def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:_STEM] for word in words(text) if len(word) >= _SHORTEST)
