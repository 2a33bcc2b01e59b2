"""Which language a mail is in, as far as its small words tell; and the line above what a reply quotes, in it.

Only our own words go by it, so a wrong guess is a small harm and none is made where it is unsure.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

_HERE = Path(__file__).parent
_MOST = 5_000
"""Characters of a text that are looked at."""

_FEWEST = 2
"""Small words of a language that a text has to have."""

_AHEAD = 1.3
"""How many times as many of one language there have to be as of any other."""

_WORD = re.compile(r"[^\W\d_]+")
_KANA = re.compile("[\u3041-\u30ff]")
_HAN = re.compile("[\u4e00-\u9fff]")
_HEBREW = re.compile("[\u05d0-\u05ea]")
_ARABIC = re.compile("[\u0621-\u064a]")
_PERSIAN = re.compile("[\u067e\u0686\u0698\u06af\u06a9\u06cc\u06d2\u0679\u0688]")
"""Letters that Persian and Urdu have, and Arabic has not."""

_LETTER = re.compile(r"[^\W\d_]")


def language_of(text: str) -> str:
    """Return the language of a text as ISO 639-1 has it (``de``); empty where it cannot be told.

    One of those that there are words in: ``follow_up_words.LANGUAGES``.
    """
    start = text[:_MOST]
    if written := _by_script(start):
        return written
    words = _WORD.findall(start.lower())
    counts = sorted(
        ((sum(word in small for word in words), name) for name, small in _small_words().items()), reverse=True
    )
    (most, name), (second, _) = counts[:2]
    return name if most >= _FEWEST and most >= _AHEAD * second else ""


def _by_script(text: str) -> str:
    """Return the language whose letters most of a text is written in."""
    half = len(_LETTER.findall(text)) / 2
    if not half:
        return ""
    kana, han = len(_KANA.findall(text)), len(_HAN.findall(text))
    if kana + han > half:
        return "ja" if kana > han / 10 else "zh"
    if len(_HEBREW.findall(text)) > half:
        return "he"
    return "ar" if len(_ARABIC.findall(text)) > half and not _PERSIAN.search(text) else ""


def attribution(own: Mapping[str, str], language: str, *, who: str, date: str) -> str:
    """Return the line above what a reply quotes.

    Args:
        own: what bot.yaml puts in its place, by language; not for a mail without a date where it has one.
        language: one of ``own`` or of ours.
        who: the customer, as they are shown.
        date: when they wrote, in a form for all languages; empty: nobody knows.
    """
    ours = _shipped().get(language) or _shipped()["en"]
    line = own.get(language, ours["wrote"])
    if not date and "{date}" in line:
        line = ours["undated"]
    return line.replace("{date}", date).replace("{who}", who)


@cache
def _small_words() -> Mapping[str, frozenset[str]]:
    found: dict[str, str] = orjson.loads((_HERE / "language_words.json").read_bytes())
    return {name: frozenset(words.split()) for name, words in found.items()}


@cache
def _shipped() -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = orjson.loads((_HERE / "reply_texts.json").read_bytes())
    return found
