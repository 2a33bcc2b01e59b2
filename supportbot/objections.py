"""What keeps a question from being answered, or an answer from being given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why moderation lets something not pass."""

    of: Literal["input", "output"]
    """What the customer wrote, or what the model answered."""
    categories: tuple[str, ...] = ()
    """What it is, in the moderator's own words; empty when it did not say, or gave no verdict."""
    error: str = ""
    """Why there is no verdict, in one line; empty when there is one."""
