"""A webhook channel on a real HTTP server, and the clients that talk to it."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import aiohttp
from standardwebhooks import Webhook

from supportbot.config.models import ServerSection
from supportbot.metrics import Metrics
from supportbot.server import Listening, serve
from supportbot.testing.host import FakeCore
from supportbot.web import new_application
from supportbot_webhook import WebhookChannel, WebhookConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from supportbot_webhook.assets import Assets

SECRET = "whsec_" + base64.b64encode(b"the secret that signs now").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"the secret that is leaving").decode()
ORIGIN = "https://www.example.com"

UNLIMITED: dict[str, Any] = {
    "requests_per_address": None,
    "sessions_per_address": None,
    "emails_per_address": None,
    "messages_per_session": None,
    "messages_per_channel": None,
}

_numbers = count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The error's code; also checks the shape of the error."""
        assert ["error"] == list(self.body), self.body
        assert {"code", "message"} == set(self.body["error"])
        return str(self.body["error"]["code"])


@dataclass(frozen=True)
class Event:
    name: str
    data: Any
    id: int | None = None


def signed(
    content: str,
    *,
    webhook_id: str = "",
    secret: str = SECRET,
    at: float | None = None,
) -> dict[str, str]:
    """Return the headers of the Standard Webhooks specification for this content."""
    webhook_id = webhook_id or f"evt_{next(_numbers)}"
    moment = int(time.time() if at is None else at)
    signature = Webhook(secret).sign(webhook_id, datetime.fromtimestamp(moment, tz=UTC), content)
    return {"webhook-id": webhook_id, "webhook-timestamp": str(moment), "webhook-signature": signature}


def program_message(**changes: Any) -> dict[str, Any]:
    return {"conversation": "ticket-1", "sender": {"id": "cust-7"}, "text": "Where is my order?"} | changes


class Events:
    """A stream of server-sent events being read."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> Event:
        """Return the next event; comments and the retry hint are skipped."""
        while True:
            fields = await self.block()
            if "event" in fields:
                number = int(fields["id"]) if "id" in fields else None
                return Event(fields["event"], json.loads(fields["data"]), number)

    async def block(self) -> dict[str, str]:
        """Return the fields of the next block; a comment's name is empty."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(5):
            while line := (await self.response.content.readline()).rstrip(b"\n").decode():
                name, _, value = line.partition(":")
                fields[name] = value.strip()
            if not fields and self.response.content.at_eof():
                raise EOFError
        return fields

    async def until(self, name: str) -> list[Event]:
        """Return the events up to and including the first of this name."""
        events = [await self.next()]
        while events[-1].name != name:
            events.append(await self.next())
        return events

    async def ended(self) -> bool:
        """Wait for the stream's end; True when nothing more came."""
        async with asyncio.timeout(5):
            return await self.response.content.read() == b""


@dataclass(frozen=True)
class Visitor:
    """One browser with a session."""

    site: Site
    token: str
    conversation: str
    visitor_id: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def say(self, text: str, client_id: str = "", **fields: Any) -> Answer:
        body = {"client_id": client_id or f"c{next(_numbers)}", "text": text} | fields
        return await self.site.ask("POST", "/conversation/messages", headers=self.headers, json=body)

    async def read(self, **query: Any) -> Answer:
        return await self.site.ask("GET", "/conversation/messages", headers=self.headers, params=query)

    @asynccontextmanager
    async def follow(self, last_event_id: str | None = None, **query: Any) -> AsyncIterator[Events]:
        headers = self.headers | ({} if last_event_id is None else {"Last-Event-ID": last_event_id})
        async with self.site.http.get(
            self.site.url + "/conversation/events", headers=headers, params=query
        ) as response:
            assert 200 == response.status, await response.text()
            yield Events(response)


@dataclass(frozen=True)
class Site:
    """A running channel."""

    core: FakeCore
    channel: WebhookChannel
    server: Listening
    http: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return self.server.url + self.core.host.base_path

    async def ask(self, method: str, path: str, **kwargs: Any) -> Answer:
        async with self.http.request(method, self.url + path, **kwargs) as response:
            raw = await response.read()
            body = json.loads(raw) if response.content_type == "application/json" and raw else raw
            return Answer(response.status, response.headers, body)

    async def pass_on(
        self, body: Any, *, query: str = "", headers: Mapping[str, str] | None = None, **signature: Any
    ) -> Answer:
        """Pass on a message as a program does; a string is sent as it is."""
        content = body if isinstance(body, str) else json.dumps(body)
        sent = {"Content-Type": "application/json"} | signed(content, **signature) | dict(headers or {})
        return await self.ask("POST", f"/messages{query}", data=content.encode(), headers=sent)

    async def visitor(self, **body: Any) -> Visitor:
        opened = await self.ask("POST", "/sessions", json=body)
        assert 201 == opened.status, opened.body
        return Visitor(self, opened.body["token"], opened.body["conversation"], opened.body["visitor_id"])


@asynccontextmanager
async def running(
    server: ServerSection | None = None, *, assets: Assets | None = None, **section: Any
) -> AsyncIterator[Site]:
    """Run a channel with this section of bot.yaml; limits are off unless it says otherwise."""
    section = {"type": "webhook", "secrets": [SECRET], "limits": UNLIMITED} | section
    core = FakeCore("web")
    channel = WebhookChannel(WebhookConfig.model_validate(section), core.host, assets)
    metrics, settings = Metrics(), server or ServerSection(port=0)
    root = new_application(settings, metrics)
    root.add_subapp(core.host.base_path, channel.app(core.accept))
    listening = await serve(root, settings, metrics)
    timeout = aiohttp.ClientTimeout(total=20)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        try:
            yield Site(core, channel, listening, http)
        finally:
            await listening.stop(grace=1)


async def eventually(condition: Any) -> None:
    """Let the loop turn until the condition holds, for five seconds at most."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the other side has no event for it
            await asyncio.sleep(0.005)
