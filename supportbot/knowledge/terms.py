"""A customer's words become terms: what to look for, and how much each of them matters."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

from supportbot.knowledge.index import Strength
from supportbot.knowledge.language import words
from supportbot.knowledge.spelling import Spelling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from supportbot.knowledge.index import Index
    from supportbot.knowledge.language import Language, Synonyms

_MOST_ABSENT = 4096  # phrases that no article has, and that need not be looked for again
_SYNONYM = 0.65  # how much finding a synonym counts, where finding the word itself counts 1
_BOTH = 0.4  # how much another synonym adds to the strongest
_CORRECTED = 0.85  # and a word that was probably meant
_NEIGHBOUR = 0.5  # what stands elsewhere in the article, counted for each of its sections
_DILUTION = 3  # the power by which mentions in passing make a word less rare than titles do
_UNKNOWN = 1.0  # in how many articles a word would stand that stands in none
_FAINT = 0.4  # the weight of a word of the story around the question
_PRODUCT = 0.25  # the weight of the name of a thing the shop sells
_IN_PASSING = 0.6  # the weight of a word that no article is about, at least
_PAIR = 0.15  # what two words side by side add when the article has them side by side too
_LONGEST_PHRASE = 4  # words
_AGAIN = 0.3  # the weight of what was said in other words before: HOW MUCH do you CHARGE
_GAP = 3  # words that may stand before a particle: SEND [my new lamp] BACK
_MAX_WORDS = 60  # per sentence

_Phrase = tuple[str, ...]
_NOTHING = Strength(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Term:
    """One thing the customer said."""

    expected: float
    """How telling it is: near 0 for what every article has, 1 for what only one is about."""
    gained: Mapping[int, float]
    """What sections gain from it: at most about ``expected``. Empty: no article knows it."""
    own: Mapping[int, float]
    """What of that comes from the section's own heading and text."""

    def fainter(self, factor: float) -> Term:
        """The same term, counting less."""
        return Term(self.expected * factor, _scaled(self.gained, factor), _scaled(self.own, factor))


class Reader:
    """Reads what customers write, in the words of the articles."""

    def __init__(self, index: Index, language: Language, articles: Sequence[int]) -> None:
        """Take the index, the language, and for each section the number of its article."""
        self._index = index
        self._language = language
        self._articles = articles
        self._sections = _grouped(articles)
        self._spelling = Spelling(index.vocabulary)
        self._synonyms, self._meanings = _by_stems(index, language.synonyms)
        self._faint = frozenset(index.stems(sorted(language.faint_words)))
        self._products = frozenset(index.stems(sorted(language.products)))
        # What was found once is remembered by its stems: as many as articles and synonyms have, no more.
        self._known: dict[_Phrase, Term] = {}
        self._known_pairs: dict[_Phrase, Term] = {}
        self._absent: set[_Phrase] = set()

    def read(self, text: str) -> dict[_Phrase, Term]:
        """The terms of a text by their stems, without what tells nothing."""
        spoken = [word for word in words(text) if word not in self._language.fillers][:_MAX_WORDS]
        stems = self._index.stems(spoken)
        terms: dict[_Phrase, Term] = {}
        meant: set[int] = set()
        for phrase, key in self._phrases(spoken, stems):
            if key not in terms and (term := self._term(phrase, key)):
                meanings = self._meanings.get(key, frozenset())
                terms[key] = term if meant.isdisjoint(meanings) else term.fainter(_AGAIN)
                meant |= meanings
        for pair, key in zip(pairwise(spoken), pairwise(stems), strict=True):
            if key not in terms and self._index.side_by_side(*key) and any(map(self._tells, pair)):
                terms[key] = self._bonus(pair, key)
        return terms

    def _phrases(self, spoken: list[str], stems: list[str]) -> Iterator[tuple[_Phrase, _Phrase]]:
        """The longest known phrases from left to right, and the single words between them."""
        for places in self._places(spoken, stems):
            if len(places) > 1 or self._tells(spoken[places[0]]):
                yield tuple(spoken[at] for at in places), tuple(stems[at] for at in places)

    def _places(self, spoken: list[str], stems: list[str]) -> Iterator[Sequence[int]]:
        """Where the words of each phrase stand."""
        apart = self._apart(spoken, stems)
        particles = frozenset(apart.values())
        at = 0
        while at < len(spoken):
            longest = min(_LONGEST_PHRASE, len(spoken) - at)
            length = next(
                (n for n in range(longest, 1, -1) if tuple(stems[at : at + n]) in self._synonyms), 1
            )
            if length == 1 and at in apart:
                yield at, apart[at]
            elif length > 1 or at not in particles:
                yield range(at, at + length)
            at += length

    def _apart(self, spoken: list[str], stems: list[str]) -> dict[int, int]:
        """Where words stand that make a phrase with a particle further on, and where that stands."""
        apart: dict[int, int] = {}
        for particle, word in enumerate(spoken):
            if word in self._language.particles:
                before = range(particle - 1, max(-1, particle - _GAP - 2), -1)
                first = next((at for at in before if (stems[at], stems[particle]) in self._synonyms), None)
                if first is not None and first < particle - 1:
                    apart[first] = particle
        return apart

    def _tells(self, word: str) -> bool:
        if word.isdecimal() or (len(word) == 1 and word.isascii()):
            return False
        return word not in self._language.stop_words

    def _term(self, phrase: _Phrase, stems: _Phrase) -> Term | None:
        known = self._known.get(stems)
        if known:
            return known
        found = {} if stems in self._absent else self._found(phrase, stems)
        if found:
            return self._known.setdefault(stems, self._weighed(found, self._telling(stems)))
        if len(self._absent) >= _MOST_ABSENT:
            self._absent.clear()
        self._absent.add(stems)
        if len(phrase) == 1:
            found = self._corrected(phrase[0])
        if not found and any(c.isdigit() for c in phrase[0]):
            return None  # an order number or an amount: it tells nothing about the subject
        return self._weighed(found, 1.0 if found else self._telling(stems))

    def _telling(self, stems: _Phrase) -> float:
        if len(stems) > 1:
            return 1.0
        return _FAINT if stems[0] in self._faint else _PRODUCT if stems[0] in self._products else 1.0

    def _bonus(self, pair: _Phrase, stems: _Phrase) -> Term:
        """Two words side by side: nothing is expected of them, but an article that has them gains."""
        known = self._known_pairs.get(stems)
        if known is None:
            known = self._weighed(self._index.find(pair), _PAIR)
            known = self._known_pairs[stems] = Term(0.0, known.gained, known.own)
        return known

    def _found(self, phrase: _Phrase, stems: _Phrase) -> dict[int, Strength]:
        found = self._index.find(phrase)
        for synonym in self._synonyms.get(stems, ()):
            _merge(found, self._index.find(synonym), _SYNONYM)
        return found

    def _corrected(self, word: str) -> dict[int, Strength]:
        meant = self._spelling.correct(word)
        found: dict[int, Strength] = {}
        if meant:
            _merge(found, self._found(meant, tuple(self._index.stems(meant))), _CORRECTED)
        return found

    def _weighed(self, found: Mapping[int, Strength], factor: float = 1.0) -> Term:
        """Weigh by the inverse document frequency, counted in articles, each as strongly as it has the term.

        What one section has counts a little for its whole article.
        """
        best: dict[int, float] = {}
        for section, strength in found.items():
            article = self._articles[section]
            best[article] = max(best.get(article, 0.0), strength.overall)
        frequency = sum(strength**_DILUTION for strength in best.values()) or _UNKNOWN
        telling = max(_IN_PASSING, max(best.values(), default=1.0))
        weight = factor * telling * self._rarity(frequency) / self._rarity(1.0)
        gained = {
            section: weight * max(found.get(section, _NOTHING).overall, strength * _NEIGHBOUR)
            for article, strength in best.items()
            for section in self._sections[article]
        }
        own = {section: weight * strength.own for section, strength in found.items() if strength.own}
        return Term(weight, gained, own)

    def _rarity(self, frequency: float) -> float:
        articles = max(1, len(self._sections))
        return log(1 + (articles - frequency + 0.5) / (frequency + 0.5))


def _grouped(articles: Sequence[int]) -> dict[int, list[int]]:
    sections: dict[int, list[int]] = {}
    for section, article in enumerate(articles):
        sections.setdefault(article, []).append(section)
    return sections


def _merge(found: dict[int, Strength], more: Mapping[int, Strength], factor: float) -> None:
    for section, strength in more.items():
        old = found.get(section, _NOTHING)
        found[section] = Strength(
            _together(old.overall, strength.overall * factor), _together(old.own, strength.own * factor)
        )


def _together(a: float, b: float) -> float:
    """How strongly a section has a word that it has in two ways: a little more than in the stronger one."""
    strong, weak = max(a, b), min(a, b)
    return strong + (1 - strong) * weak * _BOTH


def _scaled(values: Mapping[int, float], factor: float) -> dict[int, float]:
    return {key: value * factor for key, value in values.items()}


def _by_stems(
    index: Index, groups: Sequence[Synonyms]
) -> tuple[dict[_Phrase, tuple[_Phrase, ...]], dict[_Phrase, frozenset[int]]]:
    """For the stems of each phrase, what else it finds, out of all its groups; and the groups' numbers."""
    spoken = sorted({word for group in groups for phrase in group.alike for word in phrase})
    stems = dict(zip(spoken, index.stems(spoken), strict=True))
    table: dict[_Phrase, dict[_Phrase, None]] = {}
    meanings: dict[_Phrase, set[int]] = {}
    for number, group in enumerate(groups):
        for phrase in group.alike:
            key = tuple(stems[word] for word in phrase)
            meanings.setdefault(key, set()).add(number)
            others = table.setdefault(key, {})
            others.update((other, None) for other in group.wider or group.alike if other != phrase)
    return (
        {key: tuple(others) for key, others in table.items()},
        {key: frozenset(numbers) for key, numbers in meanings.items()},
    )
