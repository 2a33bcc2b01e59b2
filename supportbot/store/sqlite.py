"""The store on SQLite: one writer thread that commits in groups, readers beside it.

A commit costs an fsync whatever it holds, so units that wait at the same moment share one
transaction, each behind its own savepoint, and are told together after the one commit. WAL with
``synchronous=FULL``: with NORMAL a power cut loses acknowledged rows.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

import structlog

from supportbot.errors import StoreUnavailable
from supportbot.store.base import call_back
from supportbot.store.readers import Readers
from supportbot.store.sqlite_tx import SqliteTx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from supportbot.store.base import Tx

T = TypeVar("T")

_GROUP = 256
"""Most units in one transaction: bounds how long the first of them waits for the last."""

_BUSY_MS = 1500
"""How long a group waits for another process's write lock; below the 2.5 s an acknowledgement may take."""

_COMPLAIN_EVERY = 10.0
"""Seconds between two lines in the log while the store cannot be written."""

log = structlog.get_logger(__name__)

NEEDED = (3, 35)
"""RETURNING came with SQLite 3.35 (2021)."""


class _Job:
    """A unit on its way through the writer."""

    __slots__ = ("callbacks", "error", "future", "result", "unit")

    def __init__(self, unit: Callable[[Tx], Any], future: asyncio.Future[Any]) -> None:
        self.unit = unit
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.callbacks: list[Callable[[], None]] = []


class SqliteStore:
    """The store in one SQLite file. Made inside a running event loop, used from it alone."""

    def __init__(self, path: Path, *, observe: Callable[[float, int], None] | None = None) -> None:
        """Open the file, which must exist at the right schema version.

        Args:
            path: the database file.
            observe: told of every commit: seconds it took, units it held.

        Raises:
            StoreUnavailable: this Python's SQLite is too old.
        """
        if sqlite3.sqlite_version_info < NEEDED:
            raise StoreUnavailable(cause=f"SQLite {sqlite3.sqlite_version} is too old, 3.35 is needed")
        self._path = path
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = Readers(path)
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._silent_until = 0.0
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    async def write(self, unit: Callable[[Tx], T], *, patience: float = 0.0) -> T:
        """Run a unit in a transaction; see ``Store.write``."""
        deadline = self._loop.time() + patience
        while True:
            if self._closed:
                raise StoreUnavailable(cause="it is closed")
            job = _Job(unit, self._loop.create_future())
            self._jobs.put(job)
            try:
                return cast("T", await job.future)
            except StoreUnavailable:
                if self._loop.time() >= deadline:
                    raise
                await asyncio.sleep(0.1)  # a full or read-only disk answers at once; do not spin

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that only reads; see ``Store.read``."""
        if self._closed:
            raise StoreUnavailable(cause="it is closed")
        return await self._readers.run(unit)

    async def close(self) -> None:
        """Commit what is queued, then close the file."""
        self._closed = True
        await self._readers.close()
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)  # the last to close: it empties the log into the file

    # -- in the writer's thread -----------------------------------------------------------------

    def _work(self) -> None:
        running = True
        while running:
            group, running = self._next_group()
            # Whoever gave up before its unit began is not worth a write; a unit that began is finished.
            group = [job for job in group if not job.future.cancelled()]
            if group:
                begun = time.perf_counter()
                self._commit(group)
                self._tell(group, time.perf_counter() - begun)
        if self._connection is not None:
            self._connection.close()

    def _next_group(self) -> tuple[list[_Job], bool]:
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == _GROUP or self._jobs.empty():
                return group, True
            job = self._jobs.get()
        return group, False

    def _commit(self, group: list[_Job]) -> None:
        """Run all units in one transaction. A unit's own error is its own; the store's is everybody's."""
        try:
            connection = self._open()
            cursor = connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            for job in group:
                self._run(cursor, job)
                if not connection.in_transaction:  # SQLite gave up the whole transaction: full, I/O error
                    raise sqlite3.OperationalError(str(job.error))
            cursor.execute("COMMIT")
        except sqlite3.Error as error:
            self._reopen()
            for job in group:
                job.error = StoreUnavailable(cause=str(error)[:200])

    def _run(self, cursor: sqlite3.Cursor, job: _Job) -> None:
        cursor.execute("SAVEPOINT unit")
        tx = SqliteTx(cursor)
        try:
            job.result = job.unit(tx)
        except sqlite3.OperationalError:
            raise
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the unit
            damaged = type(error) is sqlite3.DatabaseError  # what it met is no database any more
            job.error = StoreUnavailable(cause=str(error)[:200]) if damaged else error
            if cursor.connection.in_transaction:
                cursor.execute("ROLLBACK TO unit")
        else:
            job.callbacks = tx.callbacks
        if cursor.connection.in_transaction:
            cursor.execute("RELEASE unit")

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode=rw",  # rw, not rwc: a vanished file must not come back empty
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=512,
            )
            for pragma in (
                f"busy_timeout={_BUSY_MS}",
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "temp_store=MEMORY",
                "cache_size=-16384",  # KiB
                "wal_autocheckpoint=2000",  # pages
            ):
                connection.execute(f"PRAGMA {pragma}")
            self._connection = connection
        return self._connection

    def _reopen(self) -> None:
        """Forget the connection, and with it what the failure left behind; the next group opens anew."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _tell(self, group: list[_Job], seconds: float) -> None:
        try:
            self._loop.call_soon_threadsafe(self._finish, group, seconds)
        except RuntimeError:  # the loop is gone: nobody is waiting any more
            return

    # -- back in the event loop -----------------------------------------------------------------

    def _finish(self, group: list[_Job], seconds: float) -> None:
        for job in group:
            if job.error is None:
                call_back(job.callbacks)
            if job.future.done():
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)
            if isinstance(job.error, StoreUnavailable):
                self._complain(job.error)
        if self._observe is not None:
            self._observe(seconds, len(group))

    def _complain(self, error: StoreUnavailable) -> None:
        """Tell the operator, now and then: customers are being turned away."""
        now = self._loop.time()
        if now >= self._silent_until:
            self._silent_until = now + _COMPLAIN_EVERY
            log.warning("store.unavailable", path=str(self._path), cause=error.details["cause"])
