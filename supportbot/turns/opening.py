"""What a turn is opened with: who asks, what was said before, and what is remembered beyond that.

All of it is read by index and bounded, so it costs the same however long the conversation is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import bindparam, literal_column, select

from supportbot.messages import Assurance, Contact, Memory, Message, Turn
from supportbot.routes import place_of
from supportbot.store import Statement
from supportbot.store.values import contact_from, from_json, memory_from, message_from
from supportbot.tables import contacts, messages
from supportbot.turns.known import KNOWN, KNOWN_AND_SPENT

if TYPE_CHECKING:
    from collections.abc import Sequence

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A turn that was claimed and cannot be opened: what is stored of it is not what it should be."""

    turn: Turn
    """Without anything that has to be understood: enough to put the turn back, or aside."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A claim, and how its turn is to be opened."""

    conversation: Any
    """Its row, as the claim left it."""
    turn_id: str
    attempt: int
    created_at: int
    suspect: bool = False
    """It may be what its processes died of."""


def opened(tx: Tx, opening: Opening, rules: Rules, asked: Sequence[Any]) -> Turn | Unreadable:
    """Return a claimed turn with all that belongs to it, or say that it cannot be read.

    Args:
        tx: the transaction of the claim.
        opening: what was claimed.
        rules: how many earlier messages to read, and whether there is a cap on spending.
        asked: the rows of the messages to be answered.
    """
    conversation = opening.conversation
    query = KNOWN_AND_SPENT if rules.capped else KNOWN
    known = tx.row(query, conversation=conversation.id, contact=conversation.contact_id)
    began = 1 if known is None or known.from_seq is None else known.from_seq
    left_out = [] if began == 1 else _left_out_of(tx, conversation.id, known)
    earlier = tx.rows(_WINDOW, conversation=conversation.id, first=began, most=rules.history)
    author = asked[-1].contact_id if asked else None
    beginner = author in {None, conversation.contact_id}
    asker = known if beginner else tx.row(_CONTACT, contact=author)
    place = place_of(tx, conversation)
    # Nothing is asked of the database from here on: what goes wrong now is wrong with what it holds.
    try:
        messages_ = tuple(message_from(row) for row in asked)
        return _bare(opening, ()).evolve(
            channel=place.channel,
            external_id=place.external_id,
            address=from_json(place.address),
            contact=_asker(contact_from(asker), messages_),
            messages=messages_,
            history=tuple(message_from(row) for row in reversed(earlier)),
            memory=_remembered(known, left_out),
            spent_tokens=getattr(known, "spent_tokens", 0),
            spent_cost=getattr(known, "spent_cost", 0),
        )
    except Exception as error:  # noqa: BLE001 - whatever it is: the same would happen at every claim
        return unreadable(opening, asked, f"what is stored cannot be read: {type(error).__name__}")


def unreadable(opening: Opening, asked: Sequence[Any], reason: str) -> Unreadable:
    """Return a claimed turn that is not to be opened, with the reason; rows need not be whole."""
    return Unreadable(turn=_bare(opening, asked), reason=reason)


def _bare(opening: Opening, asked: Sequence[Any]) -> Turn:
    """Return a turn without what would have to be read out of JSON."""
    conversation = opening.conversation
    return Turn(
        id=opening.turn_id,
        conversation_id=conversation.id,
        tenant=conversation.tenant_id,
        channel=conversation.channel,
        external_id=conversation.external_id,
        address={},
        contact=Contact(id=conversation.contact_id, external_id=""),
        fence=conversation.fence,
        attempt=opening.attempt,
        messages=tuple(
            Message(
                id=row.id,
                seq=row.seq,
                author="customer",
                text="",
                created_at=row.created_at,
                state="pending",
                client_key=row.client_key,
            )
            for row in asked
        ),
        created_at=opening.created_at,
        suspect=opening.suspect,
    )


def _asker(contact: Contact, asked: tuple[Message, ...]) -> Contact:
    """Return who wrote the newest message, only as surely as every message of the turn is theirs.

    A contact's own assurance is the best that was ever seen: a mail with a forged sender must not profit by
    it.
    """
    if any(message.contact_id != contact.id for message in asked):
        return contact.evolve(assurance="anonymous")
    levels: tuple[Assurance, ...] = get_args(Assurance)
    return contact.evolve(
        assurance=min((message.assurance for message in asked), key=levels.index, default="anonymous")
    )


def _left_out_of(tx: Tx, conversation_id: str, known: Any) -> list[Any]:
    """Read the rows of what neither the history nor the summary holds."""
    if known.summary_seq >= known.from_seq - 1:
        return []
    between = {"conversation": conversation_id, "after": known.summary_seq, "before": known.from_seq}
    last = tx.rows(_LAST_LEFT_OUT, most=_LEFT_OUT, **between)
    first = tx.rows(_FIRST_LEFT_OUT, most=1, **between) if len(last) == _LEFT_OUT else []
    return list({row.seq: row for row in (*first, *reversed(last))}.values())


def _remembered(known: Any, left_out: Sequence[Any]) -> Memory:
    """Return what is known of the conversation before its history begins."""
    if known.from_seq is None:
        return Memory()
    return memory_from(known).evolve(left_out=tuple(message_from(row) for row in left_out))
