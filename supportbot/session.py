"""The session store: what was said, for those who read it and for the operator.

The hot path does not come through here: accepting, claiming and answering write their own rows
(``inbox``, ``turns.ledger``, ``outbox.ledger``) in one transaction each.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

from sqlalchemy import bindparam, case, delete, literal_column, select, update

from supportbot import routes, speaking, withdrawals
from supportbot.errors import NotFound
from supportbot.host import Begun, Standing
from supportbot.ids import now_ms
from supportbot.images.ledger import forget as forget_files
from supportbot.images.ledger import load as load_file
from supportbot.journal import note
from supportbot.messages import Message, State
from supportbot.storable import clean_key
from supportbot.store import Statement
from supportbot.store.values import from_json, message_from
from supportbot.tables import contacts, conversations, deliveries, messages, seen, turns
from supportbot.turns.ledger import hand_over_pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.journal import Actor
    from supportbot.messages import Attachment
    from supportbot.store import Store, Tx

_DELETED = "[deleted]"
"""What stands for the words of a message that its author deleted."""

_OF_CHANNEL = (
    conversations.c.tenant_id == bindparam("tenant"),
    conversations.c.channel == bindparam("channel"),
    conversations.c.external_id == bindparam("external"),
)
_FIND = Statement(select(conversations.c.id, conversations.c.state).where(*_OF_CHANNEL))
_AFTER = Statement(
    select(messages, contacts.c.name)
    .join(conversations, conversations.c.id == messages.c.conversation_id)
    .outerjoin(contacts, contacts.c.id == messages.c.contact_id)
    .where(*_OF_CHANNEL, messages.c.seq > bindparam("after"))
    .order_by(messages.c.seq)
    .limit(bindparam("most"))
)
_BEGUN_BY = Statement(
    select(
        conversations.c.external_id,
        conversations.c.address,
        conversations.c.state,
        messages.c.text,
        conversations.c.created_at,
        conversations.c.updated_at,
    )
    .join(contacts, contacts.c.id == conversations.c.contact_id)
    .join(messages, (messages.c.conversation_id == conversations.c.id) & (messages.c.seq == 1))
    .where(
        contacts.c.tenant_id == bindparam("tenant"),
        contacts.c.channel == bindparam("channel"),
        contacts.c.external_id == bindparam("sender"),
    )
    .order_by(conversations.c.created_at.desc())
    .limit(bindparam("most"))
)
_SEEN_AS = Statement(
    select(messages.c.id, messages.c.conversation_id)
    .join(seen, seen.c.message_id == messages.c.id)
    .where(
        seen.c.tenant_id == bindparam("tenant"),
        seen.c.channel == bindparam("channel"),
        seen.c.key == bindparam("key"),
    )
)
_REDACT = Statement(
    update(messages).where(messages.c.id == bindparam("message")).values(text=_DELETED, attachments="[]")
)
_LOCK = Statement(
    select(conversations).where(conversations.c.id == bindparam("conversation")).with_for_update()
)
_SET_STATE = Statement(
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"))
    .values(state=bindparam("new_state"), updated_at=bindparam("now"))
)
_DELETE = Statement(delete(conversations).where(conversations.c.id == bindparam("conversation")))
_TURN = Statement(select(turns).where(turns.c.id == bindparam("turn")))
_REVIVE_MESSAGES = Statement(
    update(messages)
    .where(messages.c.turn_id == bindparam("turn"), messages.c.state == "dead")
    .values(state="pending", reason="", turn_id=None)
    .returning(messages.c.id)
)
_REVIVE_TURN = Statement(
    update(turns).where(turns.c.id == bindparam("turn"), turns.c.state == "dead").values(state="replayed")
)
_DUE_NOW = Statement(
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"), conversations.c.open_turn_id.is_(None))
    .values(due_at=bindparam("now"), state="bot")
)
_SETTLE_DELIVERY = Statement(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery"), deliveries.c.state == "unknown")
    .values(
        state=bindparam("new_state"),
        reason=bindparam("why"),
        death=bindparam("died_of"),
        updated_at=bindparam("now"),
    )
    .returning(deliveries.c.conversation_id, deliveries.c.message_id, deliveries.c.turn_id)
)
_PLAN_ANEW = Statement(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery"), deliveries.c.state == "dead")
    .values(
        state="planned",
        sends=0,
        looks=0,
        waits=0,
        # a notice's post stands, and is what is brought up to date
        external_id=case(
            (deliveries.c.kind == literal_column("'notice'"), deliveries.c.external_id), else_=""
        ),
        reason="planned anew by the operator",
        death="",
        planned_at=bindparam("now"),
        due_at=bindparam("now"),
        updated_at=bindparam("now"),
    )
    .returning(deliveries.c.conversation_id, deliveries.c.message_id, deliveries.c.turn_id, deliveries.c.kind)
)
_OF_DELIVERY = Statement(select(deliveries.c.conversation_id).where(deliveries.c.id == bindparam("delivery")))


class ChannelTranscripts:
    """One channel's view of its conversations; see ``supportbot.host.Transcripts``."""

    def __init__(self, store: Store, channel: str, tenant: str = "default") -> None:
        self._store = store
        self._where = {"channel": channel, "tenant": tenant}

    async def messages(self, external_id: str, *, after: int = 0, limit: int = 100) -> list[Message]:
        """Return up to ``limit`` messages after number ``after``, oldest first; empty if unknown."""
        external = clean_key(external_id)
        where = {"external": external, "after": after, "most": limit, **self._where}

        def unit(tx: Tx) -> list[Any]:
            own = not routes.is_key(external) or tx.row(_FIND, external=external, **self._where) is not None
            return tx.rows(_AFTER if own else routes.AFTER, **where)

        return [message_from(row, name=row.name) for row in await self._store.read(unit)]

    async def state(self, external_id: str) -> State | None:
        """Return who speaks in the conversation; None if it is unknown."""
        standing = await self.standing(external_id)
        return None if standing is None else standing.state

    async def conversation_id(self, external_id: str) -> str | None:
        """Return the store's id of the conversation; None if it is unknown."""
        standing = await self.standing(external_id)
        return None if standing is None else standing.conversation_id

    async def standing(self, external_id: str) -> Standing | None:
        """Return both of these; None if it is unknown."""
        external = clean_key(external_id)
        where = {"external": external, **self._where}

        def unit(tx: Tx) -> Any:
            own = tx.row(_FIND, **where)
            return tx.row(routes.CONVERSATION, **where) if own is None and routes.is_key(external) else own

        row = await self._store.read(unit)
        return None if row is None else Standing(row.id, row.state)

    async def has(self, key: str) -> bool:
        """Say whether there is a message that came with such a key."""
        where = {"key": clean_key(key), **self._where}
        return await self._store.read(lambda tx: tx.row(_SEEN_AS, **where)) is not None

    async def redact(self, key: str) -> bool:
        """Take the words of a message out of the store; says whether there was such a message."""

        def unit(tx: Tx) -> bool:
            row = tx.row(_SEEN_AS, key=clean_key(key), **self._where)
            if row is None:
                return False
            tx.send(_REDACT, message=row.id)
            forget_files(tx, row.id)
            note(
                tx,
                row.conversation_id,
                "message.redacted",
                at=now_ms(),
                actor="customer",
                message_id=row.id,
            )
            return True

        return await self._store.write(unit)

    async def attachment(self, external_id: str, seq: int, place: int) -> Attachment | None:
        """Return an attachment of a message with its bytes; None when there is none, or they are not kept."""
        found = await self.messages(external_id, after=seq - 1, limit=1)
        if not found or found[0].seq != seq or place >= len(found[0].attachments):
            return None
        data = await self._store.read(lambda tx: load_file(tx, found[0].id, place))
        return found[0].attachments[place].evolve(data=data) if data else None

    async def begun_by(self, sender: str, *, limit: int = 20) -> list[Begun]:
        """Return the newest conversations that a sender began, the newest first."""
        key = clean_key(sender)
        rows = await self._store.read(lambda tx: tx.rows(_BEGUN_BY, sender=key, most=limit, **self._where))
        return [
            Begun(
                external_id=row.external_id,
                address=from_json(row.address),
                state=row.state,
                text=row.text,
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
            for row in rows
        ]


# -- the operator's hand -------------------------------------------------------------------------


async def set_state(store: Store, conversation_id: str, state: State) -> None:
    """Say who speaks in a conversation. Whatever the bot had not answered goes to the person who took over.

    Raises:
        NotFound: there is no such conversation.
    """
    assert state in get_args(State)
    await store.write(lambda tx: change_state(tx, conversation_id, state, actor="operator"), patience=5)


def change_state(
    tx: Tx,
    conversation_id: str,
    state: State,
    *,
    actor: Actor,
    look_at: Callable[[str], None] | None = None,
    **data: str,
) -> tuple[str, ...] | None:
    """Do that inside a transaction; returns the messages that the bot had not answered, None if no news.

    ``look_at`` has a delivery made at once; without it, what follows from this is found a moment later.
    """
    now, before = now_ms(), _locked(tx, conversation_id).state
    if before == state:
        return None
    tx.send(_SET_STATE, conversation=conversation_id, new_state=state, now=now)
    for delivery in speaking.changed(tx, conversation_id, before, state, actor=actor, at=now, **data):
        if look_at is not None:
            tx.after_commit(partial(look_at, delivery))
    if state == "bot":
        return ()
    return hand_over_pending(tx, conversation_id, now, cause=f"set to {state} by the {actor}")


async def delete_conversation(store: Store, conversation_id: str) -> None:
    """Delete a conversation with everything in it. A running turn of it ends without a reply.

    The keys of its messages stay: a platform that sends one of them again gets no second answer.

    Raises:
        NotFound: there is no such conversation.
    """

    def unit(tx: Tx) -> None:
        _locked(tx, conversation_id)
        withdrawals.plan(tx, conversation_id, now_ms())
        tx.send(_DELETE, conversation=conversation_id)

    await store.write(unit, patience=5)


async def replay_turn(store: Store, turn_id: str) -> None:
    """Give a dead turn's messages back to the bot, to be answered in a new turn.

    Raises:
        NotFound: there is no dead turn of this id.
    """

    def unit(tx: Tx) -> None:
        now = now_ms()
        turn = tx.row(_TURN, turn=turn_id)
        if turn is None:
            raise NotFound(what="dead turn", id=turn_id)
        # Locked before its messages are: an answer that is being committed must see them, or be seen by us.
        before = _locked(tx, turn.conversation_id).state
        if tx.run(_REVIVE_TURN, turn=turn_id) == 0:
            raise NotFound(what="dead turn", id=turn_id)
        revived = tx.rows(_REVIVE_MESSAGES, turn=turn_id)
        for message in revived:  # each by its name, so that its story leads from the old turn to the new one
            note(
                tx,
                turn.conversation_id,
                "turn.replayed",
                at=now,
                actor="operator",
                message_id=message.id,
                turn_id=turn_id,
            )
        tx.send(_DUE_NOW, conversation=turn.conversation_id, now=now)
        if before != "bot":
            reason = "a dead turn was replayed"
            speaking.changed(tx, turn.conversation_id, before, "bot", actor="operator", at=now, reason=reason)

    await store.write(unit, patience=5)


async def settle_delivery(store: Store, delivery_id: str, outcome: Literal["delivered", "dead"]) -> None:
    """Record what an operator found out about a delivery that ended as unknown.

    Of a withdrawal that is unknown or dead, ``delivered`` says that the post is gone by now.

    Raises:
        NotFound: there is no unknown delivery of this id.
    """

    def unit(tx: Tx) -> None:
        now = now_ms()
        death = "settled" if outcome == "dead" else ""
        reason = f"set to {outcome} by the operator"
        ended = {"new_state": outcome, "why": reason, "died_of": death, "now": now}
        row = tx.row(_SETTLE_DELIVERY, delivery=delivery_id, **ended)
        if row is None:
            if withdrawals.settle(tx, delivery_id, outcome, reason=reason, now=now):
                return
            raise NotFound(what="unknown delivery", id=delivery_id)
        note(
            tx,
            row.conversation_id,
            "delivery.settled",
            at=now,
            actor="operator",
            message_id=row.message_id,
            turn_id=row.turn_id or None,
            delivery_id=delivery_id,
            before="unknown",
            after=outcome,
        )

    await store.write(unit, patience=5)


async def retry_delivery(store: Store, delivery_id: str) -> None:
    """Plan a dead delivery anew, with all of its attempts: a running bot sends it within a second or two.

    A dead one certainly did not arrive, so it is sent; from then on it is looked for before it is sent again,
    like any other. It goes out before what was planned after it and has not gone out yet.

    A withdrawal is tried anew likewise, also when it is unknown: twice the same does no harm.

    Raises:
        NotFound: there is no dead delivery of this id.
    """

    def unit(tx: Tx) -> None:
        now = now_ms()
        found = tx.row(_OF_DELIVERY, delivery=delivery_id)
        if found is not None:
            _locked(tx, found.conversation_id)  # nobody claims or plans one in it meanwhile
        row = tx.row(_PLAN_ANEW, delivery=delivery_id, now=now)
        if row is None:
            if withdrawals.retry(tx, delivery_id, now):
                return
            raise NotFound(what="dead delivery", id=delivery_id)
        of = {"message_id": row.message_id, "turn_id": row.turn_id or None, "delivery_id": delivery_id}
        note(tx, row.conversation_id, "delivery.replanned", at=now, actor="operator", **of)
        if row.kind == "follow_up":  # what was said since, and not told because this one was dead, goes on
            tx.send(routes.SET_DUE, conversation=row.conversation_id, due=now)

    await store.write(unit, patience=5)


def _locked(tx: Tx, conversation_id: str) -> Any:
    row = tx.row(_LOCK, conversation=conversation_id)
    if row is None:
        raise NotFound(what="conversation", id=conversation_id)
    return row
