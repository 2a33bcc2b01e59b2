"""Where else a conversation goes on: its second address, in another channel, under a key of that channel's.

A conversation is its first channel's. What comes in under the second key joins it (``joined``), and makes the
second channel the one where the customer is answered, until they write in the first again
(``conversations.written_in``). Who is to be told there of what they missed is ``follow_ups``' to decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, and_, bindparam, case, func, insert, literal_column, or_, select, update

from supportbot.ids import new_id
from supportbot.store import Statement
from supportbot.store.values import to_json
from supportbot.tables import contacts, conversations, deliveries, messages, routes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supportbot.store import Tx

MOST = 50
"""Messages that one follow-up tells of at most."""

READERS = 100
"""Conversations of which one query asks whether their readers are awaited."""

_PREFIX = "route"

_HERE = routes.c.conversation_id == bindparam("conversation")
_BY_KEY = and_(
    routes.c.tenant_id == bindparam("tenant"),
    routes.c.channel == bindparam("channel"),
    routes.c.external_id == bindparam("external"),
)

OF = Statement(select(routes).where(_HERE))
"""The route of a conversation."""

JOINED = Statement(
    select(conversations)
    .join(routes, routes.c.conversation_id == conversations.c.id)
    .where(_BY_KEY)
    .with_for_update(of=conversations)
)
"""The conversation that goes on under a key, locked."""

CONVERSATION = Statement(
    select(conversations).join(routes, routes.c.conversation_id == conversations.c.id).where(_BY_KEY)
)
"""The same, for readers."""

AFTER = Statement(
    select(messages, contacts.c.name)
    .join(routes, routes.c.conversation_id == messages.c.conversation_id)
    .outerjoin(contacts, contacts.c.id == messages.c.contact_id)
    .where(_BY_KEY, messages.c.seq > bindparam("after"))
    .order_by(messages.c.seq)
    .limit(bindparam("most"))
)
"""Its messages after a number."""

ADD = Statement(insert(routes).inline())
SET_ADDRESS = Statement(
    update(routes).where(_HERE).values(address=bindparam("new_address"), proven=1, due_at=bindparam("now"))
)
PROVE = Statement(update(routes).where(_HERE).values(proven=1, due_at=bindparam("now")))
SAID = Statement(
    update(routes)
    .where(_HERE)
    .values(due_at=func.coalesce(routes.c.due_at, bindparam("due", type_=BigInteger)))
)
SET_DUE = Statement(update(routes).where(_HERE).values(due_at=bindparam("due", type_=BigInteger)))
SET_ASIDE = Statement(update(routes).where(_HERE, routes.c.due_at <= bindparam("now")).values(due_at=None))
TOLD = Statement(
    update(routes)
    .where(_HERE)
    .values(
        told_seq=bindparam("new_told_seq"),
        told=bindparam("new_told"),
        due_at=bindparam("due", type_=BigInteger),
    )
)
DUE = Statement(
    select(routes.c.conversation_id)
    .where(routes.c.due_at <= bindparam("until"))
    .order_by(routes.c.due_at)
    .limit(bindparam("most"))
)
AWAITED = Statement(
    select(conversations.c.id)
    .join(routes, routes.c.conversation_id == conversations.c.id)
    .where(
        routes.c.due_at.is_not(None),
        conversations.c.tenant_id == bindparam("tenant"),
        conversations.c.channel == bindparam("of"),
        conversations.c.external_id.in_([bindparam(f"reader{number}") for number in range(READERS)]),
    )
)
"""Those of so many conversations of a first channel of whose readers it matters whether they are there; see
``awaited``."""

IS_HERE = Statement(update(routes).where(_HERE).values(here_at=bindparam("now")))
SEEN = Statement(
    update(conversations)
    .where(
        conversations.c.tenant_id == bindparam("tenant"),
        conversations.c.channel == bindparam("of"),
        conversations.c.external_id == bindparam("external"),
        conversations.c.seen_seq < bindparam("seq"),
        conversations.c.last_seq >= bindparam("seq"),
    )
    .values(seen_seq=bindparam("seq"))
    .returning(conversations.c.id, conversations.c.last_seq)
)
SEEN_BEFORE = Statement(
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"))
    .values(
        written_in=literal_column("''"),
        seen_seq=case(
            (conversations.c.seen_seq < bindparam("seq"), bindparam("seq")), else_=conversations.c.seen_seq
        ),
    )
)
LAST_BEFORE = Statement(
    select(func.coalesce(func.max(messages.c.seq), 0).label("seq")).where(
        messages.c.conversation_id == bindparam("conversation"), messages.c.created_at <= bindparam("until")
    )
)
_by_mail = select(deliveries.c.id).where(
    deliveries.c.message_id == messages.c.id,
    deliveries.c.channel == bindparam("second"),
    deliveries.c.kind == literal_column("'reply'"),
)
_promise = select(deliveries.c.id).where(
    deliveries.c.message_id == messages.c.id,
    deliveries.c.handoff == literal_column("'customer_asked'"),
)
UNSEEN = Statement(
    select(messages)
    .join(contacts, contacts.c.id == messages.c.contact_id, isouter=True)
    .where(
        messages.c.conversation_id == bindparam("conversation"),
        messages.c.seq > bindparam("after"),
        messages.c.author.in_((literal_column("'bot'"), literal_column("'person'"))),
        or_(contacts.c.channel.is_(None), contacts.c.channel != bindparam("second")),
        ~_by_mail.exists(),
        ~_promise.exists(),
    )
    .order_by(messages.c.seq)
    .limit(bindparam("most"))
)
"""What the bot and people said after a number, without what went out by the second channel anyway, and
without the bot's word that a person was asked: that answers nothing yet."""

MISSED = Statement(
    select(messages)
    .where(
        messages.c.conversation_id == bindparam("conversation"),
        messages.c.seq >= bindparam("first"),
        messages.c.seq <= bindparam("last"),
    )
    .order_by(messages.c.seq)
    .limit(bindparam("most"))
)
QUESTION = Statement(
    select(messages.c.text)
    .where(
        messages.c.conversation_id == bindparam("conversation"),
        messages.c.seq < bindparam("before"),
        messages.c.author == literal_column("'customer'"),
        messages.c.state != literal_column("'ignored'"),
    )
    .order_by(messages.c.seq.desc())
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a turn is answered."""

    channel: str
    external_id: str
    address: str
    """As JSON."""


def new_key() -> str:
    """Return a second channel's key of a conversation, which no other conversation has or gets."""
    return new_id(_PREFIX)


def is_key(external_id: str) -> bool:
    """Say whether a channel's key of a conversation may be a second one: only then it is worth a look.

    It may be a first one all the same, chosen by a stranger: what has it as its own is looked for first.
    """
    return external_id.startswith(f"{_PREFIX}_")


def awaited(tx: Tx, channel: str, tenant: str, external_ids: Sequence[str]) -> list[str]:
    """Return the ids of those conversations of whose readers it matters whether they are there.

    Args:
        tx: a transaction that reads.
        channel: their first channel.
        tenant: whose it is.
        external_ids: the conversations' keys in it, any number of them.
    """
    found = []
    for first in range(0, len(external_ids), READERS):
        chunk = external_ids[first : first + READERS]
        # a prepared statement has as many parameters as it has: the last one fills the rest
        readers = {f"reader{number}": chunk[min(number, len(chunk) - 1)] for number in range(READERS)}
        found += [str(row.id) for row in tx.rows(AWAITED, of=channel, tenant=tenant, **readers)]
    return found


def place_of(tx: Tx, conversation: Any) -> Place:
    """Return where the customer of a conversation wrote last.

    Args:
        tx: the transaction of whoever claimed it.
        conversation: its row.
    """
    route = tx.row(OF, conversation=conversation.id) if conversation.written_in else None
    at = conversation if route is None or route.channel != conversation.written_in else route
    return Place(channel=at.channel, external_id=at.external_id, address=at.address)


def heard(tx: Tx, conversation_id: str, address: Mapping[str, Any], now: int) -> None:
    """Record that the customer wrote under the second key: it is theirs, and they are answered there."""
    if address:
        tx.send(SET_ADDRESS, conversation=conversation_id, new_address=to_json(dict(address)), now=now)
    else:
        tx.send(PROVE, conversation=conversation_id, now=now)
