"""The section ``moderation`` of bot.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from supportbot.config.section import EndpointSection, Section


class GuardSection(EndpointSection):
    """What judges words."""

    call: Literal["moderations", "chat"] = Field(
        "moderations",
        description="moderations: the endpoint's /moderations; chat: a Llama Guard model, asked by chat.",
    )
    timeout: float = Field(
        10.0, gt=0, le=120, description="Seconds for one verdict, two tries together; without one it failed."
    )
    requests_per_minute: int | None = Field(
        None, ge=1, description="Most requests in any minute; more wait. Not limited when not set."
    )
    concurrency: int | None = Field(
        None, ge=1, le=100_000, description="Most requests at once; more wait. Not limited when not set."
    )

    @property
    def label(self) -> str:
        """What it is called in logs and figures."""
        return self.name or "moderation"


class CheckSection(Section):
    """What moderation looks at, and what follows."""

    on_flagged: Literal["reply", "handoff"] = Field(
        "reply", description="reply: say texts.moderated; handoff: say texts.handoff and ask for a person."
    )
    on_error: Literal["reply", "handoff"] = Field(
        "handoff", description="The same when there is no verdict; the answer is never shown unchecked."
    )


class ModerationSection(Section):
    """Who looks at what customers and models write before it is passed on."""

    guard: GuardSection | None = Field(None, description="What judges it.")
    input: CheckSection | None = Field(
        None, validate_default=True, description="Judge what customers write; not judged when not set."
    )
    output: CheckSection | None = Field(
        None, validate_default=True, description="Judge what models answer; not judged when not set."
    )

    @field_validator("input", "output")
    @classmethod
    def _somebody_judges(cls, value: CheckSection | None, info: ValidationInfo) -> CheckSection | None:
        if value is not None and "guard" in info.data and info.data["guard"] is None:
            raise ValueError("needs somebody to judge: set moderation.guard")
        return value
