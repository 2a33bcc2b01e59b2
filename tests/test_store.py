"""Units of work: each whole or not at all, many in one commit, and a store that cannot be written says so."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from sqlalchemy import text

from supportbot import schema
from supportbot.errors import StoreUnavailable
from supportbot.messages import Choice, Citation
from supportbot.store import Statement, sqlite_path
from supportbot.store.sqlite import SqliteStore
from supportbot.store.values import choices_from, citations_from, to_json
from tests.durable import opened

if TYPE_CHECKING:
    from pathlib import Path

    from supportbot.store import Tx

COUNT = Statement(text("SELECT count(*) AS number FROM tenants"))


def add(name: str) -> Statement:
    """Return what adds a tenant."""
    return Statement(text(f"INSERT INTO tenants (id, name, created_at) VALUES ('{name}', '', 1)"))


async def number_of_tenants(store: object) -> int:
    """Count them; 'default' is one."""
    row = await store.read(lambda tx: tx.rows(COUNT))  # type: ignore[attr-defined]
    return int(row[0][0])


async def test_a_unit_that_fails_leaves_nothing_and_harms_no_neighbour(database_url: str) -> None:
    """Of units that are written at the same moment, each stands for itself."""
    async with opened(database_url) as store:

        def half(tx: Tx) -> None:
            tx.run(add("half"))
            raise ValueError("no")

        outcomes = await asyncio.gather(
            store.write(lambda tx: tx.run(add("one"))),
            store.write(half),
            store.write(lambda tx: tx.run(add("two"))),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [int, ValueError, int]
        assert await number_of_tenants(store) == 3


def test_values_that_a_newer_release_wrote_are_read() -> None:
    """During a rolling upgrade rows hold more than this release knows; that is passed over."""
    entry = {"title": "Returns", "source": "returns.md", "quote": "", "page": 3}
    assert (Citation(title="Returns", source="returns.md"),) == citations_from(to_json([entry]))
    assert (Choice(label="Yes", says="yes"),) == choices_from('[{"label": "Yes", "says": "yes", "icon": ""}]')


async def test_callbacks_come_after_the_commit_and_only_then(database_url: str) -> None:
    """What a unit wants to happen afterwards happens when it is on disk, and never when it failed."""
    async with opened(database_url) as store:
        called: list[str] = []

        def fails(tx: Tx) -> None:
            tx.after_commit(lambda: called.append("failed"))
            raise ValueError("no")

        await store.write(lambda tx: tx.after_commit(lambda: called.append("written")))
        with pytest.raises(ValueError, match="no"):
            await store.write(fails)
        assert called == ["written"]


async def test_what_was_given_up_is_finished_if_it_was_begun(database_url: str) -> None:
    """Whoever stops waiting does not undo a unit: its callback comes all the same."""
    async with opened(database_url) as store:
        done = asyncio.Event()
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def unit(tx: Tx) -> None:
            loop.call_soon_threadsafe(begun.set)
            tx.run(add("one"))
            tx.after_commit(done.set)

        waiting = asyncio.ensure_future(store.write(unit))
        await begun.wait()
        waiting.cancel()
        await asyncio.wait_for(done.wait(), 10)
        assert await number_of_tenants(store) == 2


async def test_units_that_wait_together_share_a_commit(sqlite_database: str) -> None:
    """A hundred units cost a few commits, not a hundred."""
    schema.prepare(sqlite_database)
    path = sqlite_path(sqlite_database)
    assert path is not None
    groups: list[int] = []
    store = SqliteStore(path, observe=lambda _seconds, units: groups.append(units))
    await asyncio.gather(*(store.write(lambda tx, n=n: tx.run(add(f"t{n}"))) for n in range(100)))  # type: ignore[misc]
    assert sum(groups) == 100
    assert len(groups) < 50
    await store.close()


async def test_a_locked_store_says_so_once_in_a_while_and_heals(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process holds the file, writing fails with the cause; one line tells the operator."""
    monkeypatch.setattr("supportbot.store.sqlite._BUSY_MS", 1)
    async with opened(sqlite_database) as store:
        other = sqlite3.connect(str(sqlite_path(sqlite_database)), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with structlog.testing.capture_logs() as lines:
            for _ in range(3):
                with pytest.raises(StoreUnavailable, match="locked"):
                    await store.write(lambda tx: tx.run(add("one")))
        other.execute("ROLLBACK")
        other.close()
        assert [line["event"] for line in lines] == ["store.unavailable"]
        await store.write(lambda tx: tx.run(add("one")))
        assert await number_of_tenants(store) == 2


async def test_patience_outlasts_a_short_lock(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With patience a write is tried again until the store takes it."""
    monkeypatch.setattr("supportbot.store.sqlite._BUSY_MS", 1)
    async with opened(sqlite_database) as store:
        other = sqlite3.connect(str(sqlite_path(sqlite_database)), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(0.2, other.execute, "ROLLBACK")
        await store.write(lambda tx: tx.run(add("one")), patience=10)
        other.close()
        assert await number_of_tenants(store) == 2


async def test_a_reader_cannot_write(sqlite_database: str) -> None:
    """Reading connections refuse to change anything, whatever a unit tries."""
    async with opened(sqlite_database) as store:
        with pytest.raises(StoreUnavailable, match="readonly"):
            await store.read(lambda tx: tx.run(add("one")))
        assert await number_of_tenants(store) == 1


READERS = 5
"""More than there are places for."""


async def end_of(reading: asyncio.Future[int]) -> object:
    """Return what it gave or raised, which it must do soon."""
    async with asyncio.timeout(10):
        return (await asyncio.gather(reading, return_exceptions=True))[0]


async def test_who_gives_up_while_a_file_is_opened_keeps_no_place(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads first opens a connection: cancelled in the middle of that, they end, and others read."""
    loop, connect = asyncio.get_running_loop(), sqlite3.connect
    reached, go = asyncio.Event(), threading.Event()

    def held(*given: Any, **more: Any) -> sqlite3.Connection:
        loop.call_soon_threadsafe(reached.set)
        go.wait(10)
        return connect(*given, **more)

    async with opened(sqlite_database) as store:
        await store.write(lambda tx: tx.run(add("one")))
        with monkeypatch.context() as slow:
            slow.setattr(sqlite3, "connect", held)
            for _ in range(READERS):
                reading = asyncio.ensure_future(number_of_tenants(store))
                await reached.wait()
                reading.cancel()
                await asyncio.sleep(0)
                go.set()
                assert isinstance(await end_of(reading), asyncio.CancelledError)
                reached.clear()
                go.clear()
        assert 2 == await end_of(asyncio.ensure_future(number_of_tenants(store)))


async def test_a_file_that_cannot_be_opened_keeps_no_place(sqlite_database: str, tmp_path: Path) -> None:
    """Each read says so, and all goes on once the file is there again."""
    path = sqlite_path(sqlite_database)
    assert path is not None
    async with opened(sqlite_database) as store:
        path.rename(tmp_path / "away")
        for _ in range(READERS):
            assert isinstance(await end_of(asyncio.ensure_future(number_of_tenants(store))), StoreUnavailable)
        (tmp_path / "away").rename(path)
        assert 1 == await end_of(asyncio.ensure_future(number_of_tenants(store)))


async def test_a_wrong_statement_is_its_unit_s_own_fault(sqlite_database: str) -> None:
    """A full disk is everybody's, though the driver raises the same kind of error for both."""
    async with opened(sqlite_database) as store:
        wrong = Statement(text("SELECT abs(-9223372036854775808) FROM tenants"))  # integer overflow
        outcomes = await asyncio.gather(
            store.write(lambda tx: tx.run(add("one"))),
            store.write(lambda tx: tx.rows(wrong)),
            store.write(lambda tx: tx.run(add("two"))),
            return_exceptions=True,
        )
        assert [int, sqlite3.OperationalError, int] == [type(outcome) for outcome in outcomes]
        assert 3 == await number_of_tenants(store)


async def test_no_unit_and_no_listener_stops_the_others(sqlite_database: str) -> None:
    """Whatever a unit raises, and whoever is told of a commit: the next unit is written all the same."""
    schema.prepare(sqlite_database)
    path = sqlite_path(sqlite_database)
    assert path is not None

    def breaks(_seconds: float, _units: int) -> None:
        raise RuntimeError("a listener broke")

    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    store = SqliteStore(path, observe=breaks)

    def unit(_tx: Tx) -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        await store.write(unit)
    await store.write(lambda tx: tx.run(add("one")))
    assert 2 == await number_of_tenants(store)
    await store.close()


async def test_a_text_that_is_none_fails_its_unit_alone(sqlite_database: str) -> None:
    """A damaged row raises where it is read, by a unit that writes and by a look alike; the store goes on."""
    async with opened(sqlite_database) as store, asyncio.timeout(10):
        bad = "INSERT INTO tenants (id, name, created_at) VALUES ('bad', CAST(x'ff' AS TEXT), 1)"
        await store.write(lambda tx: tx.run(Statement(text(bad))))
        look = Statement(text("SELECT name FROM tenants WHERE id = 'bad'"))
        for use in (store.write, store.read):
            with pytest.raises(sqlite3.OperationalError, match="UTF-8"):
                await use(lambda tx: tx.row(look))
        outcomes = await asyncio.gather(
            store.write(lambda tx: tx.row(look)),
            store.write(lambda tx: tx.run(add("good"))),
            return_exceptions=True,
        )
        assert 1 == outcomes[1]


async def test_closed_twice(database_url: str) -> None:
    """Whoever cleans up may not know that somebody has; afterwards there is no store, and nobody waits."""
    async with asyncio.timeout(20), opened(database_url) as store:
        await store.close()
        for call in (store.read, store.write):
            with pytest.raises(StoreUnavailable):
                await call(lambda tx: tx.rows(COUNT))
