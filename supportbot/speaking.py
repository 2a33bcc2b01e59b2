"""What the team was told of a conversation follows who speaks in it, wherever that is changed.

A notice is one delivery for good. Once it was delivered, a change plans the same delivery anew, and its
channel brings the post up to date (``supportbot.channel.CanUpdate``): several changes before that are one
update, which tells how it is by then. What changes while the notice is on its way is seen when that ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, literal_column, select, update

from supportbot.changes import Change
from supportbot.journal import note
from supportbot.store import Statement
from supportbot.store.values import from_json
from supportbot.tables import deliveries, events

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from supportbot.journal import Actor
    from supportbot.messages import State
    from supportbot.store import Tx

_NOTICE: ColumnElement[str] = literal_column("'notice'")
_STANDS = (
    deliveries.c.external_id != literal_column("''"),
    deliveries.c.state.in_((literal_column("'delivered'"), literal_column("'dead'"))),
)
_ANEW = {
    "state": "planned",
    "sends": 0,
    "looks": 0,
    "waits": 0,
    "reason": "",
    "death": "",
    "planned_at": bindparam("now"),
    "due_at": bindparam("now"),
    "updated_at": bindparam("now"),
}
_of_it = (deliveries.c.conversation_id == bindparam("conversation"), deliveries.c.kind == _NOTICE)
_newest = (
    select(deliveries.c.seq)
    .where(*_of_it)
    .distinct()
    .order_by(deliveries.c.seq.desc())
    .limit(literal_column("3"))
    .subquery()
)
_FOLLOW = Statement(
    update(deliveries)
    .where(
        *_of_it,
        *_STANDS,
        # of the newest hand-overs: who is handed over again and again has many, and nobody looks at the old
        # ones; nor must a change cost more for them
        deliveries.c.seq >= select(func.min(_newest.c.seq)).scalar_subquery(),
    )
    .values(**_ANEW)
    .returning(deliveries.c.id)
)
_RENEW = Statement(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery"), deliveries.c.kind == _NOTICE, *_STANDS)
    .values(**_ANEW)
)
_LEAVE = Statement(
    update(deliveries)
    .where(
        deliveries.c.id == bindparam("delivery"),
        *_of_it,
        deliveries.c.attempt == bindparam("fence"),
        deliveries.c.state == literal_column("'sending'"),
    )
    .values(state="delivered", owner=None, due_at=None, updated_at=deliveries.c.created_at)
)
_LAST_CHANGE = Statement(
    select(events.c.actor, events.c.data, events.c.at)
    .where(
        events.c.conversation_id == bindparam("conversation"),
        events.c.kind == literal_column("'state.changed'"),
    )
    .order_by(events.c.id.desc())
    .limit(bindparam("most"))
)


def changed(
    tx: Tx, conversation_id: str, before: State, after: State, *, actor: Actor, at: int, **data: Any
) -> list[str]:
    """Note that another one speaks in a conversation, and let what the team was told of it follow.

    Args:
        tx: the transaction in which it happens; nobody else changes the conversation meanwhile.
        conversation_id: where.
        before, after: who spoke, and who does.
        actor: who caused it.
        at: when, in Unix milliseconds.
        data: small facts, of which ``by`` (a key) and ``name`` say which person it was.

    Returns the ids of the deliveries that are due by that.
    """
    note(tx, conversation_id, "state.changed", at=at, actor=actor, before=before, after=after, **data)
    rows = tx.rows(_FOLLOW, conversation=conversation_id, now=at)
    return [str(row.id) for row in rows]


def last_change(tx: Tx, conversation_id: str) -> Change | None:
    """Return who let whom speak last; None when that was the bot, which asked for a person."""
    row = tx.row(_LAST_CHANGE, conversation=conversation_id, most=1)
    if row is None or row.actor == "bot":
        return None
    data = from_json(row.data)
    return Change(
        state=data["after"], actor=row.actor, by=data.get("by", ""), name=data.get("name", ""), at=row.at
    )


def follow(tx: Tx, delivery_id: str, told: Change | None, conversation_id: str, now: int) -> bool:
    """Plan a notice anew that was delivered just now, if it tells what is no longer so; says whether it is.

    Args:
        tx: the transaction that records it.
        delivery_id: the notice.
        told: the last change that it tells.
        conversation_id: of which conversation.
        now: Unix milliseconds.
    """
    if last_change(tx, conversation_id) == told:
        return False
    return tx.run(_RENEW, delivery=delivery_id, now=now) == 1


def leave(tx: Tx, delivery_id: str, conversation_id: str, fence: int) -> None:
    """Leave a notice as it was told, since its channel cannot bring it up to date: that delivers nothing.

    Args:
        tx: the transaction that records it.
        delivery_id: the notice, which is being sent.
        conversation_id: of which conversation.
        fence: the claim of it.
    """
    tx.send(_LEAVE, delivery=delivery_id, conversation=conversation_id, fence=fence)
