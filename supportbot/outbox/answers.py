"""Records answers: the reply, its delivery and the end of its turn, in one transaction."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import BigInteger, bindparam, func, literal_column, update

from supportbot.authorship import is_written
from supportbot.feed import Outcome, Said, Settled, StateChanged
from supportbot.ids import new_id, now_ms
from supportbot.journal import note
from supportbot.messages import Outbound, Source
from supportbot.outbox import ledger
from supportbot.outbox.deliveries import Deliveries
from supportbot.outbox.live import LiveAnswer
from supportbot.outbox.notices import Team, Untold
from supportbot.outbox.taking_back import TakingBack
from supportbot.store import Statement
from supportbot.tables import conversations, turns
from supportbot.turns import ledger as turn_ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column, ColumnElement

    from supportbot.channel import Channel
    from supportbot.feed import Feed
    from supportbot.inbox import Enlist
    from supportbot.messages import Answer, Message, Prompt, Turn
    from supportbot.objections import Objection
    from supportbot.outbox.deliveries import Counts
    from supportbot.store import Store, Tx
    from supportbot.usage import Spent


def _added(column: Column[int], name: str) -> ColumnElement[int]:
    """Return a sum in which None is no part: what earlier tries used stands there already."""
    more: ColumnElement[int] = bindparam(name, type_=BigInteger)
    return func.coalesce(column + more, column, more)


_ANSWERED = Statement(
    update(turns)
    .where(turns.c.id == bindparam("turn"))
    .values(
        state="answered",
        reason=bindparam("why"),
        model=bindparam("new_model"),
        template_hash=bindparam("new_hash"),
        prompt_tokens=_added(turns.c.prompt_tokens, "new_prompt_tokens"),
        completion_tokens=_added(turns.c.completion_tokens, "new_completion_tokens"),
        estimated=turns.c.estimated + bindparam("new_estimated"),
        cost=_added(turns.c.cost, "new_cost"),
        currency=bindparam("new_currency"),
        finished_at=bindparam("now"),
    )
)
_QUEUE = Statement(
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"), conversations.c.state == literal_column("'bot'"))
    .values(state="queued")
)


_MOST_SOURCES = 5


class Remember(Protocol):
    """The outbox's side of the memories."""

    def __call__(self, tx: Tx, prompt: Prompt) -> None:
        """Inside a transaction: keep what the history of this prompt has lost."""


class Missed(Protocol):
    """The outbox's side of the follow-ups."""

    def __call__(self, tx: Tx, conversation_id: str, channel: str, now: int) -> None:
        """Inside a transaction: something was said in a conversation, to be read in ``channel``."""


class Charge(Protocol):
    """The outbox's side of the till."""

    def __call__(self, tx: Tx, turn: Turn) -> Spent | None:
        """Inside a transaction: record what models were asked for in this turn, and return the sum."""


class Outbox:
    """The one way out."""

    def __init__(
        self,
        store: Store,
        feed: Feed,
        *,
        owner: str,
        enlist: Enlist,
        counts: Counts,
        alone: bool,
        remember: Remember | None = None,
        charge: Charge | None = None,
        missed: Missed | None = None,
        currency: str = "",
        attempts: int,
        retry_delay: float,
        timeout: float,
        settle_delay: float,
        only: str = "",
    ) -> None:
        """Wire the outbox.

        Args:
            store: where to record.
            feed: who is told.
            owner: names this process among those that may send.
            enlist: the turn engine's ear, for what arrived while an answer was being written.
            counts: the metrics.
            alone: no other process works on this store.
            remember: told of every answer's prompt, in the transaction that records the answer.
            charge: records what models were asked for, in the same transaction; without it the turn holds
                what its answer says.
            missed: told of everything that the bot says, in the same transaction.
            currency: what that is charged in.
            attempts: sends before a delivery is put aside as dead; also how often in a row looking for an
                unclear one may fail before it ends as unknown.
            retry_delay: seconds before the second send; doubles, with jitter.
            timeout: seconds one send may take before its outcome is unclear.
            settle_delay: seconds to wait before looking for an unclear one.
            only: send for this channel alone, leave the others' deliveries as they are; for all when empty.
        """
        self._store = store
        self._feed = feed
        self._owner = owner
        self._enlist = enlist
        self._remember = remember
        self._charge = charge
        self._missed = missed
        self._currency = currency
        self._only = only
        self._team = Team({})
        self._taking_back = TakingBack(store, counts=counts, timeout=timeout)
        self.untold = Untold(store)
        """Whom the team was not told of; it looks when it is asked to."""
        self.deliveries = Deliveries(
            store,
            owner=owner,
            counts=counts,
            alone=alone,
            attempts=attempts,
            retry_delay=retry_delay,
            timeout=timeout,
            settle_delay=settle_delay,
            only=only,
        )

    async def start(self, channels: Mapping[str, Channel]) -> None:
        """Begin to send, first what an earlier process left behind."""
        self._team = Team(channels, only=self._only)
        await self.deliveries.start(channels)
        if not self._only:
            await self._taking_back.start(channels)

    async def stop(self, grace: float) -> None:
        """Finish what is being sent within ``grace`` seconds; what is not is settled by the next start."""
        await self._taking_back.stop()
        await self.deliveries.stop(grace)

    def live(self, turn: Turn) -> LiveAnswer:
        """Return where the words of a turn's answer go while they are being written."""
        return LiveAnswer(self._feed, turn)

    async def commit(self, answer: Answer, *, patience: float) -> None:
        """Record an answer and its delivery, end its turn, and send it.

        Raises:
            Fenced: the turn is no longer ours, or the bot may no longer speak; nothing was recorded.
            StoreUnavailable: it could not be recorded within ``patience`` seconds.
        """
        await self._store.write(lambda tx: self._commit(tx, answer), patience=patience)

    def _commit(self, tx: Tx, answer: Answer) -> None:
        turn, now = answer.prompt.turn, now_ms()
        closed = turn_ledger.close(tx, turn, now, replies=1)
        turn_ledger.settle_messages(tx, turn, state="answered")
        spent = self._charge(tx, turn) if self._charge else None
        tx.send(
            _ANSWERED,
            turn=turn.id,
            why=answer.handoff,
            new_model=answer.model,
            new_hash=answer.prompt.template_hash,
            new_prompt_tokens=spent.prompt_tokens if spent else answer.usage.prompt_tokens,
            new_completion_tokens=spent.completion_tokens if spent else answer.usage.completion_tokens,
            new_estimated=spent.estimated if spent else 0,
            new_cost=spent.cost if spent else None,
            new_currency=self._currency,
            now=now,
        )
        note(
            tx,
            turn.conversation_id,
            "turn.answered",
            at=now,
            actor="bot",
            turn_id=turn.id,
            model=answer.model,
        )
        if answer.objection is not None:
            _note_objection(tx, turn, answer.objection, now)
        if self._remember is not None:
            self._remember(tx, answer.prompt)
        said = self._say(tx, turn, answer.text, now, answer, seq=closed.last_seq)
        if answer.handoff:
            self._hand_over(tx, turn, said, answer.handoff, now)
        elif closed.more:
            self._enlist(tx, turn.conversation_id, now)

    def say(self, tx: Tx, turn: Turn, text: str) -> None:
        """Inside a transaction: reply to a turn with a fixed text that no model wrote."""
        self._say(tx, turn, text, now_ms(), None)

    def _say(
        self, tx: Tx, turn: Turn, text: str, now: int, answer: Answer | None, *, seq: int | None = None
    ) -> Message:
        handoff = answer.handoff if answer else ""
        message, claimed = ledger.say(
            tx,
            turn,
            text,
            now=now,
            owner=self._owner,
            lease_until=now + self.deliveries.lease_ms,
            seq=seq,
            citations=answer.citations if answer else (),
            sources=_sources(answer) if answer else (),
            model=answer.model if answer else "",
            choices=answer.choices if answer else (),
            handoff=handoff,
        )
        if self._missed is not None:
            self._missed(tx, turn.conversation_id, turn.channel, now)
        outcome = Outcome(
            message_ids=tuple(asked.id for asked in turn.messages),
            state="answered" if answer else "dead",
            speaks="queued" if handoff else "bot",
        )
        tx.after_commit(lambda: self._feed.publish(turn.conversation_id, Said(message, outcome)))
        if claimed is not None:
            tx.after_commit(lambda: self.deliveries.begin(claimed))
        return message

    def _hand_over(self, tx: Tx, turn: Turn, said: Message, reason: str, now: int) -> None:
        tx.send(_QUEUE, conversation=turn.conversation_id)
        change = {"before": "bot", "after": "queued", "reason": reason}
        note(tx, turn.conversation_id, "state.changed", at=now, actor="bot", **change)
        waiting = turn_ledger.hand_over_pending(tx, turn.conversation_id, now, cause=reason)
        if waiting:
            settled = Settled(waiting, "handed_over", "queued")
            tx.after_commit(lambda: self._feed.publish(turn.conversation_id, settled))
        tx.after_commit(lambda: self._feed.publish(turn.conversation_id, StateChanged("queued")))
        self._tell_team(tx, turn, said, reason)

    def _tell_team(self, tx: Tx, turn: Turn, said: Message, reason: str) -> None:
        """Plan what the team is told; what that is in words is read when it is sent.

        Whoever tells is asked by where the customer is answered now; the notice names the conversation's own
        channel, where the team finds it.
        """
        for channel, address in self._team.told_of(turn.channel).items():
            notice = Outbound(
                delivery_id=new_id("dlv"),
                conversation_id=turn.conversation_id,
                message_id=said.id,
                turn_id=turn.id,
                tenant=turn.tenant,
                channel=channel,
                external_id=turn.external_id,
                address=address,
                text=said.text,
                seq=said.seq,
                handoff=reason,
                created_at=said.created_at,
            )
            ledger.store_delivery(tx, notice, "planned", kind="notice", due=said.created_at)
            tx.after_commit(partial(self.deliveries.look_at, notice.delivery_id))


def _sources(answer: Answer) -> tuple[Source, ...]:
    """Return what of the knowledge stood behind an answer: what it quotes, else what the model was given.

    Where no model wrote it and it quotes nothing, it is a fixed text, made of none.
    """
    quoted = {citation.source for citation in answer.citations}
    written = is_written(answer.model)
    read = [p for p in answer.prompt.passages if p.source in quoted or (written and not quoted)]
    best = sorted(read, key=lambda passage: -passage.score)[:_MOST_SOURCES]
    return tuple(Source(title=p.title, source=p.source, score=p.score) for p in best)


def _note_objection(tx: Tx, turn: Turn, objection: Objection, now: int) -> None:
    """Write down why moderation did not let something pass: what kind it is, never its words."""
    kind, found = "moderation.flagged", {"categories": ", ".join(objection.categories)}
    if objection.error:
        kind, found = "moderation.failed", {"error": objection.error[:300]}
    data: dict[str, Any] = {"of": objection.of, **found}
    note(tx, turn.conversation_id, kind, at=now, turn_id=turn.id, **data)
