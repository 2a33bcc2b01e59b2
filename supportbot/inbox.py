"""Accept a message once, durably, before anybody acknowledges it.

One transaction holds everything that an acknowledgement promises: the keys that make a duplicate
recognisable, the conversation, the message and, through the turn engine, that somebody will
answer it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import bindparam, func, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip  # both databases speak its ON CONFLICT

from supportbot import originals, routes, speaking
from supportbot.contacts import contact_of
from supportbot.errors import NotAccepting, StoreUnavailable
from supportbot.feed import Said, Settled, StateChanged
from supportbot.ids import new_id, now_ms
from supportbot.images.ledger import judged, keep, told
from supportbot.journal import note
from supportbot.messages import Accepted, Inbound, Message, MessageState, Sender, State
from supportbot.storable import clean_key, clean_name, clean_text
from supportbot.store import Statement
from supportbot.store.values import listed, to_json
from supportbot.tables import contacts, conversations, messages, seen
from supportbot.turns.ledger import hand_over_pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.feed import Feed
    from supportbot.originals import Original
    from supportbot.store import Store, Tx
    from supportbot.vault import Vault

_WITHIN = 2.5
"""Seconds until an acknowledgement is refused; Slack, the strictest sender, gives up after 3."""

_KEEP = 500
"""Longest name, e-mail address or reason that is stored, in characters."""

_SEE = Statement(insert_or_skip(seen).inline().on_conflict_do_nothing())
_SEEN = Statement(
    select(messages, conversations.c.external_id, contacts.c.external_id.label("sender"))
    .join(seen, seen.c.message_id == messages.c.id)
    .join(conversations, conversations.c.id == messages.c.conversation_id)
    .join(contacts, contacts.c.id == messages.c.contact_id)
    .where(
        seen.c.tenant_id == bindparam("tenant"),
        seen.c.channel == bindparam("channel"),
        seen.c.key == bindparam("key"),
    )
)
_SEE_AS = Statement(
    update(seen)
    .where(
        seen.c.tenant_id == bindparam("tenant"),
        seen.c.channel == bindparam("of_channel"),
        seen.c.key == bindparam("of_key"),
    )
    .values(message_id=bindparam("message"))
)
_FIND_CONVERSATION = Statement(
    select(conversations)
    .where(
        conversations.c.tenant_id == bindparam("tenant"),
        conversations.c.channel == bindparam("channel"),
        conversations.c.external_id == bindparam("external"),
    )
    .with_for_update()
)
_ADD_CONVERSATION = Statement(insert_or_skip(conversations).inline().on_conflict_do_nothing())
_ADVANCE = Statement(
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"))
    .values(
        last_seq=bindparam("seq"),
        state=bindparam("new_state"),
        address=bindparam("new_address"),
        written_in=bindparam("new_written_in"),
        due_at=bindparam("due"),
        updated_at=bindparam("now"),
    )
)
_ADD_MESSAGE = Statement(insert(messages).inline())
_FIRST_PENDING = Statement(
    select(func.min(messages.c.created_at).label("at")).where(
        messages.c.conversation_id == bindparam("conversation"),
        messages.c.state == literal_column("'pending'"),
    )
)

_BURST = 5
"""A burst that never pauses is answered after this many debounce windows all the same."""


class Enlist(Protocol):
    """The inbox's side of the turn engine."""

    def __call__(self, tx: Tx, conversation_id: str, due_at: int) -> None:
        """Inside a transaction: see to it that this conversation is looked at when it is due."""


class Counts(Protocol):
    """What the inbox tells of itself."""

    def message_accepted(self, channel: str, *, duplicate: bool) -> None:
        """A message was accepted, or had been before."""

    def message_ignored(self, channel: str, reason: str) -> None:
        """A message was recorded and will not be answered."""


class Missed(Protocol):
    """The inbox's side of the follow-ups."""

    def __call__(self, tx: Tx, conversation_id: str, channel: str, now: int, *, written_in: str = "") -> None:
        """Inside a transaction: something was said in a conversation of ``channel``; its reader may miss it.

        Args:
            written_in: the other channel, if the customer wrote there last.
        """


class Inbox:
    """The one way in."""

    def __init__(
        self,
        store: Store,
        feed: Feed,
        *,
        enlist: Enlist,
        interrupt: Callable[[str], None],
        counts: Counts,
        missed: Missed | None = None,
        debounce: float = 0.0,
        vault: Vault | None = None,
        look_at: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Wire the inbox.

        Args:
            store: where to.
            feed: who is told.
            enlist: the turn engine's ear.
            interrupt: stops work on a conversation in which a person has begun to speak.
            counts: the metrics.
            missed: told of what people said, in the transaction that stores it.
            debounce: seconds to wait for more of the same before a turn is due.
            vault: encrypts what messages were made of; they are kept as they came without it.
            look_at: has a delivery made at once.
        """
        self._store = store
        self._feed = feed
        self._enlist = enlist
        self._interrupt = interrupt
        self._counts = counts
        self._missed = missed
        self._debounce_ms = int(debounce * 1000)
        self._vault = vault
        self._look_at = look_at
        self._open = True

    def close(self) -> None:
        """Take no more messages: the bot is stopping."""
        self._open = False

    async def accept(self, inbound: Inbound) -> Accepted:
        """Store a message once and see to it that it is answered; returns when it is on disk.

        Raises:
            StoreUnavailable: it could not be stored within 2.5 s. It may still be stored a moment later,
                so the sender should send it again under the same keys.
            NotAccepting: the bot is stopping.
        """
        if not self._open:
            raise NotAccepting
        inbound = _storable(inbound)
        message_id = new_id("msg")
        try:
            async with asyncio.timeout(_WITHIN):
                original = await originals.prepared(message_id, inbound.original, self._vault)
                accepted = await self._store.write(
                    lambda tx: self._take(tx, inbound, message_id, original), patience=_WITHIN
                )
        except TimeoutError as error:
            raise StoreUnavailable(cause="it did not answer in time") from error
        self._counts.message_accepted(inbound.channel, duplicate=accepted.duplicate)
        if inbound.ignored and not accepted.duplicate:
            self._counts.message_ignored(inbound.channel, inbound.ignored)
        return accepted

    def _take(self, tx: Tx, inbound: Inbound, message_id: str, original: Original | None) -> Accepted:
        now = now_ms()
        found = tx.ask(_FIND_CONVERSATION, **_place(inbound))
        earlier = _mark_seen(tx, inbound, message_id, now)
        if earlier is not None:
            return earlier
        contact_id = contact_of(tx, inbound.tenant, inbound.channel, inbound.sender, now)
        conversation = found.row() or _joined(tx, inbound) or _begun(tx, inbound, contact_id, now)
        elsewhere = (conversation.channel, conversation.external_id) != (
            inbound.channel,
            inbound.conversation,
        )
        spoken = inbound.author == "customer" and not inbound.ignored
        message = _message(inbound, conversation, message_id, contact_id, now)
        state = _next_state(conversation.state, inbound)
        due = self._due(tx, conversation, message, now)
        tx.send(
            _ADVANCE,
            conversation=conversation.id,
            seq=message.seq,
            new_state=state,
            new_address=to_json(dict(inbound.address))
            if inbound.address and not elsewhere
            else conversation.address,
            new_written_in=_written_in(inbound, elsewhere=elsewhere) if spoken else conversation.written_in,
            due=due,
            now=now,
        )
        _insert(tx, message, inbound, conversation.id)
        if original is not None:
            originals.keep(tx, message.id, original)
        if elsewhere and spoken:
            routes.heard(tx, conversation.id, inbound.address, now)
        elif inbound.author == "person" and not elsewhere and self._missed is not None:
            self._missed(tx, conversation.id, conversation.channel, now, written_in=conversation.written_in)
        note(
            tx,
            conversation.id,
            "message.accepted" if not inbound.ignored else "message.ignored",
            at=now,
            actor=inbound.author,
            message_id=message.id,
            **({"reason": inbound.ignored} if inbound.ignored else {}),
        )
        tx.after_commit(lambda: self._feed.publish(conversation.id, Said(message)))
        if state != conversation.state:
            self._change_state(tx, conversation.id, conversation.state, state, inbound=inbound, now=now)
        if message.state == "pending" and conversation.open_turn_id is None and due is not None:
            self._enlist(tx, conversation.id, due)
        elif message.state == "handed_over":
            settled = Settled((message.id,), "handed_over", state)
            tx.after_commit(lambda: self._feed.publish(conversation.id, settled))
        return Accepted(
            message_id=message.id, conversation_id=conversation.id, seq=message.seq, state=message.state
        )

    def _due(self, tx: Tx, conversation: Any, message: Message, now: int) -> int | None:
        """Return when somebody should look at the conversation after this message."""
        if message.state != "pending" or conversation.open_turn_id is not None:
            return conversation.due_at  # type: ignore[no-any-return]  # the open turn's time stands
        due = now + self._debounce_ms
        if conversation.due_at is None:
            return due
        if not self._debounce_ms:
            return min(due, int(conversation.due_at))  # who asks again keeps their place among those who wait
        first = tx.row(_FIRST_PENDING, conversation=conversation.id)
        most = first.at + _BURST * self._debounce_ms if first is not None and first.at is not None else due
        return min(due, most)

    def _change_state(
        self, tx: Tx, conversation_id: str, before: State, after: State, *, inbound: Inbound, now: int
    ) -> None:
        who = {"name": inbound.sender.name} if inbound.author == "person" and inbound.sender.name else {}
        for it in speaking.changed(tx, conversation_id, before, after, actor=inbound.author, at=now, **who):
            tx.after_commit(partial(self._look_at, it))
        if after == "human":
            settled = hand_over_pending(tx, conversation_id, now, cause="a person replied")
            tx.after_commit(lambda: self._interrupt(conversation_id))
            if settled:
                event = Settled(settled, "handed_over", "human")
                tx.after_commit(lambda: self._feed.publish(conversation_id, event))
        tx.after_commit(lambda: self._feed.publish(conversation_id, StateChanged(after)))


# -- one step each -------------------------------------------------------------------------------


def _storable(inbound: Inbound) -> Inbound:
    """Make everything storable: no NUL, no surrogates, nothing endless where nothing endless belongs."""
    sender = inbound.sender
    return replace(
        inbound,
        conversation=clean_key(inbound.conversation),
        text=clean_text(inbound.text),
        keys=tuple(dict.fromkeys(clean_key(key) for key in inbound.keys)),  # twice, it were its own duplicate
        ignored=clean_text(inbound.ignored)[:_KEEP],
        sender=Sender(
            id=clean_key(sender.id),
            name=clean_name(sender.name)[:_KEEP],
            email=clean_text(sender.email)[:_KEEP],
            assurance=sender.assurance,
            language=clean_key(sender.language),
        ),
        attachments=judged(
            [
                a.evolve(
                    name=clean_name(a.name)[:_KEEP],
                    content_type=clean_text(a.content_type)[:_KEEP],
                    url=clean_text(a.url),
                )
                for a in inbound.attachments
            ]
        ),
    )


def _mark_seen(tx: Tx, inbound: Inbound, message_id: str, now: int) -> Accepted | None:
    """Claim the message's keys; if one was claimed before, return the receipt of that message."""
    free = [
        tx.run(
            _SEE,
            tenant_id=inbound.tenant,
            channel=inbound.channel,
            key=key,
            message_id=message_id,
            seen_at=now,
        )
        == 1
        for key in inbound.keys
    ]
    if all(free):
        return None
    taken = inbound.keys[free.index(False)]
    row = tx.row(_SEEN, tenant=inbound.tenant, channel=inbound.channel, key=taken)
    if row is None:  # its conversation was deleted; the key outlives it, so a late retry stays unanswered
        return Accepted(message_id="", conversation_id="", seq=0, state="ignored", duplicate=True)
    for key, is_new in zip(inbound.keys, free, strict=True):
        if is_new:
            tx.send(_SEE_AS, tenant=inbound.tenant, of_channel=inbound.channel, of_key=key, message=row.id)
    return Accepted(
        message_id=row.id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        state=row.state,
        duplicate=True,
        same=(row.text, row.external_id, row.author, row.sender)
        == (inbound.text, inbound.conversation, inbound.author, inbound.sender.id),
    )


def _place(inbound: Inbound) -> dict[str, str]:
    return {"tenant": inbound.tenant, "channel": inbound.channel, "external": inbound.conversation}


def _joined(tx: Tx, inbound: Inbound) -> Any:
    """Return the row of the conversation that goes on here, locked where a database locks rows; or None."""
    return tx.row(routes.JOINED, **_place(inbound)) if routes.is_key(inbound.conversation) else None


def _begun(tx: Tx, inbound: Inbound, contact_id: str, now: int) -> Any:
    """Make the conversation unless somebody just did; return its row, locked where a database locks rows."""
    tx.send(
        _ADD_CONVERSATION,
        id=new_id("conv"),
        tenant_id=inbound.tenant,
        channel=inbound.channel,
        external_id=inbound.conversation,
        contact_id=contact_id,
        state="bot",
        address="{}",
        last_seq=0,
        seen_seq=0,
        written_in="",
        fence=0,
        owner=None,
        open_turn_id=None,
        due_at=None,
        created_at=now,
        updated_at=now,
    )
    return tx.row(_FIND_CONVERSATION, **_place(inbound))


def _written_in(inbound: Inbound, *, elsewhere: bool) -> str:
    """Return where the customer wrote, if it is not the conversation's own channel."""
    return inbound.channel if elsewhere else ""


def _message(inbound: Inbound, conversation: Any, message_id: str, contact_id: str, now: int) -> Message:
    return Message(
        id=message_id,
        seq=conversation.last_seq + 1,
        author=inbound.author,
        text=inbound.text,
        created_at=now,
        state=_message_state(conversation.state, inbound),
        client_key=inbound.keys[0],
        attachments=told(inbound.attachments),
        wants_person=inbound.wants_person,
        contact_id=contact_id,
        name=inbound.sender.name,
        assurance=inbound.sender.assurance,
    )


def _message_state(state: State, inbound: Inbound) -> MessageState:
    """Return what becomes of the message, given who speaks in the conversation."""
    if inbound.ignored:
        return "ignored"
    if inbound.author == "person":
        return "said"
    if state == "spam":
        return "ignored"
    return "handed_over" if state in {"queued", "human"} else "pending"


def _next_state(state: State, inbound: Inbound) -> State:
    """Return who speaks after the message: machine mail changes nothing, a person may take over."""
    if inbound.ignored:
        return state
    if inbound.author == "person":
        return "human" if inbound.takes_over else _after_a_reply(state)
    return "bot" if state in {"snoozed", "resolved"} else state


def _after_a_reply(state: State) -> State:
    """Return who speaks once a person has replied beside the bot: nobody waits for a person any more."""
    return "bot" if state == "queued" else state


def _insert(tx: Tx, message: Message, inbound: Inbound, conversation_id: str) -> None:
    tx.send(
        _ADD_MESSAGE,
        id=message.id,
        conversation_id=conversation_id,
        seq=message.seq,
        author=message.author,
        contact_id=message.contact_id,
        text=message.text,
        state=message.state,
        reason=inbound.ignored or ("spam" if message.state == "ignored" else ""),
        fixed_for="",
        request="person" if inbound.wants_person else "",
        client_key=message.client_key,
        turn_id=None,
        attachments=listed(message.attachments),
        citations="[]",
        choices="[]",
        assurance=inbound.sender.assurance,
        sent_at=inbound.sent_at,
        created_at=message.created_at,
    )
    keep(tx, message.id, inbound.attachments)
