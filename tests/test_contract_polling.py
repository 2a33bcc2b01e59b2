"""The contract holds channels that fetch their messages to the same: here one that empties a mailbox."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from supportbot.channel import Capabilities, ChannelConfig
from supportbot.errors import NotAccepting, StoreUnavailable
from supportbot.messages import Inbound, Sender, Sent
from supportbot.testing import ChannelContract, HttpPlatform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from supportbot.channel import Accept
    from supportbot.host import Host
    from supportbot.messages import Outbound
    from supportbot.testing import Site, Written

_PAUSE = 0.005


class MailboxChannel:
    """Fetches what is in the mailbox; takes it out when it has been accepted. No routes."""

    class Config(ChannelConfig):
        url: str

    capabilities = Capabilities(drafts=True)

    def __init__(self, config: Config, host: Host) -> None:
        self.url, self.name = config.url, host.name

    def app(self, accept: Accept) -> web.Application:
        async def fetching(_: web.Application) -> AsyncIterator[None]:
            async with aiohttp.ClientSession(self.url) as self.http:
                task = asyncio.create_task(self.fetch(accept))
                yield
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

        app = web.Application()
        app.cleanup_ctx.append(fetching)
        return app

    async def fetch(self, accept: Accept) -> None:
        while True:
            async with self.http.get("/inbox") as response:
                letters = await response.json()
            for letter in letters:
                with suppress(StoreUnavailable, NotAccepting):
                    await accept(self.inbound(letter))
                    await (await self.http.delete(f"/inbox/{letter['id']}")).release()
            await asyncio.sleep(_PAUSE)

    def inbound(self, letter: Mapping[str, str]) -> Inbound:
        return Inbound(
            channel=self.name,
            conversation=letter["sender"],
            sender=Sender(id=letter["sender"]),
            text=letter["text"],
            keys=(letter["id"],),
        )

    async def send(self, outbound: Outbound) -> Sent:
        draft = {"id": outbound.delivery_id, "to": outbound.external_id, "text": outbound.text}
        async with self.http.put(f"/drafts/{outbound.delivery_id}", json=draft) as response:
            response.raise_for_status()
        return Sent(external_id=outbound.delivery_id)


class Mailbox(HttpPlatform):
    """Offers each letter until it is deleted."""

    faults = frozenset({"lose", "take and lose"})

    def __init__(self) -> None:
        self.inbox: dict[str, Written] = {}
        self.offers: dict[str, int] = {}
        self.drafts: dict[str, Any] = {}
        self.changed = asyncio.Condition()

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/inbox", self.offer),
            web.delete("/inbox/{id}", self.forget),
            web.put("/drafts/{id}", self.keep),
        ]

    def section(self) -> Mapping[str, Any]:
        return {"url": self.url}

    async def write(self, site: Site, written: Written) -> int:
        async with self.changed:
            self.inbox[written.id], self.offers[written.id] = written, 0
            await self.changed.wait_for(lambda: written.id not in self.inbox or self.offers[written.id] > 1)
            return 503 if self.inbox.pop(written.id, None) else 200

    async def shown(self, site: Site, conversation: str) -> list[str]:
        return [draft["text"] for draft in self.drafts.values() if draft["to"] == conversation]

    async def offer(self, request: web.Request) -> web.Response:
        async with self.changed:
            for id in self.inbox:  # noqa: A001 - as the platform calls it
                self.offers[id] += 1
            self.changed.notify_all()
        letters = [
            {"id": letter.id, "sender": letter.conversation, "text": letter.text}
            for letter in self.inbox.values()
        ]
        return web.json_response(letters)

    async def forget(self, request: web.Request) -> web.Response:
        async with self.changed:
            self.inbox.pop(request.match_info["id"], None)
            self.changed.notify_all()
        return web.Response(status=204)

    async def keep(self, request: web.Request) -> web.Response:
        self.drafts[request.match_info["id"]] = await request.json()
        return web.Response(status=201)


class TestMailbox(ChannelContract):
    """A channel that fetches, leaves drafts, cannot look, and keeps the contract."""

    channel = MailboxChannel
    platform = Mailbox


class _Forgetful(MailboxChannel):
    """Empties the mailbox first."""

    async def fetch(self, accept: Accept) -> None:
        while True:
            async with self.http.get("/inbox") as response:
                letters = await response.json()
            for letter in letters:
                await (await self.http.delete(f"/inbox/{letter['id']}")).release()
                with suppress(StoreUnavailable, NotAccepting):
                    await accept(self.inbound(letter))
            await asyncio.sleep(_PAUSE)


async def test_a_mailbox_emptied_too_early_is_noticed() -> None:
    """Deleting is acknowledging: the suite sees that it came before the message was on disk."""

    class Contract(ChannelContract):
        channel = _Forgetful
        platform = Mailbox

    with pytest.raises(AssertionError, match="answered 200 while the message was still being stored"):
        await Contract().test_nothing_is_acknowledged_before_it_is_stored()
