"""What became of a conversation that others were told of: another one speaks in it, or it is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from supportbot.messages import Contact, Notice, Outbound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.messages import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Another one speaks in a conversation."""

    state: State
    """Who speaks now."""
    actor: str
    """Who caused it: ``person`` (of the team), ``operator`` (on the command line), ``customer``."""
    by: str = ""
    """Which person of the team, by the key that their channel knows them by; may be empty."""
    name: str = ""
    """What they are called, where it is known."""
    at: int = 0
    """When, in Unix milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """A post that told the team of a conversation, and is to hold no word of it: it was deleted."""

    delivery_id: str
    """Of the notice that was posted. The conversation is gone, and so is everything else that it told."""
    address: Mapping[str, Any]
    """Where the team was told, as ``CanNotify`` said then."""
    external_id: str
    """The platform's receipt of the post."""
    deleted_at: int
    """When the conversation was deleted, in Unix milliseconds."""


def sought(delivery_id: str, *, channel: str, address: Mapping[str, Any], created_at: int) -> Outbound:
    """Return a notice of a deleted conversation as it can still be looked for.

    Args:
        delivery_id: its id.
        channel: which was to tell it.
        address: where.
        created_at: from when on it may be there, in Unix milliseconds.
    """
    nobody = Contact(id="", external_id="")
    return Outbound(
        delivery_id=delivery_id,
        conversation_id="",
        message_id="",
        turn_id="",
        tenant="",
        channel=channel,
        external_id="",
        address=address,
        text="",
        seq=0,
        notice=Notice(channel="", address={}, contact=nobody, text=""),
        created_at=created_at,
    )
