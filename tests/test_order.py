"""More waits in the queue than can be worked off: what is new goes first, and the rest is not forgotten."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from supportbot.turns import queue
from supportbot.turns.order import NEW_FOR, Order
from supportbot.turns.queue import SCHEMA, QueueEngine
from tests.durable import Durable, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from supportbot.messages import Turn

_PRIORITIES = f"SELECT lock, priority FROM {SCHEMA}.procrastinate_jobs ORDER BY priority DESC, id"


class Slow:
    """Answers a turn when it is told to."""

    def __init__(self) -> None:
        self.permits = asyncio.Semaphore(0)

    async def say(self, turn: Turn) -> str:
        await self.permits.acquire()
        return "re: " + turn.question


@asynccontextmanager
async def one(url: str, **options: Any) -> AsyncIterator[Durable]:
    """One process's part of a bot, not started."""
    async with opened(url) as store:
        bot = Durable(store, queue=url, **options)
        try:
            yield bot
        finally:
            await bot.stop()


async def accept(bot: Durable, *names: str) -> list[str]:
    """Accept a message in each of these conversations; return their ids."""
    return [(await bot.accept(name, to=name)).conversation_id for name in names]


async def waiting(bot: Durable, jobs: int) -> None:
    """Until so many jobs wait for a place."""
    assert isinstance(bot.engine, QueueEngine)
    engine = bot.engine
    await bot.until(lambda: engine._jobs_waiting == jobs)


def asked(bot: Durable) -> list[str]:
    """Return what was begun, in its order."""
    return [turn.question for turn in bot.worker.turns]


async def test_what_comes_now_goes_before_what_has_waited(postgres_database: str) -> None:
    """Nobody worked for a while: who writes now, to a process that only takes in, is answered next or so."""
    async with one(postgres_database, works=False) as web, one(postgres_database, concurrency=1) as worker:
        slow = Slow()
        worker.worker.say = slow.say
        waited = [str(number) for number in range(20)]
        await accept(web, *waited)
        await worker.start()
        await worker.until_rows(
            f"SELECT count(*) FROM {SCHEMA}.procrastinate_jobs WHERE status = 'todo' AND priority <> 0",
            [(19,)],
        )
        await accept(web, "now")
        for _ in range(21):
            slow.permits.release()
        await worker.replies(21)
        order = asked(worker)
        assert order.index("now") in {1, 2}, "a share of what has waited may have been put in front, here one"
        assert waited == [question for question in order if question != "now"]


async def test_a_backlog_leaves_room_for_what_is_accepted(postgres_database: str) -> None:
    """All that a process took out of the queue is slow: what it accepts itself begins at once."""
    async with one(postgres_database, works=False) as web, one(postgres_database, concurrency=4) as worker:
        slow = Slow()
        worker.worker.say = slow.say
        await accept(web, *(str(number) for number in range(8)))
        await worker.start()
        await worker.until(lambda: worker.engine.running == 3)
        await accept(worker, "now")
        assert 4 == worker.engine.running
        for _ in range(9):
            slow.permits.release()
        assert 9 == len(await worker.replies(9))


async def test_what_is_accepted_leaves_room_for_a_backlog(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that waits for room gets the next place, although more is accepted all the time."""
    monkeypatch.setattr(queue, "_HOLD", 60.0)  # a slow machine must not put it back meanwhile
    async with one(postgres_database, works=False) as web, one(postgres_database, concurrency=2) as worker:
        slow = Slow()
        worker.worker.say = slow.say
        await worker.start()
        await accept(worker, "a", "b")
        assert 2 == worker.engine.running
        await accept(web, "waits")
        await waiting(worker, 1)
        slow.permits.release()
        await accept(worker, "c")
        await worker.until(lambda: len(asked(worker)) >= 3)
        assert "waits" == asked(worker)[2]
        for _ in range(3):
            slow.permits.release()
        assert 4 == len(await worker.replies(4))


async def test_a_place_is_one_jobs(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs wait and one place becomes free: the one that came first begins, the other one waits."""
    monkeypatch.setattr(queue, "_HOLD", 60.0)  # as above
    async with one(postgres_database, works=False) as web, one(postgres_database, concurrency=2) as worker:
        slow = Slow()
        worker.worker.say = slow.say
        await worker.start()
        await accept(worker, "a", "b")
        for number, name in enumerate(("first", "second"), 1):
            await accept(web, name)
            await waiting(worker, number)
        running: list[int] = []
        begin = worker.engine._begin

        def begun(turn: Turn, until: int) -> None:
            begin(turn, until)
            running.append(worker.engine.running)

        async def begun_are(number: int) -> None:
            await worker.until(lambda: number <= len(running))

        monkeypatch.setattr(worker.engine, "_begin", begun)
        for begun_by_now in (1, 2):
            slow.permits.release()
            await begun_are(begun_by_now)
            await accept(web, f"later {begun_by_now}")  # what was claimed beside it has begun by then
            assert [2] * begun_by_now == running
        for _ in range(4):
            slow.permits.release()
        await worker.replies(6)
        assert ["a", "b", "first", "second"] == asked(worker)[:4]


async def test_a_share_of_what_has_waited_is_put_in_front(postgres_database: str) -> None:
    """New jobs come without end: the oldest are taken up between them all the same."""
    async with one(postgres_database, works=False) as web:
        order = Order(SCHEMA, share=2)

        async def arrange(now: float) -> dict[str, int]:
            await web.store.write(lambda tx: order.arrange(tx, now))
            return dict(await web.rows(_PRIORITIES))  # type: ignore[arg-type]

        a, b, c = await accept(web, "a", "b", "c")
        assert {a: -1, b: -1, c: -1} == await arrange(0.0), "they wait since nobody knows when"
        (d,) = await accept(web, "d")
        assert {a: 1, b: 1, d: 0, c: -1} == await arrange(1.0)
        assert {a: 1, b: 1, d: 0, c: -1} == await arrange(NEW_FOR), "not all of them: two are in front"
        assert {a: 1, b: 1, c: -1, d: -1} == await arrange(NEW_FOR + 1.0), "d is no new one any more"
