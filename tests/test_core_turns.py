"""Attempts to break the durable path in the turn engine: cancellations, stops, full disks."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from supportbot.errors import StoreUnavailable
from supportbot.ids import now_ms
from supportbot.store import Statement
from tests.durable import Durable, opened, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.messages import Turn
    from supportbot.store import Store, Tx


class Gate:
    """A store in front of another: holds writes back, or lets them fail, while a test says so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.open = asyncio.Event()
        self.open.set()
        self.waiting = 0
        self.down = False
        self.reads = 0

    async def write(self, unit: Any, *, patience: float = 0.0) -> Any:
        if self.down:
            raise StoreUnavailable(cause="disk full")
        self.waiting += 1
        await self.open.wait()
        self.waiting -= 1
        return await self._store.write(unit, patience=patience)

    async def read(self, unit: Any) -> Any:
        self.reads += 1
        return await self._store.read(unit)

    async def close(self) -> None:
        """The one behind it is closed by who opened it."""


@asynccontextmanager
async def gated(url: str) -> AsyncIterator[tuple[Durable, Gate]]:
    """A bot at work behind a gate."""
    async with opened(url) as store:
        gate = Gate(store)
        bot = Durable(gate)
        await bot.start()
        try:
            yield bot, gate
        finally:
            gate.open.set()
            gate.down = False
            await bot.stop()


async def test_a_person_who_speaks_while_a_failure_is_recorded_frees_the_place(sqlite_database: str) -> None:
    """An interruption at that moment leaves nothing behind that counts as a running turn."""
    async with gated(sqlite_database) as (bot, gate):

        def fail(_turn: Turn) -> str:
            gate.open.clear()
            raise RuntimeError

        bot.worker.say = fail
        await bot.accept("hello")
        await bot.until(lambda: gate.waiting == 1)
        bot.interrupt(bot.worker.turns[0])
        await bot.until(lambda: bot.engine.running == 0)


async def test_a_cancellation_that_nobody_asked_for_is_a_failure(database_url: str) -> None:
    """What a worker waited for was cancelled by somebody else: the try counts, so that the tries end."""
    async with running(database_url) as bot:

        def cancelled(_turn: Turn) -> str:
            raise asyncio.CancelledError

        bot.worker.say = cancelled
        await bot.accept("hello")
        assert await bot.replies(1) == ["sorry"]
        assert await bot.rows("select state, attempt from turns") == [("dead", 3)]


async def test_a_turn_that_was_claimed_anew_can_still_be_interrupted(sqlite_database: str) -> None:
    """After a lease ran out under a stalled loop, the end of the old try does not hide the new one."""
    async with running(sqlite_database) as bot:
        ends: list[asyncio.CancelledError] = []

        async def never(_turn: Turn) -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                ends.append(error)
                raise
            return ""

        bot.worker.say = never
        await bot.accept("hello")
        await bot.until(lambda: len(bot.worker.turns) == 1)
        bot.engine._begin(bot.worker.turns[0].evolve(attempt=2), now_ms() + 60_000)
        await bot.until(lambda: len(ends) == 1 and len(bot.worker.turns) == 2)
        bot.interrupt(bot.worker.turns[1])
        await bot.until(lambda: len(ends) == 2)


async def test_no_more_turns_are_worked_on_than_allowed(sqlite_database: str) -> None:
    """Messages that are accepted in one commit do not all find the same free place."""
    async with opened(sqlite_database) as store:
        bot = Durable(store, concurrency=3)
        await bot.start()
        most = 0
        at_work = 0

        async def say(turn: Turn) -> str:
            nonlocal most, at_work
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0)
            at_work -= 1
            return turn.question

        bot.worker.say = say
        await asyncio.gather(*(bot.accept("hello", to=f"c{number}") for number in range(40)))
        assert len(await bot.replies(40)) == 40
        await bot.stop()
        assert most == 3


async def test_a_turn_whose_claim_is_committed_during_the_stop_is_given_back(sqlite_database: str) -> None:
    """The stop has begun and the claim is on its way to the disk: it is not worked on, nor counted."""
    async with opened(sqlite_database) as store:
        bot = Durable(store)
        await bot.start()
        slow, go = threading.Event(), threading.Event()

        def occupy(_tx: Tx) -> None:
            slow.set()
            go.wait(10)

        accepting = asyncio.ensure_future(bot.accept("hello"))
        await accepting
        await bot.replies(1)
        occupied = asyncio.ensure_future(store.write(occupy))
        await asyncio.to_thread(slow.wait, 10)
        accepting = asyncio.ensure_future(bot.accept("again"))
        engine_open = bot.engine._has_room
        bot.engine._has_room = lambda: True  # type: ignore[method-assign]  # the unit ran just before the stop
        await asyncio.sleep(0)
        await bot.engine.stop(0)
        go.set()
        await occupied
        await accepting
        bot.engine._has_room = engine_open  # type: ignore[method-assign]
        await bot.until_rows(
            "select state, attempt, reason from turns where state <> 'answered'",
            [("waiting", 0, "the bot was stopped")],
        )
        assert len(bot.worker.turns) == 1
        await bot.outbox.stop(0)


async def test_a_full_disk_is_not_asked_again_and_again(sqlite_database: str) -> None:
    """A backlog that cannot be claimed is looked at once a second, not as fast as the processor can."""
    async with opened(sqlite_database) as store:
        waiting = Durable(store)
        for number in range(5):
            await waiting.accept("hello", to=f"c{number}")
        gate = Gate(store)
        bot = Durable(gate, concurrency=3)
        await bot.start()
        gate.down = True
        await bot.until(lambda: gate.reads >= 2)
        reads = gate.reads
        for _ in range(50):
            await store.read(lambda tx: None)
        assert gate.reads <= reads + 2
        gate.down = False
        assert len(await bot.replies(5)) == 5
        await bot.stop()


@pytest.mark.parametrize("damage", ["attachments", "citations"])
async def test_what_cannot_be_read_holds_nobody_else_up(database_url: str, damage: str) -> None:
    """A row that this release cannot read keeps neither other turns nor other deliveries from their end, nor
    what comes after it in its conversation; it is put aside with the reason.
    """
    async with opened(database_url) as store:
        first = Durable(store, channels={})
        first.outbox.deliveries._begin = lambda work: work.close()  # type: ignore[method-assign]
        if damage == "citations":
            await first.start()
        for name in ("bad", "good"):
            await first.accept(name, to=name)
        if damage == "citations":
            await first.until_rows("select state from deliveries", [("sending",), ("sending",)])
            await first.stop()
        where = "turns" if damage == "attachments" else "deliveries"
        unreadable = '[{"from": "the future"}]'
        spoil = Statement(text(f"update messages set {damage} = '{unreadable}' where text like '%bad'"))
        await store.write(lambda tx: tx.run(spoil))
        bot = Durable(store)
        await bot.start()
        await bot.until_rows(f"select state from {where} where state = 'dead'", [("dead",)])
        [(reason,)] = await bot.rows(f"select reason from {where} where state = 'dead'")
        assert reason == "what is stored cannot be read: TypeError"
        await bot.accept("later", to="later")
        expected = {"re: good", "re: later"} | ({"sorry"} if where == "turns" else set())
        assert expected == set(await bot.replies(len(expected)))
        await bot.stop()
