"""Those who write to the bot: a website's visitor, and a program. Both go on until they are acknowledged."""

from __future__ import annotations

import asyncio
import json
import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import aiohttp
from standardwebhooks import Webhook

from supportbot.chaos.folder import SECRET
from supportbot.errors import BotMisbehaved

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

BASE = "/channels/web"
_PAUSE = 0.05
"""Seconds between two tries."""


@dataclass(frozen=True)
class Answer:
    """What the bot answered to a request."""

    status: int
    body: Any
    seconds: float
    headers: Mapping[str, str]


class Bot(Protocol):
    """Where the bot is: one process, or one of several."""

    @property
    def url(self) -> str:
        """Where it listens now."""

    async def up(self) -> None:
        """Wait until it listens."""


class Writer(Protocol):
    """Somebody with one conversation."""

    conversation: str
    """The channel's key of it."""

    async def post(self, message_id: str, text: str) -> Answer:
        """Send a message once."""

    async def read(self) -> list[dict[str, Any]]:
        """Return the whole conversation."""


class Http:
    """Requests to wherever the bot listens now."""

    def __init__(self, program: Bot, session: aiohttp.ClientSession) -> None:
        self.program = program
        self.session = session

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """Make a request; ``path`` begins below the channel's address, or with ``//`` at the root."""
        url = self.program.url + (path[1:] if path.startswith("//") else BASE + path)
        begun = time.monotonic()
        async with self.session.request(method, url, **options) as response:
            raw = await response.read()
            body = json.loads(raw) if response.content_type == "application/json" and raw else raw
            return Answer(response.status, body, time.monotonic() - begun, response.headers.copy())

    async def visitor(self, **fields: str) -> Visitor:
        """Open a session, for as long as it takes."""
        while True:
            await self.program.up()
            try:
                opened = await self.ask("POST", "/sessions", json=fields)
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(_PAUSE)
                continue
            if opened.status == 201:
                return Visitor(self, opened.body["token"], opened.body["conversation"])
            _only_busy(opened)


@dataclass
class Tries:
    """What it took to be acknowledged."""

    sent: int = 0
    refused: list[Answer] = field(default_factory=list)


async def insist(
    writer: Writer, program: Bot, message_id: str, text: str, tries: Tries | None = None
) -> Answer:
    """Send a message again and again until it is acknowledged; only a 503 may come meanwhile.

    Raises:
        BotMisbehaved: something else came.
    """
    tries = tries or Tries()
    while True:
        await program.up()
        tries.sent += 1
        try:
            answer = await writer.post(message_id, text)
        except (aiohttp.ClientError, OSError, TimeoutError):  # killed, or not there yet
            await asyncio.sleep(_PAUSE)
            continue
        if answer.status in {200, 202}:
            return answer
        _only_busy(answer)
        tries.refused.append(answer)
        await asyncio.sleep(_PAUSE)


class Visitor:
    """A browser with a session."""

    def __init__(self, http: Http, token: str, conversation: str) -> None:
        self.http = http
        self.conversation = conversation
        self.headers = {"Authorization": f"Bearer {token}"}

    async def post(self, message_id: str, text: str) -> Answer:
        """Send a message once."""
        return await self.say(text, message_id)

    async def say(self, text: str, client_id: str = "", **fields: Any) -> Answer:
        """Send a message with whatever else belongs to it."""
        body = {"client_id": client_id or uuid4().hex, "text": text} | fields
        return await self.http.ask("POST", "/conversation/messages", json=body, headers=self.headers)

    async def read(self) -> list[dict[str, Any]]:
        """Return the whole conversation."""

        async def page(after: int) -> Any:
            query = {"after": str(after), "limit": "200"}
            return await self.http.ask("GET", "/conversation/messages", headers=self.headers, params=query)

        return await _all_pages(page)

    async def answered(self, text: str) -> dict[str, Any]:
        """Wait for the first message of the bot that holds this text, reading the event stream."""
        async with self.follow() as response:
            found: dict[str, Any] = await next_event(
                response, "message", lambda m: m["author"] == "bot" and text in m["text"]
            )
            return found

    def follow(self, last: int = 0) -> Any:
        """Open the event stream behind message number ``last``: an async context manager."""
        headers = self.headers | ({"Last-Event-ID": str(last)} if last else {})
        url = f"{self.http.program.url}{BASE}/conversation/events"
        return self.http.session.get(url, headers=headers, timeout=aiohttp.ClientTimeout(total=None))


class SignedProgram:
    """A program with one conversation on its mind."""

    def __init__(self, http: Http, conversation: str) -> None:
        self.http = http
        self.conversation = conversation

    async def post(self, message_id: str, text: str, **fields: Any) -> Answer:
        """Send a message once, signed now."""
        return await self.pass_on(
            message_id,
            {"conversation": self.conversation, "sender": {"id": "c1"}, "text": text} | fields,
        )

    async def pass_on(self, message_id: str, body: Mapping[str, Any], *, query: str = "") -> Answer:
        """Send a body once."""
        content = json.dumps(body)
        headers = signed(message_id, content) | {"Content-Type": "application/json"}
        return await self.http.ask("POST", f"/messages{query}", data=content.encode(), headers=headers)

    async def read(self) -> list[dict[str, Any]]:
        """Return the whole conversation."""

        async def page(after: int) -> Any:
            query = f"conversation={self.conversation}&after={after}&limit=200"
            return await self.http.ask("GET", f"/messages?{query}", headers=signed(uuid4().hex, query))

        return await _all_pages(page)


def signed(message_id: str, content: str) -> dict[str, str]:
    """Return the headers of the Standard Webhooks specification."""
    now = math.floor(time.time())
    signature = Webhook(SECRET).sign(message_id, datetime.fromtimestamp(now, tz=UTC), content)
    return {"webhook-id": message_id, "webhook-timestamp": str(now), "webhook-signature": signature}


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    """Read a stream of server-sent events: their names and their data."""
    name = ""
    async for line in response.content:
        key, _, value = line.decode().rstrip("\n").partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


async def next_event(
    response: aiohttp.ClientResponse, name: str, fits: Callable[[Any], bool] = lambda _: True
) -> Any:
    """Read a stream of server-sent events up to one of this name that fits, and return its data.

    Raises:
        EOFError: the stream ended before that.
    """
    async for event, data in events(response):
        if event == name and fits(data):
            return data
    raise EOFError(name)


def _only_busy(answer: Answer) -> None:
    if answer.status != 503:
        raise BotMisbehaved(cause=f"a message was answered {answer}")


async def _all_pages(page: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while True:
        answer = await page(messages[-1]["seq"] if messages else 0)
        if answer.status != 200:
            raise BotMisbehaved(cause=f"reading a conversation was answered {answer}")
        if not answer.body["messages"]:
            return messages
        messages += answer.body["messages"]
