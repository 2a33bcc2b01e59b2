"""A server in front of PostgreSQL that can freeze: it keeps connections, takes new ones, and says nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Freezing:
    """Passes everything on until ``freeze``; then it swallows what it gets, as a suspended machine does."""

    def __init__(self, url: str) -> None:
        self._direct = make_url(url)
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._sides: set[_Side] = set()
        self._swallowed: set[_Side] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self.url = ""
        """The database's, by way of this server."""

    def freeze(self) -> None:
        """Say nothing any more."""
        self._thawed.clear()
        for side in self._sides:
            side.transport.pause_reading()

    def thaw(self) -> None:
        """Go on where it stopped."""
        self._thawed.set()
        for side in self._sides:
            side.transport.resume_reading()

    def swallow(self) -> None:
        """Say nothing any more to whoever is connected, for ever; who connects from now on is served.

        So it is after a fail-over from a primary that hangs: nothing is closed, the name leads elsewhere.
        """
        for side in self._sides:
            side.transport.pause_reading()
        self._swallowed |= self._sides
        self._sides = set()

    async def listen(self) -> asyncio.Server:
        """Begin."""
        server = await asyncio.get_running_loop().create_server(self._accepted, "127.0.0.1", 0)
        there = {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1]}
        rest = {key: value for key, value in self._direct.query.items() if key != "host"}
        self.url = self._direct.set(**there, query=rest).render_as_string(hide_password=False)
        return server

    async def close(self) -> None:
        """Break all connections."""
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for side in self._sides | self._swallowed:
            side.transport.abort()

    def _accepted(self) -> _Side:
        side = _Side()
        task = asyncio.get_running_loop().create_task(self._connect(side))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return side

    async def _connect(self, side: _Side) -> None:
        try:
            await self._thawed.wait()
        except asyncio.CancelledError:
            side.transport.abort()
            raise
        loop = asyncio.get_running_loop()
        folder, port = self._direct.query.get("host"), self._direct.port or 5432
        if isinstance(folder, str):
            _, other = await loop.create_unix_connection(_Side, f"{folder}/.s.PGSQL.{port}")
        else:
            _, other = await loop.create_connection(_Side, self._direct.host, port)
        side.peer, other.peer = other, side
        for one in (side, other):
            self._sides.add(one)
            if self._thawed.is_set():
                one.transport.resume_reading()


class _Side(asyncio.Protocol):
    """One end of a connection; what it hears it tells the other."""

    peer: _Side | None = None
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.pause_reading()  # until it has a peer

    def data_received(self, data: bytes) -> None:
        assert self.peer is not None
        self.peer.transport.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self.peer is not None:
            self.peer.transport.close()


@asynccontextmanager
async def freezing(url: str) -> AsyncIterator[Freezing]:
    """Stand in front of a database."""
    proxy = Freezing(url)
    server = await proxy.listen()
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
