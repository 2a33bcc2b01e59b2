"""The journal: one row for everything that happens to a conversation, for ``supportbot explain``.

Written in the same transaction as what it tells of, so that it can neither lie nor lag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import insert

from supportbot.store import Statement
from supportbot.store.values import to_json
from supportbot.tables import events

if TYPE_CHECKING:
    from supportbot.store import Tx

Actor = Literal["customer", "bot", "person", "operator", "system"]

_NOTE = Statement(insert(events).inline())


def note(
    tx: Tx,
    conversation_id: str,
    kind: str,
    *,
    at: int,
    actor: Actor = "system",
    message_id: str | None = None,
    turn_id: str | None = None,
    delivery_id: str | None = None,
    **data: Any,
) -> None:
    """Write down that something happened.

    Args:
        tx: the transaction in which it happens.
        conversation_id: to which conversation.
        kind: ``noun.verb``, such as ``turn.claimed``; docs/storage.md lists them.
        at: when, in Unix milliseconds.
        actor: who caused it.
        message_id, turn_id, delivery_id: what it is about.
        data: small facts, never customers' words.
    """
    tx.send(
        _NOTE,
        conversation_id=conversation_id,
        kind=kind,
        actor=actor,
        message_id=message_id,
        turn_id=turn_id,
        delivery_id=delivery_id,
        data=to_json(data) if data else "{}",
        at=at,
    )
