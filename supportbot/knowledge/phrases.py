"""What customers write when they ask nothing: greetings, thanks, farewells, and the wish for a person.

Words only, no understanding; the words stand in ``phrases.txt``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, Self

from supportbot.knowledge.language import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SmallTalk = Literal["greeting", "thanks", "goodbye"]

_LONGEST = 2000  # characters that are read
_SMALL = 8  # words; a longer message is no small talk
_GAP = 3  # words that may stand before the person: "talk to [one of your] agents"
_BEFORE = 4  # words in which a negation counts
_SENTENCE = re.compile(r"[.!?;\n]+")

_Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrases:
    """Recognises set phrases."""

    lists: Mapping[str, frozenset[_Phrase]]

    @classmethod
    def load(cls) -> Self:
        """Read the phrases that come with SupportBot."""
        text = files(__package__).joinpath("phrases.txt").read_text("utf-8")
        lists: dict[str, set[_Phrase]] = {}
        section: set[_Phrase] = set()
        for line in (line.partition("#")[0].strip() for line in text.splitlines()):
            if line.startswith("["):
                section = lists.setdefault(line.strip("[]"), set())
            else:
                section |= {phrase for part in line.split(",") if (phrase := tuple(words(part)))}
        return cls({name: frozenset(phrases) for name, phrases in lists.items()})

    def small_talk(self, text: str) -> SmallTalk | None:
        """What a message is that holds nothing but greetings, thanks and farewells; the last rank first."""
        spoken = words(text[:_LONGEST])
        if len(spoken) > _SMALL:
            return None
        heard: set[str] = set()
        at = 0
        while at < len(spoken):
            kind, length = self._longest(spoken, at, ("goodbye", "thanks", "greeting", "politeness"))
            if not length:
                return None
            heard.add(kind)
            at += length
        kinds: tuple[SmallTalk, ...] = ("goodbye", "thanks", "greeting")
        return next((kind for kind in kinds if kind in heard), None)

    def agrees(self, text: str) -> bool:
        """Whether a message says yes and nothing else: *yes please*, but not *yes?* or *yes, but*."""
        spoken = words(text[:_LONGEST])
        if "?" in text or not 0 < len(spoken) <= _SMALL:
            return False
        agreed, at = False, 0
        while at < len(spoken):
            kind, length = self._longest(spoken, at, ("agreement", "beside agreement"))
            if not length:
                return False
            agreed = agreed or kind == "agreement"
            at += length
        return agreed

    def asks_for_person(self, text: str) -> bool:
        """Whether the customer would like to speak with a person."""
        return any(self._asks(words(sentence)) for sentence in _SENTENCE.split(text[:_LONGEST]))

    def only_asks_for_person(self, text: str) -> bool:
        """Whether a message is the wish for a person and hardly more; one that tells or asks something beside
        it may be for a model to answer first."""
        return len(words(text[:_LONGEST])) <= _SMALL and self.asks_for_person(text)

    def _asks(self, spoken: list[str]) -> bool:
        if any((word,) in self.lists["report"] for word in spoken):
            return False
        return self._is_a_call(spoken) or any(
            self._person_follows(spoken, at, length, kind)
            for at in range(len(spoken))
            for kind, length in [self._longest(spoken, at, ("ask", "want"))]
            if length and not self._negated(spoken, at)
        )

    def _is_a_call(self, spoken: list[str]) -> bool:
        """Nothing but a person, as in *human please* or *a real agent!*."""
        said = [
            word
            for word in spoken
            if (word,) not in self.lists["politeness"] and (word,) not in self.lists["article"]
        ]
        return tuple(said) in self.lists["person"]

    def _person_follows(self, spoken: list[str], at: int, length: int, kind: str) -> bool:
        for start in range(at + length, min(at + length + _GAP + 1, len(spoken))):
            persons = ("person", "someone") if kind == "ask" else ("person",)
            _, size = self._longest(spoken, start, persons)
            if size:
                return self._may_follow(spoken[start + size : start + size + 1], kind)
            if kind == "want" and (spoken[start],) not in self.lists["article"]:
                return False
        return False

    def _may_follow(self, following: list[str], kind: str) -> bool:
        if not following:
            return True
        word = (following[0],)
        return word in self.lists["after"] if kind == "want" else word not in self.lists["described"]

    def _negated(self, spoken: list[str], at: int) -> bool:
        before = spoken[max(0, at - _BEFORE) : at]
        return any(self._longest(before, n, ("negation",))[1] for n in range(len(before)))

    def _longest(self, spoken: list[str], at: int, kinds: tuple[str, ...]) -> tuple[str, int]:
        """The kind and length of the longest phrase that begins at a word; ``("", 0)`` for none."""
        return max(self._phrases_at(spoken, at, kinds), key=lambda found: found[1], default=("", 0))

    def _phrases_at(self, spoken: list[str], at: int, kinds: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        for kind in kinds:
            for length in range(1, min(5, len(spoken) - at) + 1):
                if tuple(spoken[at : at + length]) in self.lists[kind]:
                    yield kind, length
