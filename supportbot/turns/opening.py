"""What a turn is opened with: who asks, what was said before, and what is remembered beyond that.

All of it is read by index and bounded, so it costs the same however long the conversation is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import bindparam, literal_column, select

from supportbot.messages import Assurance, Memory, Message, Turn
from supportbot.routes import place_of
from supportbot.store import Statement
from supportbot.store.values import contact_from, from_json, memory_from, message_from
from supportbot.tables import contacts, messages
from supportbot.turns.known import KNOWN, KNOWN_AND_SPENT

if TYPE_CHECKING:
    from supportbot.messages import Contact
    from supportbot.store import Tx

_IN_CONVERSATION = messages.c.conversation_id == bindparam("conversation")

_WINDOW = Statement(
    select(messages)
    .where(
        _IN_CONVERSATION,
        messages.c.seq >= bindparam("first"),
        messages.c.state != literal_column("'pending'"),
        messages.c.state != literal_column("'ignored'"),
    )
    .order_by(messages.c.seq.desc())
    .limit(bindparam("most"))
)
_left_out = select(messages).where(
    _IN_CONVERSATION,
    messages.c.seq > bindparam("after"),
    messages.c.seq < bindparam("before"),
    messages.c.author.in_((literal_column("'customer'"), literal_column("'person'"))),
    messages.c.state != literal_column("'ignored'"),
)
_FIRST_LEFT_OUT = Statement(_left_out.order_by(messages.c.seq).limit(bindparam("most")))
_LAST_LEFT_OUT = Statement(_left_out.order_by(messages.c.seq.desc()).limit(bindparam("most")))
_CONTACT = Statement(select(contacts).where(contacts.c.id == bindparam("contact")))

_LEFT_OUT = 12
"""So many messages are read of what neither the history nor the summary holds, the newest; and the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How turns are claimed (bot.yaml, ``turns`` and ``prompts``)."""

    owner: str
    """Names this process among those that may claim."""
    lease_ms: int
    attempts: int
    history: int
    """How many earlier messages a turn is opened with."""
    only: str = ""
    """Look for work in this channel alone; in all of them when empty."""
    capped: bool = False
    """Also read what the conversation has used of models: there is a cap on that."""


def opened(
    tx: Tx,
    conversation: Any,
    rules: Rules,
    *,
    turn_id: str,
    attempt: int,
    created_at: int,
    asked: tuple[Message, ...],
    suspect: bool = False,
) -> Turn:
    """Return a claimed turn with all that belongs to it.

    Args:
        tx: the transaction of the claim.
        conversation: its row, as the claim left it.
        rules: how many earlier messages to read, and whether there is a cap on spending.
        turn_id, attempt, created_at: the turn's.
        asked: what is to be answered.
        suspect: it may be what its processes died of.
    """
    query = KNOWN_AND_SPENT if rules.capped else KNOWN
    known = tx.row(query, conversation=conversation.id, contact=conversation.contact_id)
    memory = _remembered(tx, conversation.id, known)
    place = place_of(tx, conversation)
    earlier = tx.rows(_WINDOW, conversation=conversation.id, first=memory.from_seq, most=rules.history)
    return Turn(
        id=turn_id,
        conversation_id=conversation.id,
        tenant=conversation.tenant_id,
        channel=place.channel,
        external_id=place.external_id,
        address=from_json(place.address),
        contact=_asker(tx, conversation, known, asked),
        fence=conversation.fence,
        attempt=attempt,
        messages=asked,
        history=tuple(message_from(row) for row in reversed(earlier)),
        memory=memory,
        created_at=created_at,
        suspect=suspect,
        spent_tokens=getattr(known, "spent_tokens", 0),
        spent_cost=getattr(known, "spent_cost", 0),
    )


def _asker(tx: Tx, conversation: Any, known: Any, asked: tuple[Message, ...]) -> Contact:
    """Return who wrote the newest message, only as surely as every message of the turn is theirs.

    A contact's own assurance is the best that was ever seen: a mail with a forged sender must not profit by
    it.
    """
    author = asked[-1].contact_id if asked else None
    beginner = author in {None, conversation.contact_id}
    contact = contact_from(known if beginner else tx.row(_CONTACT, contact=author))
    if any(message.contact_id != contact.id for message in asked):
        return contact.evolve(assurance="anonymous")
    levels: tuple[Assurance, ...] = get_args(Assurance)
    return contact.evolve(
        assurance=min((message.assurance for message in asked), key=levels.index, default="anonymous")
    )


def _remembered(tx: Tx, conversation_id: str, known: Any) -> Memory:
    """Read what is known of the conversation before its history begins."""
    if known.from_seq is None:
        return Memory()
    memory = memory_from(known)
    if memory.summary_seq >= memory.from_seq - 1:
        return memory
    between = {"conversation": conversation_id, "after": memory.summary_seq, "before": memory.from_seq}
    last = tx.rows(_LAST_LEFT_OUT, most=_LEFT_OUT, **between)
    first = tx.rows(_FIRST_LEFT_OUT, most=1, **between) if len(last) == _LEFT_OUT else []
    by_seq = {row.seq: row for row in (*first, *reversed(last))}
    return memory.evolve(left_out=tuple(message_from(row) for row in by_seq.values()))
