"""Text made fit for a model to read: nothing hidden in it, and no longer than it may be."""

from __future__ import annotations

import re

from supportbot.tokens import estimate

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls other than tab and line ends
    "\u00ad\u180e\u200b\u2060-\u2064\ufeff"  # soft hyphen, zero-width spaces, invisible operators
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks and overrides of writing direction
    "\U000e0000-\U000e0fff"  # tags ("ASCII smuggling") and supplementary variation selectors
    "]+"
    "|(?<=[\u200c\u200d])[\u200c\u200d]+"  # one joiner shapes a letter or an emoji; rows of them carry data
    "|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]+"  # the same for variation selectors
)
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")
_SUSPECT = re.compile(  # any of the above; most texts have none, and a plain set is searched ten times faster
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)

_CHARACTERS_PER_TOKEN = 13  # ``estimate`` never counts fewer tokens than one for so many


def visible(text: str) -> str:
    """Remove what a person would not see but a model reads, and make every line end ``\\n``.

    Removed are control characters, tag characters, zero-width characters and direction overrides,
    the hiding places for instructions. Joiners and variation selectors stay where they stand
    alone, because Persian, Hindi and many emoji are written with them.
    """
    if not _SUSPECT.search(text):
        return text
    return _HIDDEN.sub("", _LINE_ENDS.sub("\n", text))


def one_line(text: str, characters: int) -> str:
    """Make a ``visible``, single-line text of at most ``characters``, for names and titles."""
    line = " ".join(visible(text[: 4 * characters]).split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def clip(text: str, characters: int) -> str:
    """Leave the middle out of a text that is longer than ``characters``, saying how much is missing.

    The marker comes on top of ``characters``.
    """
    if len(text) <= characters:
        return text
    head = characters - characters // 2
    return _marked(text, head, characters - head)


def shorten(text: str, tokens: int) -> str:
    """Leave the middle out of a text that costs more than ``tokens``, saying how much is missing.

    The result costs at most ``tokens``, provided that there is room for the marker (20 tokens).
    """
    if fits(text, tokens):
        return text
    half = (tokens - estimate(_marker(len(text)))) // 2
    reach = half * _CHARACTERS_PER_TOKEN
    return _marked(text, _affordable(text[:reach], half), _affordable(text[-reach:][::-1], half))


def fits(text: str, tokens: int) -> bool:
    """Say whether a text costs at most ``tokens``, without reading all of one that cannot."""
    return len(text) <= tokens * _CHARACTERS_PER_TOKEN and estimate(text) <= tokens


def _marker(characters: int) -> str:
    return f"\n[… {characters} characters left out …]\n"


def _marked(text: str, head: int, tail: int) -> str:
    """Keep so many characters of both ends."""
    return text[:head] + _marker(len(text) - head - tail) + text[len(text) - tail :]


def _affordable(text: str, tokens: int) -> int:
    """Return how many of the first characters cost at most ``tokens``; not quite the most that do."""
    characters = len(text)
    while (cost := estimate(text[:characters])) > tokens:
        characters = characters * tokens // cost
    return characters
