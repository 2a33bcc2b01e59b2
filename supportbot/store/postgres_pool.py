"""Connections to PostgreSQL, lent for one transaction each."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from psycopg import Error
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import make_url

from supportbot.errors import StoreUnavailable
from supportbot.store.bounded import BoundedConnection
from supportbot.store.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MOST = 20
"""Connections of a store at once."""
_WAIT = 2.0
"""Seconds to wait for a free connection; below the 2.5 s an acknowledgement may take."""

_NOT_THE_ONE = (
    "25006",  # read_only_sql_transaction: a stand-by, or a primary that became one
    "57P01",  # admin_shutdown,
    "57P02",  # crash_shutdown,
    "57P03",  # cannot_connect_now: it stops or starts
)
"""What says that a server is not to be used, while its name may lead to another one by now.
https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_SETTINGS = {
    # A hung statement must not hold a connection; durable whatever the server's default is.
    "statement_timeout": "10000",
    "lock_timeout": "5000",
    # A process that is stopped (SIGSTOP, a paused virtual machine) keeps its locks: they are taken away
    # before those who wait for them give up. A transaction of ours waits for nothing but the database, so
    # that none is idle so long.
    "idle_in_transaction_session_timeout": "3000",
    "synchronous_commit": "on",
}


def connection_settings(url: str, **settings: str) -> dict[str, Any]:
    """Return what psycopg's ``connect`` is to be given.

    Args:
        url: ``postgresql+psycopg://…``, with libpq's own parameters behind a question mark if need be.
        settings: of the session, as in postgresql.conf; more than, or instead of, the store's.
    """
    dialect: Any = PGDialect_psycopg  # untyped
    _, given = dialect().create_connect_args(make_url(url))
    given.setdefault("connect_timeout", 2)
    given.setdefault(
        "tcp_user_timeout", 15_000
    )  # milliseconds until a peer that acknowledges nothing is gone
    options = " ".join(f"-c {name}={value}" for name, value in {**_SETTINGS, **settings}.items())
    return {**given, "options": f"{given.get('options', '')} {options}".strip()}


async def connect(url: str, **settings: str) -> BoundedConnection:
    """Open one connection in autocommit mode; the arguments are those of ``connection_settings``.

    Raises:
        psycopg.OperationalError: there is none to be had.
    """
    return await BoundedConnection.connect(**connection_settings(url, **settings), autocommit=True)


class Pool:
    """Opens connections as they are needed and keeps them; the one used last is used first."""

    def __init__(self, url: str, *, most: int = MOST, wait: float = _WAIT) -> None:
        self._url = url
        self._wait = wait
        self._places = asyncio.Semaphore(most)
        self._free: list[Wire] = []
        self._open: set[Wire] = set()
        self._closed = False

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Wire]:
        """Lend a connection; where its server turns out to be the wrong one, none of them is kept.

        Raises:
            StoreUnavailable: none became free in time.
            psycopg.OperationalError: none can be opened.
        """
        await self._place()
        wire, keep = None, True
        try:
            wire = self._idle() or await self._connect()
            yield wire
        except Error as error:
            if error.sqlstate in _NOT_THE_ONE:
                keep = False
                self.forget_idle()  # a connection leads for ever where it did when it was opened
            raise
        finally:
            if wire is not None:
                if keep and wire.usable:
                    self._free.append(wire)
                else:
                    self._discard(wire)
            self._places.release()

    async def _place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()  # at once
            return
        try:
            async with asyncio.timeout(self._wait):
                await self._places.acquire()
        except TimeoutError as error:
            raise StoreUnavailable(cause="no connection is free") from error

    def forget_idle(self) -> None:
        """Close the connections nobody uses: the server may have gone and come back."""
        while self._free:
            self._discard(self._free.pop())

    def close(self) -> None:
        """Close all of them, those that are lent too, and open no more."""
        self._closed = True
        for wire in list(self._open):
            self._discard(wire)
        self._free.clear()

    def _idle(self) -> Wire | None:
        while self._free:
            wire = self._free.pop()
            if wire.usable:
                return wire
            self._discard(wire)
        return None

    async def _connect(self) -> Wire:
        if self._closed:
            raise StoreUnavailable(cause="it is closed")
        wire = Wire(await connect(self._url))
        if self._closed:
            wire.close()
            raise StoreUnavailable(cause="it is closed")
        self._open.add(wire)
        return wire

    def _discard(self, wire: Wire) -> None:
        if wire in self._open:
            self._open.remove(wire)
            wire.close()
