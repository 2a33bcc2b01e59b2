"""The worker of the queue is woken by every job, and asks for one in a single round trip."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import procrastinate

from supportbot.turns import queue as turn_queue
from supportbot.turns.wakeups import QueueConnector
from tests.durable import Durable, opened

if TYPE_CHECKING:
    import pytest

_LISTENING = (
    "select count(*) from pg_stat_activity where datname = current_database()"
    " and query like 'LISTEN%procrastinate%' and state = 'idle'"
)


async def test_a_job_that_comes_during_a_look_is_not_left_lying(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look does not see it, its notice is heard before the look ends; no poll has to find it."""
    monkeypatch.setattr(turn_queue, "_POLL", 3600.0)
    monkeypatch.setattr(turn_queue, "_REAP", 3600.0)
    heard, looks = asyncio.Event(), 0
    look, listen = (
        procrastinate.PsycopgConnector.execute_query_one_async,
        procrastinate.PsycopgConnector.listen_notify,
    )

    async def listening(self: Any, on_notification: Any, channels: Any) -> None:
        async def hear(**notice: Any) -> None:
            await on_notification(**notice)
            heard.set()

        await listen(self, on_notification=hear, channels=channels)

    async with opened(postgres_database) as store:
        front = Durable(store, queue=postgres_database, works=False)
        worker = Durable(store, queue=postgres_database)

        async def slow_look(self: Any, query: Any, **arguments: Any) -> Any:
            nonlocal looks
            row = await look(self, query, **arguments)
            if "fetch_job" in query and row["id"] is None and heard.is_set() and not looks:
                looks += 1
                heard.clear()
                await front.accept("during the look", to="c2")
                await heard.wait()
            return row

        monkeypatch.setattr(procrastinate.PsycopgConnector, "execute_query_one_async", slow_look)
        monkeypatch.setattr(procrastinate.PsycopgConnector, "listen_notify", listening)
        await worker.start()
        try:
            await worker.until_rows(_LISTENING, [(1,)])
            await front.accept("before", to="c1")
            await worker.until_rows(
                "select count(*) from messages where author = 'customer' and state = 'answered'",
                [(2,)],
            )
        finally:
            await worker.stop()
    assert 1 == looks


async def test_a_job_that_waited_for_a_lock_is_not_left_lying(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message comes when its turn before has ended and the job of that not quite: no poll finds it."""
    monkeypatch.setattr(turn_queue, "_POLL", 3600.0)
    monkeypatch.setattr(turn_queue, "_REAP", 3600.0)
    looked_in_vain, execute = asyncio.Event(), procrastinate.PsycopgConnector.execute_query_async
    look = procrastinate.PsycopgConnector.execute_query_one_async
    finished = 0

    async with opened(postgres_database) as store:
        front = Durable(store, queue=postgres_database, works=False)
        worker = Durable(store, queue=postgres_database)

        async def watched_look(self: Any, query: Any, **arguments: Any) -> Any:
            row = await look(self, query, **arguments)
            if "fetch_job" in query and row["id"] is None and finished:
                looked_in_vain.set()
            return row

        async def slow_finish(self: Any, query: Any, **arguments: Any) -> None:
            nonlocal finished
            if "finish_job" in query and not finished:
                finished += 1
                await front.accept("second")
                await looked_in_vain.wait()
            await execute(self, query, **arguments)

        monkeypatch.setattr(procrastinate.PsycopgConnector, "execute_query_one_async", watched_look)
        monkeypatch.setattr(procrastinate.PsycopgConnector, "execute_query_async", slow_finish)
        await worker.start()
        try:
            await worker.until_rows(_LISTENING, [(1,)])
            await front.accept("first")
            assert ["re: first", "re: second"] == await worker.replies(2)
        finally:
            await worker.stop()


async def test_a_question_is_not_wrapped_in_a_transaction(postgres_database: str) -> None:
    """Connections commit each statement by themselves: no BEGIN and no COMMIT go over the wire."""
    connector = QueueConnector(postgres_database, turn_queue.SCHEMA)
    await connector.open_async()
    try:
        async with connector.pool.connection() as connection:
            assert connection.autocommit
    finally:
        await connector.close_async()
