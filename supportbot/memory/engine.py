"""Summaries in the background: durable like turns, and never in the way of one."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import structlog

from supportbot.errors import StoreUnavailable, SupportBotError
from supportbot.ids import now_ms
from supportbot.log import in_one_line
from supportbot.memory import ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from supportbot.messages import Answer, Prompt, Turn
    from supportbot.store import Store, Tx

_SWEEP = 2.0
"""Seconds between two looks at the table."""

_MARGIN = 15.0
"""Seconds a claim outlives the time-out of its try, for recording the outcome."""

_DELAYED = "the bot was stopped"

log = structlog.get_logger(__name__)


class Writer(Protocol):
    """Who writes summaries."""

    async def summarise(self, turn: Turn) -> Answer | None:
        """Return a summary of ``turn.memory.summary`` and the first ``turn.messages``; its prompt's turn
        holds as many of them as it tells of. None when none is to be made."""


class Memories:
    """Keeps what the history of a conversation loses, and has summaries made of it."""

    def __init__(
        self,
        store: Store,
        *,
        owner: str,
        alone: bool,
        only: str = "",
        attempts: int = 5,
        retry_delay: float = 5.0,
        timeout: float = 180.0,
        concurrency: int = 2,
    ) -> None:
        """Wire it.

        Args:
            store: where memories are.
            owner: names this process among those that may claim.
            alone: no other process works on this store, so whatever is claimed at the start was abandoned.
            only: for this channel's conversations alone; for all when empty.
            attempts: tries before a summary is given up until the history is cut again.
            retry_delay: seconds before the second try; doubles, with jitter.
            timeout: seconds one try may take.
            concurrency: most summaries written at once: turns need the model, too.
        """
        self._store = store
        self._owner = owner
        self._alone = alone
        self._only = only
        self._attempts = attempts
        self._retry_delay = retry_delay
        self._timeout = timeout
        self._concurrency = concurrency
        self._writer: Writer | None = None
        self._open = False
        self._work: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None

    def use(self, writer: Writer | None) -> None:
        """Say who writes summaries; nobody, until then and with None."""
        self._writer = writer

    def keep(self, tx: Tx, prompt: Prompt) -> None:
        """Inside the transaction that records an answer: keep what its prompt's history has lost, if any."""
        if prompt.memory.from_seq <= prompt.turn.memory.from_seq:
            return
        now = now_ms()
        ledger.keep(tx, prompt.turn, prompt.memory, now=now, due=now if self._writer else None)
        tx.after_commit(self._wake.set)

    async def start(self) -> None:
        """Begin to work, first on what an earlier process left behind."""
        if self._alone:
            await self._store.write(lambda tx: ledger.reclaim(tx, self._owner, now_ms()), patience=10)
        self._open = True
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep_forever())

    async def stop(self) -> None:
        """Give back what is being written; the next start begins it again."""
        self._open = False
        tasks = [*self._work, *([self._sweeper] if self._sweeper else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -- finding work ---------------------------------------------------------------------------

    async def _sweep_forever(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._sweep()
            except Exception as error:  # noqa: BLE001 - whatever it was must not end the search for work
                log.warning("memory.sweep_failed", error=in_one_line(error))
            try:
                async with asyncio.timeout(_SWEEP):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _sweep(self) -> None:
        room = self._concurrency - len(self._work)
        if self._writer is None or room <= 0:
            return
        found = await self._store.read(lambda tx: ledger.due(tx, now_ms(), room, self._only))
        for conversation_id in found:
            self._begin(self._one(conversation_id, self._writer))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        self._wake.set()  # there is room for the next one

    # -- one summary ----------------------------------------------------------------------------

    async def _one(self, conversation_id: str, writer: Writer) -> None:
        try:
            turn = await self._store.write(lambda tx: self._claim(tx, conversation_id))
            if turn is not None:
                await self._written(turn, writer)
        except StoreUnavailable as error:  # the claim ends by itself
            log.warning("memory.outcome_not_stored", conversation=conversation_id, error=str(error))
            await asyncio.sleep(_SWEEP)  # what is due is found again at once when this ends

    def _claim(self, tx: Tx, conversation_id: str) -> Turn | None:
        now = now_ms()
        lease = now + int((self._timeout + _MARGIN) * 1000)
        turn = ledger.claim(tx, conversation_id, now=now, owner=self._owner, lease_until=lease)
        if turn is None:
            return None
        if not turn.messages:
            summary, up_to = turn.memory.summary, turn.memory.from_seq - 1
            ledger.summarised(tx, turn, text=summary, up_to=up_to, model="", now=now)
            return None
        if turn.attempt > self._attempts:
            ledger.put_off(tx, turn, reason="the process died on every try", now=now, again_at=None)
            return None
        return turn

    async def _written(self, turn: Turn, writer: Writer) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                answer = await writer.summarise(turn)
        except asyncio.CancelledError:
            with suppress(StoreUnavailable):
                await asyncio.shield(self._store.write(self._given_back(turn)))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was: it is tried again, then given up
            reason = _reason(error)
            log.warning(
                "memory.failed", conversation=turn.conversation_id, attempt=turn.attempt, reason=reason
            )
            await self._store.write(lambda tx: self._put_off(tx, turn, reason))
            return
        await self._store.write(lambda tx: self._record(tx, turn, answer))

    def _record(self, tx: Tx, turn: Turn, answer: Answer | None) -> None:
        now = now_ms()
        if answer is None:
            reason = "there is no template to ask for a summary with"
            ledger.put_off(tx, turn, reason=reason, now=now, again_at=None)
            return
        told = answer.prompt.turn.messages
        whole = len(told) == len(turn.messages) < ledger.MOST
        up_to = turn.memory.from_seq - 1 if whole else told[-1].seq
        if ledger.summarised(tx, turn, text=answer.text, up_to=up_to, model=answer.model, now=now):
            tx.after_commit(self._wake.set)

    def _put_off(self, tx: Tx, turn: Turn, reason: str) -> None:
        now = now_ms()
        delay = self._retry_delay * 2 ** (turn.attempt - 1) * (0.75 + 0.5 * random.random())  # noqa: S311
        if turn.attempt >= self._attempts:
            ledger.put_off(tx, turn, reason=reason, now=now, again_at=None)
            return
        ledger.put_off(tx, turn, reason=reason, now=now, again_at=now + int(delay * 1000))
        tx.after_commit(lambda: self._wake_after(delay))

    def _wake_after(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._wake.set)

    def _given_back(self, turn: Turn) -> Callable[[Tx], None]:
        now = now_ms()
        return lambda tx: ledger.put_off(tx, turn, reason=_DELAYED, now=now, again_at=now, counts=False)


def _reason(error: Exception) -> str:
    """Name a failure in one line, without the words of the customer it may hold."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    return (
        f"{type(error).__name__}: {error}"[:300]
        if isinstance(error, SupportBotError)
        else type(error).__name__
    )
