"""A light HTTP client for load: keep-alive connections, one request at a time on each.

aiohttp's own client costs more CPU than the server's part of a request; this one is a few
string operations, so that on two cores it is the server that is measured.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Latencies:
    """Seconds, as they come."""

    seconds: list[float] = field(default_factory=list)

    def add(self, since: float) -> None:
        self.seconds.append(time.perf_counter() - since)

    def ms(self, percent: float) -> float:
        """Return a percentile in milliseconds."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0

    def summary(self) -> str:
        return f"p50 {self.ms(50):.1f} ms, p99 {self.ms(99):.1f} ms, max {self.ms(100):.1f} ms"


class Connection:
    """One keep-alive connection."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, Any]:
        """Return (status, parsed JSON body)."""
        lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        content = await self._reader.readexactly(length)
        return status, json.loads(content) if content[:1] in b"{[" else content
