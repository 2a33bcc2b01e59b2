"""A client for tests that want to say exactly what goes over the wire, well-formed or not."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The error's code; also checks that the body has the shape of an error and nothing else."""
        body: dict[str, Any] = json.loads(self.body)
        assert ["error"] == list(body)
        assert {"code", "message"} == set(body["error"])
        return str(body["error"]["code"])


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def reply(self) -> Reply:
        """Read one response with a Content-Length."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Reply(int(first.split()[1]), headers, body)

    async def until(self, text: bytes) -> bytes:
        return await self._reader.readuntil(text)

    async def closed(self) -> bool:
        """Wait until the server hangs up; True when it said nothing more."""
        try:
            return await self._reader.read() == b""
        except ConnectionError:
            return True

    def abort(self) -> None:
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """Connect; everything in the block has to happen within ten seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = Wire(reader, writer)
    try:
        async with asyncio.timeout(10):
            yield connection
    finally:
        await connection.close()


async def ask(port: int, request: bytes) -> Reply:
    """Send these bytes on a new connection and return the response."""
    async with wire(port) as connection:
        await connection.send(request)
        return await connection.reply()
