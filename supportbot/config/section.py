"""What all sections of bot.yaml have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of bot.yaml: unknown keys are errors, nothing is converted in silence, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
