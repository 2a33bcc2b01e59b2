"""The store on PostgreSQL: units through SQLAlchemy's async engine and psycopg."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import create_async_engine

from supportbot.errors import StoreUnavailable
from supportbot.store.base import call_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from supportbot.store.base import Tx
    from supportbot.store.statement import Statement

T = TypeVar("T")

_RERUN = ("40001", "40P01")  # serialization failure, deadlock: PostgreSQL asks to run the transaction again
_RERUNS = 5

_FAILED = (OperationalError, InterfaceError, InternalError, PoolTimeoutError, OSError, TimeoutError)
"""The server's failures, not the unit's: gone, full, out of connections, read-only (an InternalError)."""

_FINISH = 3.0
"""Seconds that units in flight get when the store is closed; a server that hangs must not keep the bot."""


class AlchemyTx:
    """A transaction on a SQLAlchemy connection."""

    __slots__ = ("_connection", "callbacks")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.callbacks: list[Callable[[], None]] = []

    def rows(self, statement: Statement, /, **params: Any) -> list[Any]:
        """Run a query, return all rows."""
        return list(self._connection.execute(statement.core, params).all())

    def row(self, statement: Statement, /, **params: Any) -> Any | None:
        """Run a query, return the first row or None."""
        return self._connection.execute(statement.core, params).first()

    def run(self, statement: Statement, /, **params: Any) -> int:
        """Run a statement, return how many rows it touched."""
        return self._connection.execute(statement.core, params).rowcount

    def lock(self, statement: Statement, /, **params: Any) -> None:
        """Lock the rows that a query finds."""
        self._connection.execute(statement.core, params)

    def after_commit(self, callback: Callable[[], None], /) -> None:
        """Remember what to call once the transaction is on disk."""
        self.callbacks.append(callback)


def _same_text(text: str) -> str:
    """JSON columns carry JSON text in and out; see ``tables``."""
    return text


class PostgresStore:
    """The store on PostgreSQL."""

    def __init__(self, url: str) -> None:
        self._at_work: set[asyncio.Future[Any]] = set()
        self._closed = False
        self._engine = create_async_engine(
            url,
            json_serializer=_same_text,
            json_deserializer=_same_text,
            execution_options={
                "preserve_rowcount": True
            },  # an INSERT ... ON CONFLICT says whether it inserted
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=10,
            pool_timeout=2.0,
            connect_args={
                "connect_timeout": 2,
                # A hung statement must not hold a pool connection; durable whatever the server's default is.
                "options": "-c statement_timeout=10000 -c lock_timeout=5000 -c synchronous_commit=on",
            },
        )

    async def write(self, unit: Callable[[Tx], T], *, patience: float = 0.0) -> T:
        """Run a unit in a transaction; see ``Store.write``."""
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            if self._closed:
                raise StoreUnavailable(cause="it is closed")
            try:
                return await self._write_once(unit)
            except StoreUnavailable:
                if asyncio.get_running_loop().time() >= deadline:
                    raise
                await asyncio.sleep(0.2 + 0.1 * random.random())  # noqa: S311 - spreads retries, no secret

    async def _write_once(self, unit: Callable[[Tx], T]) -> T:
        for rerun in range(_RERUNS):
            try:
                return await self._transact(unit)
            except _FAILED as error:
                if _sqlstate(error) in _RERUN and rerun + 1 < _RERUNS:
                    continue
                raise StoreUnavailable(cause=_short(error)) from error
        raise AssertionError("unreachable: the last rerun returns or raises")

    async def _transact(self, unit: Callable[[Tx], T]) -> T:
        """Run to the end even if the caller gives up: a commit in flight must still call back."""
        task = asyncio.ensure_future(self._transact_unshielded(unit))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        return await asyncio.shield(task)

    async def _transact_unshielded(self, unit: Callable[[Tx], T]) -> T:
        callbacks: list[Callable[[], None]] = []

        def run(sync: Connection) -> T:
            tx = AlchemyTx(sync)
            result = unit(tx)
            callbacks[:] = tx.callbacks
            return result

        async with self._engine.begin() as connection:
            result = await connection.run_sync(run)
        call_back(callbacks)
        return result

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that only reads; see ``Store.read``."""
        if self._closed:
            raise StoreUnavailable(cause="it is closed")
        try:
            async with self._engine.connect() as connection:
                return await connection.run_sync(lambda sync: unit(AlchemyTx(sync)))
        except _FAILED as error:
            raise StoreUnavailable(cause=_short(error)) from error

    async def close(self) -> None:
        """Finish what was begun, then close the connections."""
        self._closed = True
        if self._at_work:
            _, hanging = await asyncio.wait(self._at_work, timeout=_FINISH)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
        await self._engine.dispose()


def _sqlstate(error: Exception) -> str | None:
    return getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None


def _short(error: Exception) -> str:
    """Return the driver's first line: never the statement or its parameters, which hold customers' words."""
    if not isinstance(error, DBAPIError):
        return "no connection is free" if isinstance(error, PoolTimeoutError) else type(error).__name__
    return str(error.orig).strip().split("\n", 1)[0][:200]
