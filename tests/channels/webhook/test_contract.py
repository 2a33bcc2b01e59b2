"""The contract of a channel, held by both of this one's APIs."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, ClassVar, Self

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from supportbot.testing import ChannelContract, Platform
from supportbot_webhook import WebhookChannel
from tests.channels.webhook.driver import SECRET, UNLIMITED, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supportbot.testing.platform import Fault, Written
    from supportbot.testing.site import Site


class Program(Platform):
    """A program that passes messages on, and drops a callback whose webhook-id it has, as it should."""

    faults: ClassVar[frozenset[Fault]] = frozenset({"refuse", "busy", "lose", "take and lose"})

    def __init__(self) -> None:
        self._taken: dict[str, dict[str, Any]] = {}
        self._server: TestServer | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._server = TestServer(app)
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        await self._server.close()

    def section(self) -> Mapping[str, Any]:
        assert self._server is not None
        return {
            "secrets": [SECRET],
            "callback_url": str(self._server.make_url("/hook")),
            "allow_http": True,
            "allow_private_callbacks": True,
            "limits": UNLIMITED,
        }

    async def write(self, site: Site, written: Written) -> int:
        body = {
            "conversation": written.conversation,
            "sender": {"id": written.conversation},
            "text": written.text,
        }
        content = json.dumps(body)
        headers = {"Content-Type": "application/json"} | signed(content, webhook_id=written.id)
        async with site.http.post(f"{site.url}/messages", data=content, headers=headers) as response:
            return response.status

    async def shown(self, site: Site, conversation: str) -> Sequence[str]:
        return [data["text"] for data in self._taken.values() if data["conversation"] == conversation]

    async def _take(self, request: web.Request) -> web.Response:
        body = Webhook(SECRET).verify(await request.read(), dict(request.headers))
        match self.fault:
            case "refuse":
                return web.Response(status=410)
            case "busy":
                return web.Response(status=429, headers={"Retry-After": "3"})
            case "lose":
                return web.Response(status=502)
        self._taken.setdefault(request.headers["webhook-id"], body["data"])
        if self.fault == "take and lose":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=204)


class Browser(Platform):
    """Visitors' browsers, one per conversation."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}
        self._opening = asyncio.Lock()

    def section(self) -> Mapping[str, Any]:
        return {"limits": UNLIMITED}

    async def write(self, site: Site, written: Written) -> int:
        content = json.dumps({"client_id": written.id, "text": written.text})
        headers = await self._headers(site, written.conversation) | {"Content-Type": "application/json"}
        url = f"{site.url}/conversation/messages"
        async with site.http.post(url, data=content, headers=headers) as response:
            return response.status

    async def shown(self, site: Site, conversation: str) -> Sequence[str]:
        headers = await self._headers(site, conversation)
        async with site.http.get(f"{site.url}/conversation/messages", headers=headers) as response:
            page = await response.json()
        return [message["text"] for message in page["messages"] if message["author"] == "bot"]

    async def _headers(self, site: Site, conversation: str) -> dict[str, str]:
        async with self._opening:
            if conversation not in self._tokens:
                async with site.http.post(f"{site.url}/sessions", json={}) as response:
                    self._tokens[conversation] = (await response.json())["token"]
        return {"Authorization": f"Bearer {self._tokens[conversation]}"}


class TestPrograms(ChannelContract):
    """Signed requests in, callbacks out."""

    channel = WebhookChannel
    platform = Program


class TestVisitors(ChannelContract):
    """Sessions; the transcript is the way out."""

    channel = WebhookChannel
    platform = Browser
