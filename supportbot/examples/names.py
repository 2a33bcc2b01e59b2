"""Where a text says somebody's name: in any case, with or without accents, in full and in part."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from supportbot.knowledge.language import stop_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHORTEST = 2  # characters; initials would be found in every sentence
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_ACCENTS = re.compile("[\u0300-\u036f]")
_INNER = re.compile("[-'.]")
_AROUND = ".,;:()[]<>\"'"
_PARTICLES = frozenset(
    "al bin da de del den der des di dos du el la le te ten ter van von zu".split()  # noqa: SIM905 - words
)
"""What joins the parts of names, and is a word of its own in some language."""
_SENTENCE_BEGINS = re.compile(r"(?:\A|[.!?…:\n][\"'”’)]*|[-*>•]|[\"“„«¿¡(])\s*\Z")
_NEAR = 4  # characters before a word that tell whether a sentence begins with it
_ALIKE = {
    **dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4`\u2032", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i",
}  # fmt: skip
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


class Names:
    """Finds what somebody is called.

    A part that is a common word (Will, May, van) counts only where it is written as a name is: with a
    capital, not at the beginning of a sentence. Else whoever is called "the" would blank out every text.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """``names``: each in full."""
        common = stop_words() | _PARTICLES
        forms = {form: pattern for name in names for form, pattern in _forms(name, common)}
        self._common = common & forms.keys()
        patterns = [pattern for _, pattern in sorted(forms.items(), key=lambda f: len(f[0]), reverse=True)]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def replaced(self, text: str, mark: str) -> str:
        """Return the text with a mark in place of each name."""
        if self._pattern is None:
            return text
        folded, places = _folded(text)
        parts: list[str] = []
        kept = 0
        for match in self._pattern.finditer(folded):
            start, end = places[match.start()], places[match.end()]
            if not self._is_meant(match[0], text, start, end):
                continue
            parts += (text[kept:start], mark)
            kept = end
        return "".join(parts) + text[kept:]

    def _is_meant(self, form: str, text: str, start: int, end: int) -> bool:
        if text[max(0, start - 1) : start] == "[" and text[end : end + 1] == "]":
            return False  # a mark that stands for something else already
        word = text[start:end]
        return form not in self._common or (
            word[:1].isupper()
            and word[1:].islower()
            and not _SENTENCE_BEGINS.search(text[max(0, start - _NEAR) : start])
        )


def _forms(name: str, common: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield what of a name may stand in a text, and the pattern that finds it: each part, all without spaces;
    where a part is a common word, all with spaces too."""
    for spelt in dict.fromkeys(
        (
            unicodedata.normalize("NFC", name),
            unicodedata.normalize("NFD", name),
            unicodedata.normalize("NFC", name).lower().translate(_SPELT_OUT),
        )
    ):
        words = [word for part in _folded(spelt)[0].split() if (word := part.strip(_AROUND))]
        pieces = [piece for word in words for piece in _INNER.split(word)]
        for form in (*words, *pieces, *(_INNER.sub("", word) for word in words), "".join(words)):
            if len(form) >= _SHORTEST:
                yield form, _bounded(re.escape(form), form)
        if len(words) > 1 and not common.isdisjoint(words):
            yield " ".join(words), _bounded(r"[\s.,-]{1,3}".join(map(re.escape, words)), name)


def _bounded(pattern: str, form: str) -> str:
    """Find whole words; in scripts that put no spaces between words, any place."""
    return pattern if _UNSPACED.search(form) else rf"(?<!\w){pattern}(?!\w)"


def _folded(text: str) -> tuple[str, list[int]]:
    """Return a text without case and accents, and where each of its characters stood; then the end."""
    if text.isascii():
        return text.lower().replace("`", "'"), list(range(len(text) + 1))
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in _plain(character):
            letters.append(letter)
            places.append(place)
    return "".join(letters), [*places, len(text)]


def _plain(character: str) -> str:
    """Fold one character. Accents of Latin, Greek and Cyrillic go; marks that are letters elsewhere stay."""
    if not character.isascii():
        apart = unicodedata.normalize("NFKD", character)
        bare = _ACCENTS.sub("", apart)
        character = bare if bare != apart else unicodedata.normalize("NFKC", character)
    return "".join(_ALIKE.get(letter, letter) for letter in character.casefold())
