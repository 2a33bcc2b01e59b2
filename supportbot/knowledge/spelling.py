"""The word that was probably meant: one slip of the finger, or two in a long word."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORTEST = 5  # letters; shorter words have too many neighbours
_MEDIUM = 7  # letters from which a wrong letter is a slip too: share is not spare
_LONG = 9  # letters from which two slips are forgiven
_SHORTEST_PART = 3  # letters of a half of a word that was written together


class Spelling:
    """Knows the words of the articles and finds the one nearest to an unknown one."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        """Take the words, in lower case."""
        self._words = frozenset(vocabulary)
        self._by_start: dict[tuple[str, int], list[str]] = defaultdict(list)
        for word in sorted(self._words):
            if word.isalpha():
                self._by_start[word[0], len(word)].append(word)
        self._remembered = lru_cache(maxsize=4096)(self._corrected)  # people make the same slips

    def correct(self, word: str) -> tuple[str, ...]:
        """The words that were probably meant; empty when none is near.

        The first letter must be right: people rarely get it wrong, and without this rule *weather*
        would become *leather*. ``giftcard`` gives two words.
        """
        if len(word) < _SHORTEST or not word.isalpha():
            return ()
        return self._remembered(word)

    def _corrected(self, word: str) -> tuple[str, ...]:
        slips = 2 if len(word) >= _LONG else 1
        wrong = 1 if len(word) >= _MEDIUM else 2
        near = [
            (distance, candidate)
            for length in range(len(word) - slips, len(word) + slips + 1)
            for candidate in self._by_start.get((word[0], length), ())
            if length >= _SHORTEST and (distance := _distance(word, candidate, wrong, slips)) <= slips
        ]
        return (min(near)[1],) if near else self._parts(word)

    def _parts(self, word: str) -> tuple[str, ...]:
        for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
            if word[:cut] in self._words and word[cut:] in self._words:
                return word[:cut], word[cut:]
        return ()


def _distance(a: str, b: str, wrong: int, limit: int) -> int:
    """Insertions, deletions, wrong letters and swaps of neighbours from a to b (optimal string alignment).

    A wrong letter costs ``wrong``, the others 1. Stops early with ``limit + 1`` when there are more.
    """
    before, row = list[int](), list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        before, previous, row = row, before, [i]
        for j, other in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (0 if letter == other else wrong))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, previous[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]
