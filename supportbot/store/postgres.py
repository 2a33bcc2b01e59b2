"""The store on PostgreSQL: units through SQLAlchemy's async engine and psycopg."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from supportbot.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from supportbot.store.base import Tx
    from supportbot.store.statement import Statement

T = TypeVar("T")

_RERUN = ("40001", "40P01")  # serialization failure, deadlock: PostgreSQL asks to run the transaction again
_RERUNS = 5


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
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) in _RERUN and rerun + 1 < _RERUNS:
                    continue
                if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
                    raise StoreUnavailable(cause=_short(error)) from error
                raise
            except (OSError, TimeoutError) as error:
                raise StoreUnavailable(cause=type(error).__name__) from error
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
        for callback in callbacks:
            callback()
        return result

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that only reads; see ``Store.read``."""
        try:
            async with self._engine.connect() as connection:
                return await connection.run_sync(lambda sync: unit(AlchemyTx(sync)))
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable(cause=_short(error)) from error

    async def close(self) -> None:
        """Finish what was begun, then close the connections."""
        if self._at_work:
            await asyncio.wait(self._at_work)
        await self._engine.dispose()


def _short(error: DBAPIError) -> str:
    """Return the driver's first line: never the statement or its parameters, which hold customers' words."""
    return str(error.orig).strip().split("\n", 1)[0][:200]
