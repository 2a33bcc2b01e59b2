"""Turns at work: what every driver of the turn engine does with a claimed turn."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from supportbot.errors import Fenced, StoreUnavailable
from supportbot.feed import Settled, Typing
from supportbot.holding import work_under
from supportbot.ids import now_ms
from supportbot.log import in_one_line
from supportbot.storable import clean_text
from supportbot.turns import ledger
from supportbot.turns.opening import Unreadable
from supportbot.turns.running import Running
from supportbot.turns.suspects import Suspects
from supportbot.turns.turnstile import Turnstile

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from supportbot.feed import Feed
    from supportbot.messages import Turn
    from supportbot.store import Store, Tx
    from supportbot.turns.opening import Rules

_TIMER = 10.0
"""Seconds: what is due later than this gets no timer of its own."""

_LAST_WORDS = 1.5
"""Seconds that something which was cancelled may take for its end."""

log = structlog.get_logger(__name__)


class Worker(Protocol):
    """Who does the work of a turn."""

    async def answer(self, turn: Turn) -> None:
        """Answer a claimed turn and commit the answer; any exception means that the try failed."""

    def give_up(self, tx: Tx, turn: Turn) -> None:
        """Inside the transaction that buries a turn: leave the customer a word."""


class Counts(Protocol):
    """What the engine tells of itself."""

    def turn_ended(self, outcome: str, seconds: float) -> None:
        """A try ended."""


class Engine(ABC):
    """Claims turns, has them answered, and keeps their leases. A driver says how they are found."""

    def __init__(
        self,
        store: Store,
        feed: Feed,
        rules: Rules,
        *,
        counts: Counts,
        alone: bool,
        concurrency: int,
        timeout: float,
        retry_delay: float,
    ) -> None:
        """Wire the engine.

        Args:
            store: where turns are.
            feed: is told when work begins and ends.
            rules: how turns are claimed.
            counts: the metrics.
            alone: no other process works on this store, so whatever is claimed at the start was abandoned.
            concurrency: most turns worked on at once.
            timeout: seconds one try may take.
            retry_delay: seconds before the second try; doubles, with jitter.
        """
        self._store = store
        self._feed = feed
        self._rules = rules
        self._counts = counts
        self._alone = alone
        self._concurrency = concurrency
        self._timeout = timeout
        self._retry_delay = retry_delay
        self._worker: Worker
        self._open = False
        self._running: dict[str, Running] = {}  # by turn id
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._chores: set[asyncio.Task[object]] = set()
        self._more = asyncio.Event()
        self._places = asyncio.Semaphore(concurrency)
        self._turnstile = Turnstile()
        self._suspects = Suspects(store, rules.only, room=self._room_for_suspects, work=self._work_on_suspect)

    # -- the port -------------------------------------------------------------------------------

    def enlist(self, tx: Tx, conversation_id: str, due_at: int) -> None:
        """Claim in the caller's transaction what is due and can be worked on; else see to it later."""
        now = now_ms()
        if due_at <= now and self._has_room():
            self._claim(tx, conversation_id, now)
        else:
            self._put_off(tx, conversation_id, due_at)

    def interrupt(self, conversation_id: str) -> None:
        """Stop working on a conversation if its turn was taken away.

        Whoever says so may be late, and mean a claim before the one that is being worked on: the tables know.
        """
        turns = [running.turn for running in self._running.values()]
        here = [turn for turn in turns if turn.conversation_id == conversation_id]
        if here and self._open:
            self._chore(self._keep(here))

    def use(self, worker: Worker) -> None:
        """Say who does the work; once, before ``start``."""
        self._worker = worker

    async def start(self) -> None:
        """Begin to work, first on what an earlier process left behind."""
        if self._alone:
            me = self._rules.owner
            found = await self._store.write(lambda tx: ledger.reclaim(tx, me, now_ms()), patience=10)
            if found:
                log.info("turns.recovered", count=found)
        self._open = True
        self._chore(self._find_forever())
        self._chore(self._suspects.examine_forever())
        self._chore(self._renew_forever())

    async def stop(self, grace: float) -> None:
        """Take no new turns; finish those that finish within ``grace`` seconds, release the others."""
        self._open = False
        for timer in self._timers.values():
            timer.cancel()
        await _ended(self._chores)
        tasks = {running.task for running in self._running.values()}
        if tasks:
            _, tasks = await asyncio.wait(tasks, timeout=grace)
        await _ended(tasks)
        if self._chores:  # claims that reached the disk meanwhile are being given back
            _, unwilling = await asyncio.wait(self._chores, timeout=_LAST_WORDS)
            await _ended(unwilling)

    @property
    def running(self) -> int:
        """How many turns are being worked on."""
        return len(self._running)

    # -- the driver's part ----------------------------------------------------------------------

    def _put_off(self, tx: Tx, conversation_id: str, due_at: int) -> None:
        """Inside a transaction: see to it that somebody looks at a conversation, now or later."""
        tx.after_commit(lambda: self._look_at(conversation_id, due_at))

    @abstractmethod
    async def _find_forever(self) -> None:
        """Look for work that no timer of this process knows of."""

    # -- claiming -------------------------------------------------------------------------------

    def _has_room(self) -> bool:
        return self._open and len(self._running) < self._concurrency

    def _claim(
        self, tx: Tx, conversation_id: str, now: int, *, company: int = 0, unread: str = ""
    ) -> Turn | None:
        """Claim what is due in a conversation, and begin to work on it once that is on disk.

        The last two arguments are those of ``ledger.claim``.
        """
        claimed = ledger.claim(tx, conversation_id, now, self._rules, company=company, unread=unread)
        match claimed:
            case None:
                return None
            case ledger.Buried(turn=turn, reason=reason):
                self._bury(tx, turn, reason, now)
                return None
            case Unreadable(turn=turn, reason=reason):
                tx.after_commit(lambda: log.error("turn.unreadable", turn=turn.id, reason=reason))
                self._put_back(tx, turn, reason, now)
                return None
            case _:
                tx.after_commit(lambda: self._begin(claimed, now + self._rules.lease_ms))
                return claimed

    async def _claim_now(self, conversation_id: str, *, company: int = 0) -> Turn | None:
        """Claim what is due in a conversation, in a transaction of its own.

        A claim that cannot be made, whyever, is a failed try of its turn: it must end some day.
        """
        store = self._store
        try:
            return await store.write(lambda tx: self._claim(tx, conversation_id, now_ms(), company=company))
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            log.error("turn.not_claimed", conversation=conversation_id, error=in_one_line(error))  # noqa: TRY400
            unread = f"it cannot be claimed: {type(error).__name__}"
        return await store.write(
            lambda tx: self._claim(tx, conversation_id, now_ms(), company=company, unread=unread)
        )

    async def _claim_all(self, conversation_ids: list[str]) -> bool:
        """Claim what is due in these conversations; says whether the store took any of the claims.

        Whatever keeps one from being claimed holds up no other; the next look tries it again.
        """
        claims = (self._claim_now(conversation_id) for conversation_id in conversation_ids)
        done = await asyncio.gather(*claims, return_exceptions=True)
        failed = [error for error in done if isinstance(error, BaseException)]
        if failed:
            log.warning("turns.not_claimed", error=in_one_line(failed[0]), count=len(failed))
        return len(failed) < len(conversation_ids)

    def _look_at(self, conversation_id: str, due_at: int) -> None:
        """Set the conversation's timer anew; without room, or far off, it is left to the sweep."""
        earlier = self._timers.pop(conversation_id, None)
        if earlier is not None:
            earlier.cancel()
        delay = max(0.0, (due_at - now_ms()) / 1000)
        if self._has_room() and delay <= _TIMER:
            loop = asyncio.get_running_loop()
            self._timers[conversation_id] = loop.call_later(delay, self._on_timer, conversation_id)

    def _on_timer(self, conversation_id: str) -> None:
        del self._timers[conversation_id]
        if self._has_room():
            self._chore(self._claim_all([conversation_id]))

    def _room_for_suspects(self) -> int:
        """Half of the places that are free: who writes now has the others."""
        return max(1, (self._concurrency - len(self._running)) // 2)

    async def _work_on_suspect(self, conversation_id: str, company: int) -> bool:
        turn = await self._claim_now(conversation_id, company=company)
        if turn is not None:
            await self._until_done(turn)
        return turn is not None

    async def _until_done(self, turn: Turn) -> None:
        running = self._at_work_on(turn)
        if running is not None:
            await asyncio.wait([running.task])

    # -- one turn -------------------------------------------------------------------------------

    def _begin(self, turn: Turn, until: int) -> None:
        """Start the task of a turn that is claimed until then; called once its claim is on disk."""
        if not self._open:  # the stop began while the claim was on its way
            self._chore(self._release(turn, "the bot was stopped"))
            return
        overtaken = self._running.pop(turn.id, None)
        if overtaken is not None:  # its lease ran out under us, and we claimed it again
            overtaken.interrupt()
        self._feed.publish(turn.conversation_id, Typing(turn.id))
        running = Running(turn)
        self._running[turn.id] = running
        if not self._alone:  # who is alone keeps its turns, and an answer waits as long as the database does
            running.hold(until)
        running.task = asyncio.get_running_loop().create_task(self._work(running), name=turn.id)
        # One that is cancelled before its first step never gets to say that it has ended.
        running.task.add_done_callback(lambda _: self._forget(running, "superseded"))

    async def _work(self, running: Running) -> None:
        work_under(running.claim)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        turn = running.turn
        outcome = "superseded"  # also if that happens while a failure is being recorded
        try:
            with structlog.contextvars.bound_contextvars(turn=turn.id):
                outcome = await self._outcome(running)
        finally:
            self._forget(running, outcome)
            self._counts.turn_ended(outcome, loop.time() - begun)

    def _forget(self, running: Running, outcome: str) -> None:
        turn = running.turn
        self._more.set()
        running.let_go()
        if self._running.get(turn.id) is not running:
            return  # it was claimed anew, and that one goes on
        del self._running[turn.id]
        if outcome == "superseded":  # then nothing else says so, when its conversation was deleted
            self._feed.publish(turn.conversation_id, Typing(turn.id, on=False))

    async def _outcome(self, running: Running) -> str:
        turn = running.turn
        try:
            async with self._places, asyncio.timeout(self._timeout):
                await self._turnstile.pass_through()
                await self._worker.answer(turn)
        except Fenced:
            if not running.is_over:
                log.info("turn.superseded")
                return "superseded"
            running.lapse()  # seen before its timer could say so; who was overtaken has nothing to give back
        except asyncio.CancelledError as error:
            if running.interrupted:
                return "superseded"
            if not running.task.cancelling():  # not we, but what the worker waited for was cancelled
                return await self._failed(turn, error)
        except Exception as error:  # noqa: BLE001 - whatever it was: the turn is tried again, then put aside
            return await self._failed(turn, error)
        else:
            return "answered"
        if running.lapsed:  # nobody died, and nothing failed: so it is said as soon as the database is back
            await self._release(turn, "its lease ended", patience=self._rules.lease_ms / 1000)
        else:
            await self._release(turn, "the bot was stopped")
        return "released"

    async def _failed(self, turn: Turn, error: BaseException) -> str:
        log.error("turn.failed", attempt=turn.attempt, error=in_one_line(error))
        reason = _reason(error)
        self._feed.publish(turn.conversation_id, Typing(turn.id, on=False))
        try:
            await self._store.write(
                lambda tx: self._put_back(tx, turn, reason, now_ms()), patience=self._rules.lease_ms / 1000
            )
        except StoreUnavailable as unstored:
            log.error("turn.outcome_not_stored", error=str(unstored))  # noqa: TRY400 - the lease ends by itself
        return "dead" if self._is_last(turn) else "failed"

    def _is_last(self, turn: Turn) -> bool:
        return turn.attempt >= self._rules.attempts

    def _put_back(self, tx: Tx, turn: Turn, reason: str, now: int) -> None:
        """After a failed try: let it be tried again later, or put it aside."""
        if self._is_last(turn):
            self._bury(tx, turn, reason, now)
            return
        delay = self._retry_delay * 2 ** (turn.attempt - 1) * (0.75 + 0.5 * random.random())  # noqa: S311
        again_at = now + int(delay * 1000)
        if ledger.fail(tx, turn, reason=reason, now=now, again_at=again_at):
            self._put_off(tx, turn.conversation_id, again_at)

    async def _release(self, turn: Turn, reason: str, *, patience: float = 0.0) -> None:
        """Give the turn back uncounted: somebody begins it anew."""
        now = now_ms()

        def unit(tx: Tx) -> None:
            if ledger.fail(tx, turn, reason=reason, now=now, again_at=now, counts=False):
                self._put_off(tx, turn.conversation_id, now)

        try:
            await asyncio.shield(asyncio.ensure_future(self._store.write(unit, patience=patience)))
        except StoreUnavailable as error:
            log.warning("turn.not_released", error=str(error))

    def _bury(self, tx: Tx, turn: Turn, reason: str, now: int) -> None:
        try:
            closed = ledger.bury(tx, turn, reason=reason, now=now)
        except Fenced:
            return
        try:
            self._worker.give_up(tx, turn)
        except Exception as error:  # noqa: BLE001 - a word that cannot be left must not keep the dead alive
            log.error("turn.no_word_left", turn=turn.id, error=in_one_line(error))  # noqa: TRY400
        tx.after_commit(lambda: log.error("turn.dead", turn=turn.id, reason=reason))
        settled = Settled(tuple(m.id for m in turn.messages), "dead", reason)
        tx.after_commit(lambda: self._feed.publish(turn.conversation_id, settled))
        if closed.more:
            self._put_off(tx, turn.conversation_id, now)

    # -- chores ---------------------------------------------------------------------------------

    async def _renew_forever(self) -> None:
        """Keep the leases of what is being worked on, all in one transaction."""
        while True:
            await asyncio.sleep(self._rules.lease_ms / 3000)
            await self._keep([running.turn for running in self._running.values()])

    async def _keep(self, held: list[Turn]) -> None:
        """Renew the leases of these turns; stop the work on those that are no longer ours."""
        if not held:
            return
        until = now_ms() + self._rules.lease_ms
        try:
            lost = await self._store.write(lambda tx: self._renew(tx, held, until))
        except Exception as error:  # noqa: BLE001 - whatever it was must not end the renewing
            log.warning("turns.lease_not_renewed", error=in_one_line(error))
            return
        for running in filter(None, map(self._at_work_on, held)):
            if running.turn in lost:
                running.interrupt()
            elif not self._alone:
                running.hold(until)

    def _at_work_on(self, turn: Turn) -> Running | None:
        """Return what is done for this claim of a turn; None when it has ended, or was claimed anew."""
        running = self._running.get(turn.id)
        return running if running is not None and running.turn.fence == turn.fence else None

    def _renew(self, tx: Tx, held: list[Turn], until: int) -> list[Turn]:
        return [turn for turn in held if not ledger.renew(tx, turn, until)]

    def _chore(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


async def _ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they are gone.

    When a database that hangs keeps one of them waiting in what it does for its end, that is broken off, and
    so is what it does after that.
    """
    left, patience = set(tasks), _LAST_WORDS
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=patience)
        patience = _LAST_WORDS / 20


def _reason(error: BaseException) -> str:
    """Name a failure in one line, without the words of the customer it may hold."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    known = type(error).__module__.startswith("supportbot")
    return clean_text(f"{type(error).__name__}: {error}")[:300] if known else type(error).__name__
