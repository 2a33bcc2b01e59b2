"""A message comes apart into its sentences, and a sentence into the questions that it joins."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from supportbot.knowledge.language import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.knowledge.language import Language

_LONGEST_OPENER = 4  # words
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_SENTENCE_END = re.compile(r"[.!?\n]")


def split(text: str, language: Language, limit: int) -> list[str]:
    """Split at the ends of sentences, and before a question that another one is joined to.

    *What does it cost, and how long does it take?* are two parts, *a chair and a table* is one. There are at
    most ``limit`` parts; the last has the rest.
    """
    starts = [0, *_starts(text, language)][:limit]
    return [text[start:end] for start, end in pairwise([*starts, len(text)])]


def opens(text: str, language: Language) -> bool:
    """Whether a text begins as a question or a wish does."""
    spoken = tuple(words(text[:80])[: _LONGEST_OPENER + 1])
    begin = 1 if spoken[:1] and spoken[0] in language.joints else 0
    return any(spoken[begin : begin + n] in language.openers for n in range(1, _LONGEST_OPENER + 1))


def _starts(text: str, language: Language) -> Iterator[int]:
    """Where a part begins, from the second on."""
    before, end = "", 0
    for word in _WORD.finditer(text):
        between = text[end : word.start()]
        joined = "," in between or before in language.joints
        before, end = word[0].lower(), word.end()
        ended = word.start() > 0 and _SENTENCE_END.search(between) is not None
        if ended or (joined and before not in language.joints and opens(text[word.start() :], language)):
            yield word.start()
