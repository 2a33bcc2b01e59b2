"""Reading SQLite beside the writer: a few aiosqlite connections, each with a thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any, TypeVar

import aiosqlite

from supportbot.store.remedies import unavailable
from supportbot.store.sqlite_tx import SqliteTx, is_unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from supportbot.store.base import Tx

T = TypeVar("T")

_MOST = 4
"""Connections: reads are short; more would only wait for the interpreter's lock."""


class Readers:
    """Runs units that only read, each on one snapshot of the database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: list[aiosqlite.Connection] = []
        self._places = asyncio.Semaphore(_MOST)

    async def run(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit and return what it found.

        Raises:
            StoreUnavailable: the file could not be read.
        """
        async with self._places:
            connection: aiosqlite.Connection | None = None
            try:
                connection = self._free.pop() if self._free else await self._open()
                # aiosqlite lends its thread by the statement; a unit wants it for a few in a row.
                in_its_thread: Any = connection._execute
                result: T = await in_its_thread(_on_snapshot, connection._conn, unit)
            except sqlite3.Error as error:
                if connection is not None:
                    await connection.close()
                if is_unreadable(error):
                    raise
                raise unavailable(error) from error
            except BaseException:
                if connection is not None:
                    self._free.append(connection)
                raise
            self._free.append(connection)
            return result

    async def close(self) -> None:
        """Wait for the reads at work, then close; whoever does so again has nothing to do."""
        for _ in range(_MOST):
            await self._places.acquire()
        while self._free:
            await self._free.pop().close()
        for _ in range(_MOST):
            self._places.release()

    async def _open(self) -> aiosqlite.Connection:
        connection = aiosqlite.connect(
            f"{self._path.as_uri()}?mode=rw",  # not ro: in WAL a reader may have to make a file
            uri=True,
            isolation_level=None,
            cached_statements=256,
        )
        opening = asyncio.ensure_future(_prepared(connection))
        try:
            await asyncio.shield(opening)  # cancelled in the middle, it would drop a file that it had opened
        except BaseException:
            # Nobody else knows of it, and its thread would keep the process from ending, or would still have
            # something to say when the event loop is closed. The thread's end is waited for, not its answer:
            # where connecting failed, aiosqlite has stopped it already, and nobody is left to give one.
            await asyncio.wait([opening])
            connection.stop()
            if connection._thread.is_alive():
                await asyncio.to_thread(connection._thread.join)
            raise
        return connection


async def _prepared(connection: aiosqlite.Connection) -> None:
    await connection
    for pragma in ("busy_timeout=2000", "query_only=ON"):
        await connection.execute(f"PRAGMA {pragma}")


def _on_snapshot(connection: sqlite3.Connection, unit: Callable[[Tx], T]) -> T:
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    try:
        return unit(SqliteTx(cursor))
    finally:
        connection.rollback()
