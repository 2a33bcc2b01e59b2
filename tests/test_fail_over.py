"""A database that fails over: the old primary hangs, or the name leads to a stand-by for a moment."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from supportbot.errors import StoreUnavailable
from supportbot.store import Statement
from supportbot.store.notices import Notices
from supportbot.store.postgres_pool import connect
from supportbot.turns import queue as turn_queue
from tests.durable import Durable, opened, rows_of
from tests.frozen import freezing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.frozen import Freezing

_ADD = Statement(text("INSERT INTO tenants (id, name, created_at) VALUES ('t1', '', 1)"))

_LOSE_THE_JOBS = Statement(text(f"DELETE FROM {turn_queue.SCHEMA}.procrastinate_jobs"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing for half a second hangs."""
    monkeypatch.setattr("supportbot.store.bounded.HUNG", 0.5)
    monkeypatch.setattr(turn_queue, "_POLL", 0.1)
    monkeypatch.setattr(turn_queue, "_BEAT", 0.3)
    monkeypatch.setattr(turn_queue, "_PAUSE", 0.05)


@asynccontextmanager
async def parted(url: str) -> AsyncIterator[tuple[Freezing, Durable, Durable]]:
    """A server in front of the database, who takes messages in beside it, and who works through it."""
    async with freezing(url) as server, opened(url) as of_the_front, opened(server.url) as of_the_worker:
        worker = Durable(of_the_worker, queue=server.url)
        await worker.start()
        try:
            yield server, Durable(of_the_front, queue=url, works=False), worker
        finally:
            await worker.stop()


@pytest.mark.usefixtures("impatient")
async def test_a_worker_goes_on_taking_jobs_when_its_primary_hung(postgres_database: str) -> None:
    """Not one of its connections is closed by anybody; it gives them up and begins anew."""
    async with parted(postgres_database) as (server, front, worker):
        await front.accept("before", to="c0")
        await worker.replies(1)
        for failure in range(1, 4):
            server.swallow()
            await front.accept("after", to=f"c{failure}")
            await worker.replies(failure + 1)


@pytest.mark.usefixtures("impatient")
async def test_nobody_asks_a_server_that_hangs_for_ever(postgres_database: str) -> None:
    """While it listens a connection may hear nothing for long; what it asks is answered soon or never."""
    async with freezing(postgres_database) as server:
        connection = await connect(server.url)
        await connection.execute("LISTEN anything")
        heard = [notice async for notice in connection.notifies(timeout=1.0)]
        assert [] == heard
        assert (1,) == await (await connection.execute("SELECT 1")).fetchone()
        server.swallow()
        async with asyncio.timeout(5):
            with pytest.raises(psycopg.OperationalError, match="the server does not answer"):
                await connection.execute("SELECT 1")
        await connection.close()


@pytest.mark.usefixtures("impatient")
async def test_whoever_looks_after_the_dead_goes_on_when_the_primary_hung(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps its lease, so nobody else would look for what was left behind."""
    monkeypatch.setattr(turn_queue, "_REAP", 0.05)
    monkeypatch.setattr(turn_queue, "_STALLED", 0.6)
    monkeypatch.setattr("supportbot.leases._RENEW", 0.05)
    async with parted(postgres_database) as (server, front, worker):
        await front.until_rows("select count(*) from leases", [(1,)])
        server.swallow()
        await front.accept("its job is lost", to="c1")
        await front.store.write(lambda tx: tx.run(_LOSE_THE_JOBS))
        assert ["re: its job is lost"] == await worker.replies(1)


async def test_a_stand_by_is_left_once_the_name_leads_to_the_primary(postgres_database: str) -> None:
    """A session of that moment only reads as long as it lives, and new ones write."""
    async with opened(postgres_database) as store:
        with only_reading(postgres_database):
            await asyncio.gather(*(rows_of(store, "SELECT pg_sleep(0.1)") for _ in range(3)))
        with pytest.raises(StoreUnavailable, match="standby"):
            await store.write(lambda tx: tx.run(_ADD))
        assert 1 == await store.write(lambda tx: tx.run(_ADD))


async def test_a_sender_of_notices_is_left_when_its_server_refuses(postgres_database: str) -> None:
    """A stand-by takes none, as long as the connection lasts."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    notices = Notices(postgres_database, "anything")
    with refusing_notices(postgres_database):
        await notices.start(heard.put_nowait, lambda: None)
        assert not await notices.post(["refused"])
    assert await notices.post(["heard"])
    async with asyncio.timeout(10):
        assert "heard" == await heard.get()
    await notices.stop()


@contextmanager
def only_reading(url: str) -> Iterator[None]:
    """Let sessions that begin meanwhile only read, as those of a stand-by do."""
    with setting(url, "default_transaction_read_only = on"):
        yield


@contextmanager
def refusing_notices(url: str) -> Iterator[None]:
    """Let sessions that begin meanwhile find another ``pg_notify``, which says what a stand-by's does."""
    refuse = "RAISE 'cannot execute NOTIFY during recovery' USING ERRCODE = '25006'"
    execute(
        url,
        "CREATE SCHEMA standby",
        "CREATE FUNCTION standby.pg_notify(text, text) RETURNS void LANGUAGE plpgsql"
        f" AS $$ BEGIN {refuse}; END $$",
    )
    with setting(url, "search_path = standby, public, pg_catalog"):
        yield


@contextmanager
def setting(url: str, words: str) -> Iterator[None]:
    """Give a database a setting for those who connect meanwhile."""
    name = make_url(url).database
    execute(url, f'ALTER DATABASE "{name}" SET {words}')
    yield
    execute(url, f'ALTER DATABASE "{name}" RESET {words.partition(" ")[0]}')


def execute(url: str, *statements: str) -> None:
    writes = "-c default_transaction_read_only=off"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True, options=writes) as connection:
        for statement in statements:
            connection.execute(statement)
