"""The keys of bot.yaml about money: what a model costs, and how much may be spent."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from supportbot.config.section import Section


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        raise ValueError("is not a time zone: write one such as Europe/Amsterdam, or UTC") from None
    return value


class PriceSection(Section):
    """What a model costs, in ``spending.currency`` for a million tokens."""

    input: float = Field(ge=0, le=100_000, description="A million tokens of prompts.")
    output: float = Field(ge=0, le=100_000, description="A million tokens of answers.")
    cached_input: float | None = Field(
        None,
        ge=0,
        le=100_000,
        description="A million tokens of prompts that the endpoint had in its cache; the price of input when "
        "not set.",
    )


class CapSection(Section):
    """The most that may be used."""

    tokens: int | None = Field(
        None, ge=1, le=10**15, description="Tokens, prompts and answers together. Not limited when not set."
    )
    cost: float | None = Field(
        None, gt=0, le=10**9, description="Money, in spending.currency. Not limited when not set."
    )

    @property
    def is_set(self) -> bool:
        """Whether it limits anything."""
        return self.tokens is not None or self.cost is not None


class SpendingSection(Section):
    """What models may cost. When a cap is reached they are not asked any more, and the knowledge answers."""

    currency: str = Field(
        "USD", pattern="^[A-Z]{3}$", description="What the prices are in: three letters, as in ISO 4217."
    )
    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        "UTC", description="Where a day begins at midnight, such as Europe/Amsterdam."
    )
    conversation: CapSection = Field(
        default_factory=CapSection, description="The most one conversation may use, ever."
    )
    day: CapSection = Field(
        default_factory=CapSection, description="The most all conversations may use in a day."
    )
