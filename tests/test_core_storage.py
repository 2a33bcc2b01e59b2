"""Attempts to break the durable path by its store: files, servers, tables."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.util import await_only

from supportbot import records as kept
from supportbot import session
from supportbot.errors import StoreUnavailable
from supportbot.ids import now_ms
from supportbot.outbox import ledger as outbox_ledger
from supportbot.records import ChannelRecords
from supportbot.store import Statement, open_store, postgres
from supportbot.store.postgres_pool import Pool
from supportbot.turns import ledger
from tests.durable import Durable, opened, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from supportbot.store import Tx


# -- the store ------------------------------------------------------------------------------------


async def test_a_callback_that_raises_starves_nobody(database_url: str) -> None:
    """What follows a commit in memory may fail: the commit stands, and its neighbours hear of theirs."""
    async with opened(database_url) as store:
        failures = failures_of_the_loop()
        told: list[str] = []

        def broken(tx: Tx) -> str:
            tx.after_commit(lambda: 1 // 0)  # type: ignore[arg-type]
            tx.after_commit(lambda: told.append("after the broken one"))
            return "stored"

        def sound(tx: Tx) -> str:
            tx.after_commit(lambda: told.append("the neighbour"))
            return "stored too"

        async with asyncio.timeout(5):
            both = await asyncio.gather(store.write(broken), store.write(sound))
        assert list(both) == ["stored", "stored too"]
        assert sorted(told) == ["after the broken one", "the neighbour"]
        assert [type(failure) for failure in failures] == [ZeroDivisionError]


async def test_a_closed_store_says_so(database_url: str) -> None:
    """Whoever reads or writes after the end is told, and does not wait for ever."""
    async with opened(database_url) as store:
        await store.read(lambda tx: None)
    async with asyncio.timeout(5):
        for call in (store.read, store.write):
            with pytest.raises(StoreUnavailable):
                await call(lambda tx: None)


async def test_a_closed_file_is_whole(sqlite_database: str, tmp_path: Path) -> None:
    """After a clean stop everything is in the one file, which may be copied."""
    async with opened(sqlite_database) as store:
        await Durable(store).accept("hello")
        await store.read(lambda tx: None)
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["bot.db"]


async def test_a_damaged_file_is_an_unavailable_store(sqlite_database: str, tmp_path: Path) -> None:
    """SQLite's CORRUPT and NOTADB are the store's failure, not the message's: the sender is to try later."""
    async with opened(sqlite_database) as store:
        await Durable(store).accept("hello")
    damaged = tmp_path / "bot.db"
    with damaged.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (damaged.stat().st_size - 4096))
    store = open_store(sqlite_database)
    with pytest.raises(StoreUnavailable):
        await Durable(store).accept("hello again")
    with pytest.raises(StoreUnavailable):
        await rows_of(store, "select * from messages")
    await store.close()


async def test_a_server_without_a_free_connection_is_an_unavailable_store(postgres_database: str) -> None:
    """When the pool is used up, the sender is told to try later."""
    async with opened(postgres_database) as store:
        pool = Pool(postgres_database, most=2, wait=0.01)
        store._pool = pool  # type: ignore[attr-defined]
        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(pool.lend())
            with pytest.raises(StoreUnavailable):
                await store.write(lambda tx: None)
            with pytest.raises(StoreUnavailable):
                await store.read(lambda tx: tx.rows(Statement(text("select 1"))))


async def test_a_read_only_server_is_an_unavailable_store(postgres_database: str) -> None:
    """A standby, or a server made read-only because its disk is full: the sender is told to try later."""
    async with opened(postgres_database) as store:
        bot = Durable(store)
        await bot.accept("hello")
        name = make_url(postgres_database).database
        read_only = Statement(text(f'alter database "{name}" set default_transaction_read_only = on'))
        await store.write(lambda tx: tx.run(read_only))
    store = open_store(postgres_database)
    with pytest.raises(StoreUnavailable):
        await Durable(store).accept("hello again")
    await store.close()


async def test_a_server_that_hangs_does_not_keep_the_bot_from_ending(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit whose server never answers is given up when the store is closed."""
    monkeypatch.setattr(postgres, "_FINISH", 0.05)
    async with opened(postgres_database) as store:
        begun = asyncio.Event()

        def hang(_tx: Tx) -> None:
            begun.set()
            await_only(asyncio.Event().wait())

        waiting = asyncio.ensure_future(store.write(hang))
        await begun.wait()
        async with asyncio.timeout(5):
            await store.close()
        with pytest.raises((asyncio.CancelledError, StoreUnavailable)):
            await waiting


def failures_of_the_loop() -> list[BaseException]:
    """Collect what goes wrong where nobody waits for it."""
    failures: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
    return failures


# -- the tables -----------------------------------------------------------------------------------


async def test_keys_are_sorted_by_their_bytes_whatever_the_server_s_language(postgres_database: str) -> None:
    """A dictionary's order would put other keys between those of a prefix; the server here knows only C."""
    async with opened(postgres_database) as store:
        of_key = "from information_schema.columns where table_name = 'records' and column_name = 'key'"
        assert await rows_of(store, f"select collation_name {of_key}") == [("C",)]


@pytest.mark.parametrize(
    "statement",
    [session._DELETE, kept._PURGE, ledger._DUE, outbox_ledger._DUE],
    ids=["delete", "purge", "turns", "deliveries"],
)
async def test_no_statement_reads_a_whole_table(sqlite_database: str, statement: Statement) -> None:
    """However much is stored, what is looked for is found by an index, in its order."""
    async with opened(sqlite_database) as store:
        sql, _, _ = statement.for_sqlite()
        given = {f"p{number}": 0 for number in range(sql.count("?"))}
        for name in given:
            sql = sql.replace("?", f":{name}", 1)
        explain = Statement(text("explain query plan " + sql).bindparams(**given))
        plan = [row[-1] for row in await store.write(lambda tx: tx.rows(explain))]
        assert [step for step in plan if step.startswith(("SCAN", "USE TEMP"))] == []


async def test_what_expired_is_deleted_in_portions(database_url: str) -> None:
    """However much expires at once, nobody waits for all of it to be deleted."""
    async with opened(database_url) as store:
        records = ChannelRecords(store, "web")
        old = [{"channel": "web", "key": f"old {n}", "value": "1", "expires_at": 1} for n in range(1100)]
        await store.write(lambda tx: [tx.run(kept._PUT, **row) for row in old])
        await records.put("kept", 1)
        await records.put("valid", 1, expires_at=now_ms() + 60_000)
        assert await kept.purge_expired(store) == 1100
        assert await rows_of(store, "select key from records order by key") == [("kept",), ("valid",)]
