"""Words: how a text is split into them, which say nothing, and which mean the same.

They stand in text files beside this module, such as ``stop_words.txt``; a folder of articles may add its own
under the same names with ``_`` before them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Self

from supportbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_FILE = 256 * 1024  # bytes
_MAX_WORD = 40  # characters; what is longer is no word
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = str.maketrans("", "", "'\u2019\u02bc`")


def words(text: str) -> list[str]:
    """The words of a text, in lower case, without accents and apostrophes: ``Don't`` is ``dont``."""
    plain = text.translate(_APOSTROPHES).lower()
    if not plain.isascii():
        plain = "".join(
            c for c in unicodedata.normalize("NFKD", plain).lower() if not unicodedata.combining(c)
        )
    return [word for word in _WORD.findall(plain) if len(word) <= _MAX_WORD]


@dataclass(frozen=True, slots=True)
class Synonyms:
    """A group of phrases, each a tuple of words."""

    alike: tuple[tuple[str, ...], ...]
    """They may stand for one another, unless there is something wider."""
    wider: tuple[tuple[str, ...], ...] = ()
    """What each of them is a kind of, and so finds; not the other way round."""


@dataclass(frozen=True, slots=True)
class Language:
    """What is known about a language: words only."""

    stop_words: frozenset[str]
    """Words that tell nothing by themselves, though they may in a phrase: *how long*."""
    faint_words: frozenset[str]
    """Words of the story around a question, which tell a little: *my mother*."""
    fillers: frozenset[str]
    """Words that may stand inside a phrase: *send it back*."""
    particles: frozenset[str]
    """Words that end a phrase from a distance: *send my new lamp back*."""
    openers: frozenset[tuple[str, ...]]
    """What a question or a wish begins with: *how*, *i would like*."""
    joints: frozenset[str]
    """Words that join two questions: *and*."""
    synonyms: tuple[Synonyms, ...]
    products: frozenset[str]
    """The things customers name whatever they ask; only a folder's ``_products.txt`` can know them."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the lists that come with SupportBot, and those of a folder of articles.

        Raises:
            ConfigError: a list is not UTF-8 or far too long.
        """
        return cls(
            stop_words=_word_list(folder, "stop_words.txt"),
            faint_words=_word_list(folder, "faint_words.txt"),
            fillers=_word_list(folder, "fillers.txt"),
            particles=_word_list(folder, "particles.txt"),
            openers=frozenset(phrase for line in _lines(folder, "openers.txt") for phrase in _phrases(line)),
            joints=_word_list(folder, "joints.txt"),
            products=_word_list(folder, "products.txt"),
            synonyms=tuple(_synonyms(line) for line in _lines(folder, "synonyms.txt")),
        )


def stop_words() -> frozenset[str]:
    """Return the words that tell nothing by themselves, of those lists that come with SupportBot."""
    return frozenset(word for line in _content(_shipped("stop_words.txt")) for word in words(line))


def _word_list(folder: Path, name: str) -> frozenset[str]:
    return frozenset(word for line in _lines(folder, name) for word in words(line))


def _synonyms(line: str) -> Synonyms:
    alike, _, wider = line.partition(">")
    return Synonyms(alike=_phrases(alike), wider=_phrases(wider))


def _phrases(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(phrase for part in text.split(",") if (phrase := tuple(words(part))))


def _lines(folder: Path, name: str) -> Iterator[str]:
    """The lines of a list that comes with SupportBot and of the folder's own, without comments."""
    yield from _content(_shipped(name))
    yield from _content(_own(folder / f"_{name}"))


def _shipped(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _content(text: str) -> Iterator[str]:
    for line in text.splitlines():
        content = line.partition("#")[0].strip()
        if content:
            yield content


def _own(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        raw = file.read(_MAX_FILE + 1)
    if len(raw) > _MAX_FILE:
        raise ConfigError(problems=f"{path}: is larger than {_MAX_FILE // 1024} KiB: shorten it")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(problems=f"{path}: is not UTF-8: save it as UTF-8") from None
