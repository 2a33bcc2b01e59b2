"""That another one speaks in a conversation, for those who are told of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Another one speaks in a conversation."""

    state: str
    """Who speaks now: a ``messages.State``; or ``deleted``, and then nothing of the conversation is left."""
    actor: str
    """Who caused it: ``person`` (of the team), ``operator`` (on the command line), ``customer``."""
    by: str = ""
    """Which person of the team, by the key that their channel knows them by; may be empty."""
    name: str = ""
    """What they are called, where it is known."""
    at: int = 0
    """When, in Unix milliseconds."""
