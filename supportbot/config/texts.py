"""What customers read when no model wrote it: the section ``texts`` of bot.yaml, and our own words for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
from pydantic import AfterValidator, Field, field_validator

from supportbot.config.section import Section

if TYPE_CHECKING:
    from collections.abc import Mapping


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty: write what the customer is to read, or leave the key out")
    return value


Text = Annotated[str, AfterValidator(_text)]
"""Words a customer reads: never blank."""

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
"""As ISO 639 writes it."""


class TextsSection(Section):
    """The fixed texts a customer may read when no model wrote any."""

    unknown: Text = Field(
        "I could not find an answer to that in what I know. Would you like to talk to a person? "
        'Just write "talk to a person".',
        description="Said when nothing in the knowledge answers the question.",
    )
    unsure: Text = Field(
        'I am not sure what you mean. Is it one of these? Write the one you mean, or "talk to a person".',
        description="Said before the titles of passages that may be meant, by the knowledge model.",
    )
    handoff: Text = Field(
        "I have asked a person from our team to take over. They will answer you here.",
        description="Said when a conversation is handed to a person.",
    )
    failed: Text = Field(
        "Sorry, something went wrong on our side with that message. "
        "I have put it aside for a person to look at.",
        description="Said when a message could not be answered after all tries.",
    )
    moderated: Text = Field(
        "I am sorry, I cannot help you with that here.",
        description="Said when moderation has something against the question or the answer.",
    )
    confirm: Text = Field(
        "May I do this for you: {action}? Write yes to confirm; anything else, and nothing is done.",
        description="Asked before a tool with 'confirm' is run; {action} says what it would do.",
    )
    greeting: Text = Field(
        "Hello! How can I help you?", description="Said to a greeting, by the knowledge model."
    )
    thanks: Text = Field(
        "You are welcome! Is there anything else I can do for you?",
        description="Said to thanks, by the knowledge model.",
    )
    goodbye: Text = Field(
        "Goodbye, and thank you for writing to us.", description="Said to a farewell, by the knowledge model."
    )

    translations: dict[Language, dict[str, Text]] = Field(
        default_factory=dict,
        description="The same but 'confirm' in other languages, by language and key, for customers who are "
        "known to read them.",
    )

    @field_validator("confirm")
    @classmethod
    def _confirm_says_what(cls, value: str) -> str:
        if "{action}" not in value:
            raise ValueError("does not say what is to be done: write {action} where that belongs")
        return value

    @field_validator("translations")
    @classmethod
    def _translations_are_of_texts(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        # What a customer agrees to has to be the same words later, also if their language is known by then.
        keys = cls.model_fields.keys() - {"translations", "confirm"}
        for language, texts in value.items():
            if wrong := sorted(texts.keys() - keys):
                raise ValueError(f"{language}.{wrong[0]} is no text: {', '.join(sorted(keys))} are")
        return value

    def of(self, language: str) -> TextsSection:
        """Return the texts for a customer who reads a language; empty where that is not known.

        What bot.yaml does not say in it is as bot.yaml says it for all, and where it does not, as we do.
        """
        ours = _shipped().get(language, {})
        more = {key: text for key, text in ours.items() if key not in self.model_fields_set}
        more |= self.translations.get(language, {})
        return self.model_copy(update=more) if more else self

    def all_of(self, name: str) -> frozenset[str]:
        """Return a text in every language that a customer may have read it in.

        Args:
            name: its key, such as ``unknown``.
        """
        languages = ("", *_shipped(), *self.translations)
        return frozenset(getattr(self.of(language), name) for language in languages)


@cache
def _shipped() -> Mapping[str, Mapping[str, str]]:
    """Return our own words by language, those that a person stands behind: the rest is for bot.yaml."""
    found: dict[str, dict[str, str]] = orjson.loads(Path(__file__).with_name("texts.json").read_bytes())
    return found
