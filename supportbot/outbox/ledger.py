"""What is written about deliveries.

``attempt`` is the fencing token of a delivery: it grows with every claim, and whoever records an
outcome names the claim it belongs to. ``sends`` is what is limited: it grows with every hand-over to
the channel, before it happens, and shrinks again when the platform asked to wait. ``due_at`` is when
somebody should next look at an open delivery, for instance because its sender died.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, insert, literal_column, or_, select, update

from supportbot import speaking
from supportbot.ids import new_id
from supportbot.journal import note
from supportbot.messages import Choice, Citation, Message, Outbound, Source, Turn
from supportbot.outbox import missed
from supportbot.outbox.claims import Claimed, Death, Unreadable
from supportbot.outbox.notices import notice_of
from supportbot.storable import clean_text
from supportbot.store import Statement
from supportbot.store.values import listed, outbound_from, to_json
from supportbot.tables import conversations, deliveries, messages, turns

if TYPE_CHECKING:
    from supportbot.store import Tx

_FIXED = "no_model"
"""Why a text that neither a model nor the knowledge wrote is no answer, unless it is a hand-over's."""

_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError)  # of stored values; no database's own

_OPEN = deliveries.c.state.in_((literal_column("'planned'"), literal_column("'sending'")))
# With the conversation: the server may go by the index of all that is open, and that may be much.
_THIS = (deliveries.c.id == bindparam("delivery"), deliveries.c.conversation_id == bindparam("conversation"))
_MINE = (*_THIS, deliveries.c.attempt == bindparam("fence"), _OPEN)

_ADVANCE = Statement(
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"))
    .values(last_seq=conversations.c.last_seq + 1, updated_at=bindparam("now"))
    .returning(conversations.c.last_seq)
)
LOCK = Statement(
    select(conversations.c.id).where(conversations.c.id == bindparam("conversation")).with_for_update()
)
"""Of a conversation: nobody plans a delivery in it meanwhile."""
_ADD_MESSAGE = Statement(insert(messages).inline())
_ADD = Statement(insert(deliveries).inline())
_FIRST_OPEN = Statement(
    select(deliveries.c.id, deliveries.c.state, deliveries.c.due_at)
    .where(
        deliveries.c.conversation_id == bindparam("conversation"),
        deliveries.c.kind != literal_column("'notice'"),  # one waits for nobody, and nobody for it
        _OPEN,
    )
    .order_by(deliveries.c.seq, deliveries.c.created_at, deliveries.c.id)  # follow-ups may share a number
    .limit(bindparam("most"))
)
_WHOLE = Statement(
    select(
        deliveries,
        messages.c.text,
        messages.c.citations,
        conversations.c.tenant_id,
        conversations.c.channel.label("conversation_channel"),
        conversations.c.address.label("conversation_address"),
        turns.c.model,
    )
    .join(messages, messages.c.id == deliveries.c.message_id)
    .join(conversations, conversations.c.id == deliveries.c.conversation_id)
    .join(turns, turns.c.id == deliveries.c.turn_id, isouter=True)
    .where(deliveries.c.id == bindparam("delivery"))
)
_CLAIM = Statement(
    update(deliveries)
    .where(*_THIS, deliveries.c.due_at <= bindparam("now"), _OPEN)
    .values(
        attempt=deliveries.c.attempt + 1,
        owner=bindparam("new_owner"),
        due_at=bindparam("lease"),
        updated_at=bindparam("now"),
    )
    .returning(
        deliveries.c.state,
        deliveries.c.attempt,
        deliveries.c.sends,
        deliveries.c.looks,
        deliveries.c.waits,
        deliveries.c.external_id,
        deliveries.c.planned_at,
    )
)
_SEND = Statement(
    update(deliveries).where(*_MINE).values(state="sending", sends=deliveries.c.sends + 1, looks=0, waits=0)
)
_END = Statement(
    update(deliveries)
    .where(*_MINE)
    .values(
        state=bindparam("new_state"),
        external_id=bindparam("receipt"),
        reason=bindparam("why"),
        death=bindparam("died_of"),
        owner=None,
        due_at=None,
        updated_at=bindparam("now"),
    )
)
_AGAIN = Statement(
    update(deliveries)
    .where(*_MINE)
    .values(
        state=bindparam("new_state"),
        sends=bindparam("new_sends"),
        looks=bindparam("new_looks"),
        waits=bindparam("new_waits"),
        reason=bindparam("why"),
        owner=None,
        due_at=bindparam("due"),
        updated_at=bindparam("now"),
    )
)
_WAKE = Statement(
    update(deliveries).where(*_THIS, deliveries.c.due_at.is_(None), _OPEN).values(due_at=bindparam("now"))
)
_DUE = Statement(
    select(deliveries.c.id, deliveries.c.conversation_id)
    .where(
        deliveries.c.due_at <= bindparam("until"),  # what has ended is never due
        or_(bindparam("only", type_=Text) == literal_column("''"), deliveries.c.channel == bindparam("only")),
    )
    .order_by(deliveries.c.due_at)
    .limit(bindparam("most"))
)
_ABANDONED = Statement(
    update(deliveries)
    .where(
        deliveries.c.state == literal_column("'sending'"),
        or_(deliveries.c.owner.is_(None), deliveries.c.owner != bindparam("me")),
    )
    .values(due_at=bindparam("now"), owner=None)
)


def say(
    tx: Tx,
    turn: Turn,
    text: str,
    *,
    now: int,
    owner: str,
    lease_until: int,
    seq: int | None = None,
    citations: tuple[Citation, ...] = (),
    sources: tuple[Source, ...] = (),
    model: str = "",
    choices: tuple[Choice, ...] = (),
    handoff: str = "",
) -> tuple[Message, Claimed | None]:
    """Write a reply into the conversation, as number ``seq`` if that was taken for it; plan its delivery.

    Returns the message and, when nothing earlier of this conversation is still on its way, the delivery,
    already claimed for ``owner``; else None, and it is its turn later.
    """
    text = clean_text(text)
    message = Message(
        id=new_id("msg"),
        seq=_next_seq(tx, turn.conversation_id, now) if seq is None else seq,
        author="bot",
        text=text,
        created_at=now,
        turn_id=turn.id,
        citations=citations,
        choices=choices,
        fixed_for=handoff or ("" if model else _FIXED),
    )
    _store_message(tx, turn, message)
    free = tx.row(_FIRST_OPEN, conversation=turn.conversation_id, most=1) is None
    outbound = Outbound(
        delivery_id=new_id("dlv"),
        conversation_id=turn.conversation_id,
        message_id=message.id,
        turn_id=turn.id,
        tenant=turn.tenant,
        channel=turn.channel,
        external_id=turn.external_id,
        address=turn.address,
        text=text,
        seq=message.seq,
        in_reply_to=turn.messages[-1].client_key,
        citations=citations,
        sources=sources,
        model=model,
        choices=choices,
        handoff=handoff,
        created_at=now,
    )
    if not free:  # it has no time of its own: whatever ends the earlier one wakes it
        store_delivery(tx, outbound, "planned")
        return message, None
    claimed = Claimed(outbound=outbound, fence=1, since=now)
    store_delivery(
        tx, outbound, "sending", fence=claimed.fence, sends=claimed.sends, owner=owner, due=lease_until
    )
    return message, claimed


def _next_seq(tx: Tx, conversation_id: str, now: int) -> int:
    advanced = tx.row(_ADVANCE, conversation=conversation_id, now=now)
    assert advanced is not None
    return int(advanced.last_seq)


def _store_message(tx: Tx, turn: Turn, message: Message) -> None:
    tx.send(
        _ADD_MESSAGE,
        id=message.id,
        conversation_id=turn.conversation_id,
        seq=message.seq,
        author="bot",
        contact_id=None,
        text=message.text,
        state="said",
        reason="",
        fixed_for=message.fixed_for,
        request="",
        client_key="",
        turn_id=turn.id,
        attachments="[]",
        citations=listed(message.citations),
        choices=listed(message.choices),
        assurance=message.assurance,
        sent_at=None,
        created_at=message.created_at,
    )


def store_delivery(
    tx: Tx,
    outbound: Outbound,
    state: str,
    *,
    kind: str = "reply",
    fence: int = 0,
    sends: int = 0,
    owner: str | None = None,
    due: int | None = None,
    missed: str = "{}",
) -> None:
    """Write a delivery down: a ``reply``, a ``follow_up``, or a ``notice`` for the team."""
    tx.send(
        _ADD,
        id=outbound.delivery_id,
        conversation_id=outbound.conversation_id,
        message_id=outbound.message_id,
        turn_id=outbound.turn_id,
        channel=outbound.channel,
        kind=kind,
        seq=outbound.seq,
        state=state,
        attempt=fence,
        sends=sends,
        looks=0,
        waits=0,
        owner=owner,
        due_at=due,
        planned_at=outbound.created_at,
        external_id="",
        reason="",
        death="",
        address=to_json(dict(outbound.address)),
        thread=outbound.external_id,
        missed=missed,
        in_reply_to=outbound.in_reply_to,
        sources=listed(outbound.sources),
        handoff=outbound.handoff,
        choices=listed(outbound.choices),
        created_at=outbound.created_at,
        updated_at=outbound.created_at,
    )


def claim(tx: Tx, delivery_id: str, *, now: int, owner: str, lease_until: int) -> Claimed | Unreadable | None:
    """Claim a delivery that is due and whose turn it is, and count its send unless it is to be looked for.

    Returns None when it is not due, done, behind an earlier one, or taken back because it has nothing to tell
    any more. One that cannot be read is dead at once.
    """
    row = tx.row(_WHOLE, delivery=delivery_id)
    if row is None:
        return None
    tx.lock(LOCK, conversation=row.conversation_id)  # nobody plans one behind this one meanwhile
    if row.kind != "notice":
        first = tx.row(_FIRST_OPEN, conversation=row.conversation_id, most=1)
        if first is None or first.id != delivery_id:
            return None
    this = {"delivery": delivery_id, "conversation": row.conversation_id}
    now_ours = tx.row(_CLAIM, **this, now=now, new_owner=owner, lease=lease_until)
    if now_ours is None:
        return None
    unclear, sends = now_ours.state == "sending", now_ours.sends
    try:
        outbound = _outbound(tx, row, unclear=unclear, standing=now_ours.external_id)
    except _UNREADABLE as error:
        return _put_aside(tx, row, now_ours, type(error).__name__, now)
    if outbound is None:
        missed.take_back(tx, outbound_from(row), now)
        wake_next(tx, row.conversation_id, now)
        return None
    if not unclear:
        tx.send(_SEND, **this, fence=now_ours.attempt)
        sends += 1
    return Claimed(
        outbound=outbound.evolve(attempt=sends),
        fence=now_ours.attempt,
        unclear=unclear,
        sends=sends,
        looks=now_ours.looks,
        waits=now_ours.waits,
        since=now_ours.planned_at,
    )


def _outbound(tx: Tx, row: Any, *, unclear: bool, standing: str) -> Outbound | None:
    """Return what is to be sent; None when a follow-up has nothing to tell any more.

    What stands was read once it was ours: before, another process may just have posted it.
    """
    outbound = outbound_from(row)
    match row.kind:
        case "notice":
            return outbound.evolve(notice=notice_of(tx, row, standing=standing))
        case "follow_up":
            return missed.complete(tx, outbound, row.missed, whole=unclear)
        case _:
            return outbound


def _put_aside(tx: Tx, row: Any, now_ours: Any, what: str, now: int) -> Unreadable:
    reason = f"what is stored cannot be read: {what}"
    receipt = now_ours.external_id if row.kind == "notice" else ""
    outcome = {"new_state": "dead", "died_of": "unreadable", "receipt": receipt, "why": reason, "now": now}
    tx.run(_END, delivery=row.id, conversation=row.conversation_id, fence=now_ours.attempt, **outcome)
    of = {"message_id": row.message_id, "turn_id": row.turn_id or None, "delivery_id": row.id}
    note(tx, row.conversation_id, "delivery.dead", at=now, attempt=row.sends, reason=reason, **of)
    following = wake_next(tx, row.conversation_id, now)
    return Unreadable(channel=row.channel, kind=row.kind, reason=reason, following=following)


def end(
    tx: Tx,
    claimed: Claimed,
    *,
    state: str,
    now: int,
    external_id: str = "",
    reason: str = "",
    death: Death | None = None,
) -> str | None:
    """Record the outcome of a delivery; returns the id of the next one of its conversation, if one waits."""
    outbound = claimed.outbound
    tx.lock(LOCK, conversation=outbound.conversation_id)  # nobody plans one behind this one meanwhile
    post = external_id or (outbound.notice.standing if outbound.notice is not None else "")
    outcome = {"new_state": state, "receipt": post, "why": reason, "died_of": death or "", "now": now}
    here = {"conversation": outbound.conversation_id}
    ended = tx.ask(_END, delivery=outbound.delivery_id, fence=claimed.fence, **here, **outcome)
    first_open = tx.ask(_FIRST_OPEN, **here, most=1)
    if ended.touched() == 0:
        return None
    _note(tx, outbound, f"delivery.{state}", now, **({"reason": reason} if reason else {}))
    if outbound.notice is not None:  # it stands beside the replies, nothing waits behind it
        is_stale = state == "delivered" and speaking.follow(
            tx, outbound.delivery_id, outbound.notice.change, outbound.conversation_id, now
        )
        return outbound.delivery_id if is_stale else None
    return _wake(tx, outbound.conversation_id, first_open.row(), now)


def add_follow_up(tx: Tx, follow_up: Outbound, what: dict[str, Any]) -> None:
    """Plan a follow-up that tells ``what``; it is due at once, or when what is still on its way has ended."""
    free = tx.row(_FIRST_OPEN, conversation=follow_up.conversation_id, most=1) is None
    due = follow_up.created_at if free else None
    store_delivery(tx, follow_up, "planned", kind="follow_up", due=due, missed=to_json(what))


def wake_next(tx: Tx, conversation_id: str, now: int) -> str | None:
    """Make the next delivery of a conversation due; returns its id, if there is one."""
    return _wake(tx, conversation_id, tx.row(_FIRST_OPEN, conversation=conversation_id, most=1), now)


def _wake(tx: Tx, conversation_id: str, following: Any, now: int) -> str | None:
    if following is None:
        return None
    tx.send(_WAKE, delivery=following.id, conversation=conversation_id, now=now)
    return str(following.id)


def postpone(tx: Tx, claimed: Claimed, *, due: int, now: int, reason: str) -> None:
    """Go on with the delivery later: look for it on the platform if it is unclear, else send it.

    Args:
        claimed: as it shall stand then.
    """
    postponed = tx.run(
        _AGAIN,
        delivery=claimed.outbound.delivery_id,
        conversation=claimed.outbound.conversation_id,
        fence=claimed.fence,
        new_state="sending" if claimed.unclear else "planned",
        new_sends=claimed.sends,
        new_looks=claimed.looks,
        new_waits=claimed.waits,
        why=reason,
        due=due,
        now=now,
    )
    if postponed:
        kind = "delivery.unclear" if claimed.unclear else "delivery.postponed"
        _note(tx, claimed.outbound, kind, now, reason=reason)


def due(tx: Tx, until: int, most: int, only: str = "") -> list[Any]:
    """Return (id, conversation_id) of the open deliveries to be looked at by then, most urgent first.

    Args:
        only: those of this channel; of all channels when empty.
    """
    return tx.rows(_DUE, until=until, most=most, only=only)


def reclaim(tx: Tx, owner: str, now: int) -> int:
    """Make every delivery due whose sender is not ``owner``; for a process that knows it is alone."""
    return tx.run(_ABANDONED, me=owner, now=now)


def _note(tx: Tx, outbound: Outbound, kind: str, now: int, **data: Any) -> None:
    note(
        tx,
        outbound.conversation_id,
        kind,
        at=now,
        message_id=outbound.message_id,
        turn_id=outbound.turn_id or None,
        delivery_id=outbound.delivery_id,
        attempt=outbound.attempt,
        **data,
    )
