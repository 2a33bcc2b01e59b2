"""A receiver of callbacks that forgets nothing and drops no duplicates."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from standardwebhooks import Webhook

from supportbot.chaos.folder import SECRET

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HANG_UP = 499
"""Instead of a status: break the connection."""


@dataclass
class Posted:
    """One try at a callback, and how it was answered."""

    id: str
    """The webhook-id."""
    raw: bytes
    at: float = 0.0
    """When it came, in seconds of the event loop's clock."""
    status: int = 0
    """What it was answered with; 0 until then, and ``HANG_UP`` when it was not."""
    answered_at: float = 0.0
    answered_unix: float = 0.0
    """The same moment in Unix time, by which the bot's rows are."""
    by: str = ""
    """The process that posted it, as ``Program.who``; empty where that cannot be told."""

    @property
    def is_taken(self) -> bool:
        """Its sender was told that all is well, if it was still there to hear it."""
        return 200 <= self.status < 300

    @property
    def data(self) -> dict[str, Any]:
        """What it tells: the reply, its number, its conversation."""
        data: dict[str, Any] = json.loads(self.raw)["data"]
        return data


class Receiver:
    """An async context manager: listens on a free port."""

    def __init__(self) -> None:
        self.tries: list[Posted] = []
        """Everything that came, answered well or not."""
        self.forged = 0
        """How many had no good signature."""
        self.before: Callable[[Posted], Awaitable[int]] | None = None
        """Awaited before each answer; returns its status, or ``HANG_UP``."""
        self.who: Callable[[tuple[int, int]], str] = lambda _: ""
        """Names the process that has a connection, given by its port and ours."""
        self._known: dict[int, tuple[object, str]] = {}  # port -> its connection, and whose that is
        self._news = asyncio.Condition()
        app = web.Application()
        app.router.add_post("/replies", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=4096).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where replies are posted."""
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/replies"

    @property
    def section(self) -> dict[str, Any]:
        """The keys of the webhook channel that let it post here."""
        return {"callback_url": self.url, "allow_http": True, "allow_private_callbacks": True}

    async def got(self, number: int) -> None:
        """Wait until there were so many tries."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.tries) >= number)

    async def _take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            Webhook(SECRET).verify(raw.decode(), dict(request.headers), json_parse=False)
        except Exception:  # noqa: BLE001 - whatever it was, the signature is not good
            self.forged += 1
        clock = asyncio.get_running_loop().time
        by = self._poster(request.transport)
        posted = Posted(request.headers["webhook-id"], raw, at=clock(), by=by)
        async with self._news:
            self.tries.append(posted)
            self._news.notify_all()
        status = 204 if self.before is None else await self.before(posted)
        await asyncio.sleep(0.001)  # whoever has hung up meanwhile is seen to have
        if request.transport is None or request.transport.is_closing():
            status = HANG_UP
        posted.status, posted.answered_at, posted.answered_unix = status, clock(), time.time()
        if status == HANG_UP and request.transport is not None:
            request.transport.abort()
        return web.Response(status=status, headers={"Retry-After": "0"})

    def _poster(self, connection: asyncio.Transport | None) -> str:
        """Return who is at the other end of a connection, which is looked up once for each."""
        if connection is None:
            return ""
        port = connection.get_extra_info("peername")[1]
        known, name = self._known.get(port, (None, ""))
        if known is not connection:
            name = self.who((port, connection.get_extra_info("sockname")[1]))
            self._known[port] = connection, name
        return name
