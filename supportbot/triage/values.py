"""What a triage holds, and the form in which a model is asked for one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

if TYPE_CHECKING:
    from collections.abc import Iterable

OTHER = "other"
"""The topic of what belongs to none."""

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


def _language(value: str) -> str:
    if not _TAG.fullmatch(value):
        raise ValueError("write a language tag such as en or pt-BR")
    return value


class Triage(BaseModel):
    """What a model says about a question."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: str
    language: Annotated[str, AfterValidator(_language)] = Field(
        description="of the newest messages, as a BCP 47 tag such as en or pt-BR"
    )
    sentiment: Literal["positive", "neutral", "negative"]
    urgency: Literal["low", "normal", "high"]
    wants_person: bool = Field(description="the customer asks for a human being")


def kind_of(topics: Iterable[str]) -> type[Triage]:
    """Return what a model is asked for: a ``Triage`` whose topic is one of these, or ``other``."""
    names: Any = Literal[(*dict.fromkeys([*topics, OTHER]),)]
    return create_model("Triage", __base__=Triage, topic=(names, ...))
