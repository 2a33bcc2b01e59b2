"""What a reader missed in one channel is told in another: when, and whose words.

A message of the bot or of a person is *missed* when nobody acknowledged it (``conversations.seen_seq``) and
nobody has been there for a while. Then one delivery is planned for all that was missed. An address that
somebody only typed gets one such mail in all, and of it only what people of the team wrote: what the bot says
may be a stranger's words, led there by the question.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from sqlalchemy import bindparam, delete, literal_column, select

from supportbot import routes
from supportbot.channel import CanWriteFirst
from supportbot.errors import StoreUnavailable
from supportbot.ids import now_ms
from supportbot.journal import note
from supportbot.log import in_one_line
from supportbot.outbox import ledger, missed
from supportbot.store import Statement
from supportbot.store.values import from_json, message_from, to_json
from supportbot.tables import contacts, conversations, deliveries
from supportbot.tables import routes as routes_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.channel import Channel, FollowUp
    from supportbot.messages import Message
    from supportbot.store import Store, Tx

_SWEEP = 1.0
"""Seconds between two looks at the table for what may have been missed."""

_BATCH = 200

_SOON = 60_000
"""Milliseconds after which what was said is told where the customer wrote last: people write in pieces."""

_LOOKING = 30_000
"""Milliseconds: who gives an address has read what is older than that."""

_LOCK = Statement(
    select(conversations, contacts.c.name, contacts.c.assurance, contacts.c.language)
    .join(contacts, contacts.c.id == conversations.c.contact_id)
    .where(conversations.c.id == bindparam("conversation"))
    .with_for_update(of=conversations)
)
_LAST = Statement(
    select(deliveries.c.state, deliveries.c.death, deliveries.c.missed)
    .where(
        deliveries.c.conversation_id == bindparam("conversation"),
        deliveries.c.thread == bindparam("of_thread"),
        deliveries.c.kind == literal_column("'follow_up'"),
    )
    .order_by(deliveries.c.seq.desc(), deliveries.c.created_at.desc(), deliveries.c.id.desc())
    .limit(bindparam("most"))
)
"""The newest follow-up under a second key."""

_FORGET = Statement(delete(routes_table).where(routes_table.c.conversation_id == bindparam("conversation")))

log = structlog.get_logger(__name__)


class Counts(Protocol):
    """What follow-ups tell of themselves."""

    def follow_up(self, channel: str) -> None:
        """One was planned for what was missed in a channel."""


class FollowUps:
    """Decides who is told elsewhere of what."""

    def __init__(self, store: Store, rules: Mapping[str, FollowUp], *, counts: Counts) -> None:
        """Wire them.

        Args:
            store: where to.
            rules: by the first channel's name.
            counts: the metrics.
        """
        self._store = store
        self._rules = rules
        self._counts = counts
        self._mailboxes: dict[str, CanWriteFirst] = {}
        self._sweeper: asyncio.Task[None] | None = None

    def use(self, channels: Mapping[str, Channel]) -> None:
        """Say which channels there are."""
        self._mailboxes = {name: one for name, one in channels.items() if isinstance(one, CanWriteFirst)}

    async def start(self) -> None:
        """Begin to look for what was missed."""
        if self._rules:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep_forever())

    async def stop(self) -> None:
        """Look no more; what is due is found by the next start."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])

    # -- what happens ----------------------------------------------------------------------------

    def said(self, tx: Tx, conversation_id: str, channel: str, now: int, *, written_in: str = "") -> None:
        """Inside a transaction: something was said in a conversation; its reader may miss it."""
        rule = self._rules.get(channel)
        if rule is not None:
            after = int(rule.after * 1000)
            due = now + (min(_SOON, after) if written_in else after)
            tx.send(routes.SAID, conversation=conversation_id, due=due)

    def goes_on(self, channel: str, email: str) -> bool:
        """Say whether what is missed in a channel will be told at an address."""
        return bool(self._address(channel, email))

    def reach(
        self, tx: Tx, conversation_id: str, channel: str, email: str, now: int, *, proven: bool
    ) -> None:
        """Inside a transaction: a conversation may go on at an address."""
        address, email = self._address(channel, email), email.lower()
        if not address:
            return
        rule = self._rules[channel]
        tx.lock(_LOCK, conversation=conversation_id)
        known = tx.row(routes.OF, conversation=conversation_id)
        if known is not None and (known.channel, known.email) == (rule.mailbox, email):
            if proven and not known.proven:
                tx.send(routes.PROVE, conversation=conversation_id, now=now)
            return
        if known is not None:
            tx.send(_FORGET, conversation=conversation_id)
        before = tx.row(routes.LAST_BEFORE, conversation=conversation_id, until=now - _LOOKING)
        read = before.seq if before is not None and known is None else 0
        tx.send(routes.SEEN_BEFORE, conversation=conversation_id, seq=read)
        conversation = tx.row(_LOCK, conversation=conversation_id)
        assert conversation is not None
        tx.send(
            routes.ADD,
            conversation_id=conversation_id,
            tenant_id=conversation.tenant_id,
            channel=rule.mailbox,
            external_id=routes.new_key(),
            email=email,
            proven=int(proven),
            address=to_json(dict(address)),
            told_seq=0,
            told="[]",
            here_at=now,
            due_at=now + int(rule.after * 1000),
            created_at=now,
        )
        note(
            tx, conversation_id, "route.added", at=now, actor="customer", channel=rule.mailbox, proven=proven
        )

    def _address(self, channel: str, email: str) -> Mapping[str, Any]:
        rule = self._rules.get(channel)
        mailbox = self._mailboxes.get(rule.mailbox) if rule is not None else None
        return mailbox.first_address(email) if mailbox is not None else {}

    # -- what was missed -------------------------------------------------------------------------

    async def _sweep_forever(self) -> None:
        while True:
            try:
                rows = await self._store.read(lambda tx: tx.rows(routes.DUE, until=now_ms(), most=_BATCH))
                looks = (self._look_at(row.conversation_id) for row in rows)
                # one that fails holds up no other
                found = await asyncio.gather(*looks, return_exceptions=True)
                if failed := [error for error in found if error is not None]:
                    log.warning("follow_ups.not_planned", error=in_one_line(failed[0]), count=len(failed))
            except Exception as error:  # noqa: BLE001 - whatever it was must not end the search
                log.warning("follow_ups.sweep_failed", error=in_one_line(error))
            await asyncio.sleep(_SWEEP)

    async def _look_at(self, conversation_id: str) -> None:
        """Look at one conversation; set one aside in which something cannot be read.

        Raises:
            StoreUnavailable: it is looked at again.
        """
        try:
            await self._store.write(lambda tx: self._look(tx, conversation_id))
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is: the same would happen at every look
            reason = type(error).__name__
            log.error("follow_up.unreadable", conversation=conversation_id, reason=reason)  # noqa: TRY400
            await self._store.write(lambda tx: self._set_aside(tx, conversation_id, reason))

    def _set_aside(self, tx: Tx, conversation_id: str, reason: str) -> None:
        """Look at a conversation no more until something is said in it again. Nothing of it is read."""
        now = now_ms()
        if tx.run(routes.SET_ASIDE, conversation=conversation_id, now=now) == 1:
            note(tx, conversation_id, "follow_up.unreadable", at=now, reason=reason)

    def _look(self, tx: Tx, conversation_id: str) -> None:
        """Plan a follow-up if a conversation is due one; else say when to look again, if ever."""
        now = now_ms()
        conversation = tx.row(_LOCK, conversation=conversation_id)
        route = tx.row(routes.OF, conversation=conversation_id)
        if conversation is None or route is None or route.due_at is None or route.due_at > now:
            return
        rule = self._rules.get(conversation.channel)
        if rule is None or rule.mailbox != route.channel or conversation.state == "spam":
            tx.send(routes.SET_DUE, conversation=conversation_id, due=None)
            return
        away_at = route.here_at + int(rule.after * 1000)
        if away_at > now and not conversation.written_in:
            tx.send(routes.SET_DUE, conversation=conversation_id, due=away_at)
            return
        words, withheld, more = self._missed(tx, conversation, route)
        if not words and not withheld:
            tx.send(routes.SET_DUE, conversation=conversation_id, due=None)
            return
        verified = route.proven and conversation.assurance == "verified"
        what = missed.told(
            words,
            withheld,
            proven=bool(route.proven),
            name=conversation.name if verified else "",
            link=rule.link,
            language=conversation.language,
        )
        last = max((*words, *withheld), key=lambda message: message.seq)
        delivery = missed.planned(conversation, route, last, now)
        ledger.add_follow_up(tx, delivery, what)
        told_seq = route.told_seq if withheld else last.seq
        told = [*from_json(route.told), *what["told"]]
        tx.send(
            routes.TOLD,
            conversation=conversation_id,
            new_told_seq=told_seq,
            new_told=to_json([seq for seq in told if seq > told_seq]),
            due=now if more else None,
        )
        note(
            tx,
            conversation_id,
            "follow_up.planned",
            at=now,
            message_id=last.id,
            delivery_id=delivery.delivery_id,
            messages=len(words),
            withheld=len(withheld),
        )
        tx.after_commit(lambda: self._counts.follow_up(conversation.channel))

    def _missed(self, tx: Tx, conversation: Any, route: Any) -> tuple[list[Message], list[Message], bool]:
        """Return what may be told of what was missed, what may not be yet, and whether there is more."""
        last = tx.row(_LAST, conversation=conversation.id, of_thread=route.external_id, most=1)
        lost = last is not None and last.state == "dead"
        if last is not None and not route.proven:
            return [], [], False  # it had its one
        if last is not None and _was_refused(last):
            return [], [], False  # what was sent to its owner last did not arrive, nor would the next
        # what did not reach the address while it might have been a stranger's counts for nothing now
        known: set[int] = set() if lost else set(from_json(route.told))
        rows = tx.rows(
            routes.UNSEEN,
            conversation=conversation.id,
            after=max(conversation.seen_seq, 0 if lost else route.told_seq),
            second=route.channel,
            most=routes.MOST,
        )
        messages = [message_from(row) for row in rows if row.seq not in known]
        words = [message for message in messages if route.proven or message.author == "person"]
        return words, [one for one in messages if one not in words], len(rows) == routes.MOST


def _was_refused(follow_up: Any) -> bool:
    """Say whether a mail to an owner is dead, and not only because it had to wait for too long."""
    dead = follow_up.state == "dead" and follow_up.death != "expired"
    return dead and bool(from_json(follow_up.missed)["proven"])
