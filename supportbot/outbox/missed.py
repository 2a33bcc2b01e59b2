"""Deliveries that answer nothing: they tell in a conversation's second channel what was missed in its first.

What one tells is looked up again at each try. What was seen since is left out, and when nothing is left, or
the conversation goes on at another address by now, the delivery is taken back: it has not been handed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, literal_column, select

from supportbot import routes
from supportbot.ids import new_id
from supportbot.journal import note
from supportbot.messages import Missed, Outbound
from supportbot.store import Statement
from supportbot.store.values import from_json, message_from
from supportbot.tables import conversations, deliveries
from supportbot.tables import routes as _routes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.messages import Message
    from supportbot.store import Tx

_NOW = Statement(
    select(conversations.c.seen_seq, _routes.c.external_id)
    .join(_routes, _routes.c.conversation_id == conversations.c.id, isouter=True)
    .where(conversations.c.id == bindparam("conversation"))
)
_TAKE_BACK = Statement(
    delete(deliveries).where(
        deliveries.c.id == bindparam("delivery"), deliveries.c.state == literal_column("'planned'")
    )
)


def told(messages: Sequence[Message], withheld: Sequence[Message], **more: Any) -> dict[str, Any]:
    """Return what a follow-up tells, as it is stored with its delivery.

    Args:
        messages: whose words it tells.
        withheld: the others.
        more: the further fields of ``Missed``.
    """
    numbers = {"told": [m.seq for m in messages], "withheld": [m.seq for m in withheld]}
    return {**numbers, **more}


def complete(tx: Tx, outbound: Outbound, stored: str, *, whole: bool) -> Outbound | None:
    """Return a follow-up with what it still has to tell; None when that is nothing any more.

    Args:
        tx: the transaction in which it is claimed.
        outbound: the delivery without it.
        stored: what ``told`` made, as JSON.
        whole: it may have been sent already, and is what it was.
    """
    now, plan = tx.row(_NOW, conversation=outbound.conversation_id), from_json(stored)
    if now is None or (now.external_id != outbound.external_id and not whole):
        return None
    numbers = sorted(n for n in (*plan["told"], *plan["withheld"]) if whole or n > now.seen_seq)
    if not numbers:
        return None
    here = {"conversation": outbound.conversation_id}
    rows = tx.rows(routes.MISSED, first=numbers[0], last=numbers[-1], most=4 * routes.MOST, **here)
    asked = tx.row(routes.QUESTION, before=numbers[-1], most=1, **here)  # which the last answer is to
    messages = tuple(message_from(row) for row in rows if row.seq in plan["told"] and row.seq in numbers)
    missed = Missed(
        messages=messages,
        withheld=sum(seq in numbers for seq in plan["withheld"]),
        proven=plan["proven"],
        question=asked.text if asked else "",
        name=plan["name"],
        link=plan["link"],
        language=plan.get("language", ""),
    )
    return outbound.evolve(missed=missed, text="\n\n".join(m.text for m in messages))


def take_back(tx: Tx, outbound: Outbound, now: int) -> None:
    """Take a follow-up back that has not been handed over."""
    if tx.run(_TAKE_BACK, delivery=outbound.delivery_id) == 1:
        note(
            tx,
            outbound.conversation_id,
            "follow_up.taken_back",
            at=now,
            message_id=outbound.message_id,
            delivery_id=outbound.delivery_id,
        )


def planned(conversation: Any, route: Any, last: Message, now: int) -> Outbound:
    """Return the delivery that tells what was missed, without what that is.

    Args:
        conversation: its row.
        route: where it goes on.
        last: the newest message that it tells of.
        now: Unix milliseconds.
    """
    return Outbound(
        delivery_id=new_id("dlv"),
        conversation_id=conversation.id,
        message_id=last.id,
        turn_id="",
        tenant=conversation.tenant_id,
        channel=route.channel,
        external_id=route.external_id,
        address=from_json(route.address),
        text="",
        seq=last.seq,
        created_at=now,
    )
