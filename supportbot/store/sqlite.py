"""The store on SQLite: one connection that writes, in groups; readers beside it.

A commit costs an fsync whatever it holds, so units that wait at the same moment share one
transaction, and are told together after the one commit. Units hardly ever fail; when one does, the
transaction begins anew with each unit behind its own savepoint, so that it harms no other. WAL with
``synchronous=FULL``: with NORMAL a power cut loses acknowledged rows.

Units run in the event loop: their statements cost microseconds each, and a thread beside a busy
loop waits for the interpreter's lock after every one of them, milliseconds at a time. What waits
for the disk, opening the file and every commit, is done in a thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, cast

import structlog

from supportbot.errors import StoreUnavailable
from supportbot.store.aside import Aside
from supportbot.store.base import call_back
from supportbot.store.readers import Readers
from supportbot.store.remedies import Complaints, unavailable
from supportbot.store.sqlite_tx import SqliteTx, is_unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from supportbot.store.base import Tx

T = TypeVar("T")

_SLICE = 0.01
"""Seconds after which no further unit joins a group: so long may nothing else run in the event loop."""

_BUSY_MS = 1500
"""How long a group waits for another process's write lock; below the 2.5 s an acknowledgement may take."""

_LOOK = 0.01
"""Seconds between two tries to get that lock."""

log = structlog.get_logger(__name__)

NEEDED = (3, 35)
"""RETURNING came with SQLite 3.35 (2021)."""


class _Job:
    """A unit on its way to the disk."""

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
        self._waiting: deque[_Job] = deque()
        self._at_work = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._aside = Aside("store-disk")
        self._readers = Readers(path)
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._complaints = Complaints(log, str(path))

    async def write(self, unit: Callable[[Tx], T], *, patience: float = 0.0, fleeting: bool = False) -> T:
        """Run a unit in a transaction; see ``Store.write``. All share their commits: none is fleeting."""
        deadline = self._loop.time() + patience
        while True:
            if self._closed:
                raise StoreUnavailable(cause="it is closed")
            job = _Job(unit, self._loop.create_future())
            self._waiting.append(job)
            if not self._at_work:
                self._at_work = True
                self._idle.clear()
                self._loop.call_soon(self._next_group)  # soon, not now: others may come meanwhile
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
        await self._idle.wait()
        self._aside.do(self._close, lambda _: None)  # the last to close: it empties the log into the file
        await self._aside.close()

    # -- one group ------------------------------------------------------------------------------

    def _next_group(self) -> None:
        """Begin a transaction for what waits; come to rest when nothing does."""
        # Whoever gave up before its unit began is not worth a write; a unit that began is finished.
        self._waiting = deque(job for job in self._waiting if not job.future.cancelled())
        if not self._waiting:
            self._at_work = False
            self._idle.set()
        elif self._connection is None:
            self._aside.do(self._open, self._opened)
        else:
            self._begin(self._connection, self._loop.time() + _BUSY_MS / 1000)

    def _opened(self, error: Exception | None) -> None:
        if error is None:
            self._next_group()
        else:
            self._fail(self._all_waiting(), error)

    def _begin(self, connection: sqlite3.Connection, give_up_at: float) -> None:
        """Take the write lock, which another process may hold for a while, and run the units."""
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY and self._loop.time() < give_up_at:
                self._loop.call_later(_LOOK, self._begin, connection, give_up_at)
            else:
                self._fail(self._all_waiting(), error)
        else:
            self._run_all(connection)

    def _all_waiting(self) -> list[_Job]:
        group = list(self._waiting)
        self._waiting.clear()
        return group

    def _run_all(self, connection: sqlite3.Connection) -> None:
        """Run what waits, as far as the time allows, and leave the commit to the thread."""
        begun = time.perf_counter()
        cursor = connection.cursor()
        group: list[_Job] = []
        run = _run
        try:
            while self._waiting and (not group or time.perf_counter() - begun < _SLICE):
                job = self._waiting.popleft()
                if job.future.cancelled():  # while the lock was waited for
                    continue
                group.append(job)
                if not run(cursor, job):  # take back all of it, and do it again with more care
                    cursor.execute("ROLLBACK")
                    cursor.execute("BEGIN IMMEDIATE")
                    run = _run_apart
                    for again in group:
                        run(cursor, again)
                if not connection.in_transaction:  # SQLite gave up the whole transaction: full, I/O error
                    raise sqlite3.OperationalError(str(group[-1].error))
        except sqlite3.Error as error:
            self._fail(group, error)
        else:
            self._aside.do(connection.commit, lambda error: self._committed(group, error, begun))

    def _committed(self, group: list[_Job], error: Exception | None, begun: float) -> None:
        if error is not None:
            self._fail(group, error)
            return
        try:
            self._tell(group)
            if self._observe is not None:
                self._observe(time.perf_counter() - begun, len(group))
        finally:
            self._next_group()  # whatever a listener does: the others' units must not wait for ever

    def _fail(self, group: list[_Job], error: Exception) -> None:
        """Nothing of a group is stored. Forget the connection, and with it what the failure left behind."""
        for job in group:
            job.error = unavailable(error)
        try:
            self._tell(group)
        finally:
            self._aside.do(self._close, lambda _: self._next_group())

    def _tell(self, group: list[_Job]) -> None:
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
                self._complaints.tell(job.error, self._loop.time())

    # -- in the thread --------------------------------------------------------------------------

    def _open(self) -> None:
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode=rw",  # rw, not rwc: a vanished file must not come back empty
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        try:
            for pragma in (
                f"busy_timeout={_BUSY_MS}",
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "temp_store=MEMORY",
                "cache_size=-16384",  # KiB
                "wal_autocheckpoint=2000",  # pages
                "busy_timeout=0",  # from now on the event loop waits, and does not stand still
            ):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()


def _run(cursor: sqlite3.Cursor, job: _Job) -> bool:
    """Run a unit; says whether it succeeded. What it did when it failed must be taken back."""
    tx = SqliteTx(cursor)
    try:
        job.result = job.unit(tx)
    except BaseException as error:
        if _is_the_store_s(error):
            raise
        return False  # it will be raised again
    job.callbacks = tx.callbacks
    return True


def _run_apart(cursor: sqlite3.Cursor, job: _Job) -> bool:
    """Run a unit behind a savepoint. Its own error is its own; the store's is everybody's."""
    cursor.execute("SAVEPOINT unit")
    tx = SqliteTx(cursor)
    try:
        job.result = job.unit(tx)
    except BaseException as error:
        if _is_the_store_s(error):
            raise
        damaged = type(error) is sqlite3.DatabaseError  # what it met is no database any more
        job.error = unavailable(error) if damaged else _raisable(error)
        job.callbacks = []
        if cursor.connection.in_transaction:
            cursor.execute("ROLLBACK TO unit")
    else:
        job.callbacks = tx.callbacks
    if cursor.connection.in_transaction:
        cursor.execute("RELEASE unit")
    return True


def _is_the_store_s(error: BaseException) -> bool:
    """Whether a failure is the file's or the disk's, and so everybody's; a statement may be wrong, too.

    https://www.sqlite.org/rescode.html
    """
    if not isinstance(error, sqlite3.OperationalError) or is_unreadable(error):
        return False
    return error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR


def _raisable(error: BaseException) -> BaseException:
    """Return what a future can raise: anything but ``StopIteration``."""
    return RuntimeError(f"a unit raised {error!r}") if isinstance(error, StopIteration) else error
