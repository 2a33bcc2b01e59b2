"""The store on PostgreSQL: units as prepared statements on connections of its own."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from psycopg import Error, InterfaceError, InternalError, OperationalError
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.util import greenlet_spawn

from supportbot.errors import StoreUnavailable
from supportbot.store.base import call_back
from supportbot.store.postgres_pool import Pool
from supportbot.store.postgres_tx import PostgresTx
from supportbot.store.remedies import Complaints, said, unavailable
from supportbot.store.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from supportbot.store.base import Tx
    from supportbot.store.wire import Wire

T = TypeVar("T")

_RERUN = (
    "40001",  # serialization failure,
    "40P01",  # deadlock: PostgreSQL asks to run the transaction again
    "25P03",  # this process was stopped in the middle of it for too long, and lost its locks
)
_RERUNS = 5

_FAILED = (OperationalError, InterfaceError, InternalError, InsufficientPrivilege, OSError, TimeoutError)
"""The server's failures, not the unit's: gone, full, out of connections, read-only (an InternalError), or its
user may not."""

_FINISH = 1.0
"""Seconds that units in flight get when the store is closed; a server that hangs must not keep the bot."""


_FLEETING = Statement(
    text(
        "SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '2000', true),"
        " set_config('idle_in_transaction_session_timeout', '1000', true)"
    )
)
"""Until the end of the transaction; the times are in milliseconds."""

log = structlog.get_logger(__name__)


class _Lost(Exception):
    """The connection broke before the commit was sent: nothing of the unit is stored."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class PostgresStore:
    """The store on PostgreSQL. Made inside a running event loop, used from it alone."""

    def __init__(self, url: str) -> None:
        self._at_work: set[asyncio.Future[Any]] = set()
        self._closed = False
        self._pool = Pool(url)
        self._complaints = Complaints(log, make_url(url).render_as_string(hide_password=True))

    async def write(self, unit: Callable[[Tx], T], *, patience: float = 0.0, fleeting: bool = False) -> T:
        """Run a unit in a transaction; see ``Store.write``."""
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            try:
                return await self._shielded(self._write_once(unit, fleeting=fleeting))
            except StoreUnavailable:
                if self._closed or asyncio.get_running_loop().time() >= deadline:
                    raise
                await asyncio.sleep(0.2 + 0.1 * random.random())  # noqa: S311 - spreads retries, no secret

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that only reads; see ``Store.read``."""

        async def look(wire: Wire) -> T:
            return await greenlet_spawn(unit, PostgresTx(wire, reads=True))

        return await self._shielded(self._attempt(look))

    async def close(self) -> None:
        """Finish what was begun, then close the connections."""
        self._closed = True
        hanging = set(self._at_work)
        if hanging:
            _, hanging = await asyncio.wait(hanging, timeout=_FINISH)
        self._pool.close()  # before anybody is cancelled: a rollback would wait for the same server
        if hanging:
            _, hanging = await asyncio.wait(hanging, timeout=_FINISH)
        for task in hanging:  # these wait for a connection
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    # -- one unit -------------------------------------------------------------------------------

    async def _shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end even if the caller gives up: a commit in flight must still call back."""
        if self._closed:
            work.close()
            raise StoreUnavailable(cause="it is closed")
        task = asyncio.ensure_future(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():  # not who waits was cancelled, but the work, by ``close``
                raise StoreUnavailable(cause="it is closed") from None
            task.add_done_callback(_tell_in_the_log)  # nobody else hears how it ends any more
            raise

    async def _write_once(self, unit: Callable[[Tx], T], *, fleeting: bool) -> T:
        async def transact(wire: Wire) -> T:
            return await _transact(wire, unit, fleeting=fleeting)

        return await self._attempt(transact)

    async def _attempt(self, work: Callable[[Wire], Awaitable[T]]) -> T:
        """Do it on a connection; tell the operator where there is none to be had."""
        try:
            return await self._again_and_again(work)
        except StoreUnavailable as error:
            if not self._closed:
                self._complaints.tell(error, asyncio.get_running_loop().time())
            raise

    async def _again_and_again(self, work: Callable[[Wire], Awaitable[T]]) -> T:
        """Do it; again when the server asks for that, or when the connection was dead."""
        for rerun in range(_RERUNS):
            last = rerun + 1 == _RERUNS
            try:
                async with self._pool.lend() as wire:
                    return await work(wire)
            except _Lost as lost:
                self._pool.forget_idle()  # they are as old: the server was restarted
                if rerun > 0 or self._closed:
                    raise unavailable(lost.cause) from lost.cause
            except _FAILED as error:
                if last or not (isinstance(error, Error) and error.sqlstate in _RERUN):
                    raise unavailable(error) from error
        raise AssertionError("unreachable: the last rerun returns or raises")


async def _transact(wire: Wire, unit: Callable[[Tx], T], *, fleeting: bool) -> T:
    tx = PostgresTx(wire, before=_FLEETING if fleeting else None)
    committing = False
    try:
        result = await greenlet_spawn(unit, tx)
        if tx.begun:
            committing = True
            await wire.commit()
    except BaseException as error:
        if tx.begun and not wire.broken:
            with suppress(Error):  # then it is broken, which the server may have told with its last answer
                await wire.rollback()
        if wire.broken and isinstance(error, OperationalError) and not committing:
            raise _Lost(error) from error
        raise
    call_back(tx.callbacks)
    return result


def _tell_in_the_log(task: asyncio.Future[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        cause = str(error) if isinstance(error, StoreUnavailable) else said(error)
        log.warning("store.failed_after_the_caller_left", error=cause)
