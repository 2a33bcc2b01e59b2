"""The section ``triage`` of bot.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from supportbot.config.section import Section

_TOPIC = r"^[a-z0-9][a-z0-9_-]{0,39}$"


class TriageSection(Section):
    """What a model says about each question, for those who sort them."""

    enabled: bool = Field(False, description="Ask a model of 'model' about every turn.")
    topics: dict[Annotated[str, Field(pattern=_TOPIC)], str] = Field(
        default_factory=dict,
        max_length=40,
        validate_default=True,
        description="What a question may be about: a name, and what belongs to it. 'other' is always there.",
    )
    hand_over: bool = Field(
        False,
        description="Ask for a person instead of answering when the customer wants one. Answers then wait "
        "for the triage, up to its timeout.",
    )
    model: str = Field("", description="Which entry of 'model' is asked; in their order when empty.")
    timeout: float = Field(20.0, gt=0, le=600, description="Seconds one triage may take.")

    @field_validator("topics")
    @classmethod
    def _enabled_needs_topics(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if info.data.get("enabled") and not value:
            raise ValueError("is missing: say what questions may be about, such as {returns: sending back}")
        return value
