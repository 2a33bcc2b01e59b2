"""The words around answers that a visitor missed, in the languages of the website's widget."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from supportbot.storable import clean_text

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("ar", "de", "en", "es", "fr", "he", "it", "ja", "nl", "pl", "pt", "zh")
"""What we have words in; bot.yaml may bring others."""

_FOLDER = Path(__file__).parent / "follow_up_texts"
_RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
"""https://www.unicode.org/cldr: languages whose usual script runs from right to left."""

_LONGEST = {"subject": 200, "intro": 1000, "waiting": 1000, "link": 1000, "asked": 200, "stranger": 2000}
"""Every text's key, and how many characters it may have."""

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


@cache
def _shipped(language: str) -> Mapping[str, str]:
    """Return our own words in one of ``LANGUAGES``."""
    found: dict[str, str] = orjson.loads((_FOLDER / f"{language}.json").read_bytes())
    return found


def check_language(language: str) -> str:
    """Return a language that we have words in.

    Raises:
        ValueError: we have none in it.
    """
    if language not in LANGUAGES:
        raise ValueError(f"must be one of {', '.join(LANGUAGES)}")
    return language


def _check_texts(texts: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    for language, changed in texts.items():
        for key, text in changed.items():
            if key not in _LONGEST:
                raise ValueError(f"{language}.{key} is no text of such a mail: {', '.join(_LONGEST)} are")
            if len(text) > _LONGEST[key]:
                raise ValueError(f"{language}.{key} must have at most {_LONGEST[key]} characters")
            if key == "subject" and not text.strip():
                raise ValueError(f"{language}.subject must not be empty")
    return {language: {k: clean_text(v) for k, v in changed.items()} for language, changed in texts.items()}


class FollowUpWords(BaseModel):
    """What stands around answers that a visitor missed; {name} and {link} are filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    subject: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="The subject, for visitors of every language; by default in theirs.",
    )
    intro: str | None = Field(None, max_length=1000, description="Likewise: above the answers.")
    waiting: str | None = Field(
        None,
        max_length=1000,
        description="Likewise: in place of answers that wait until the address is proven.",
    )
    link: str | None = Field(None, max_length=1000, description="Likewise: the way back to the chat.")
    asked: str | None = Field(None, max_length=200, description="Likewise: above the question.")
    stranger: str | None = Field(
        None, max_length=2000, description="Likewise: below a mail to an address that is not proven."
    )
    language: Annotated[str, AfterValidator(check_language)] = Field(
        "en", description="For visitors whose language is not known, or in which there are no words."
    )
    texts: Annotated[dict[Language, dict[str, str]], AfterValidator(_check_texts)] = Field(
        default_factory=dict, description="Other words, by language and key; of further languages, too."
    )

    def spoken(self, wanted: str) -> str:
        """Return the language of a mail to a visitor who reads ``wanted``, which may be empty."""
        return wanted if wanted in LANGUAGES or wanted in self.texts else self.language

    def words(self, language: str) -> dict[str, str]:
        """Return the texts by their keys, in a language that ``spoken`` returned."""
        own = {key: text for key in _LONGEST if (text := getattr(self, key)) is not None}
        shipped = _shipped(language if language in LANGUAGES else self.language)
        return {**shipped, **own, **self.texts.get(language, {})}


def runs_right_to_left(language: str) -> bool:
    """Say whether a language is written from right to left."""
    return language in _RIGHT_TO_LEFT
