"""A platform with an HTTP API, for ``ChannelContract``: serves routes, and can fail in every way."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from aiohttp import web

from supportbot.testing.platform import Fault, Platform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp.typedefs import Handler, Middleware


class HttpPlatform(Platform):
    """Serves ``routes`` at ``url`` while it is entered. ``fault`` befalls every request but GET."""

    faults = frozenset({"refuse", "busy", "lose", "take and lose"})
    statuses: ClassVar[dict[Fault, int]] = {"refuse": 400, "busy": 429, "lose": 500, "take and lose": 500}
    """What each fault is answered with."""
    url: str = ""
    """Where it listens, without a slash at the end."""

    @abstractmethod
    def routes(self) -> Iterable[web.RouteDef]:
        """Return what the platform's API can do; ``fault`` is no concern of theirs."""

    async def __aenter__(self) -> Self:
        """Begin to serve."""
        app = web.Application(middlewares=[self._failing()])
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop serving."""
        await self._runner.cleanup()

    def _failing(self) -> Middleware:
        @web.middleware
        async def fail(request: web.Request, handler: Handler) -> web.StreamResponse:
            if self.fault is None or request.method == "GET":
                return await handler(request)
            if self.fault == "take and lose":
                await handler(request)
            headers = {"Retry-After": "1"} if self.fault == "busy" else None
            return web.Response(status=self.statuses[self.fault], headers=headers)

        return fail
