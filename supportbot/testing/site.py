"""A channel at work: mounted in a real HTTP server, with a core that does what the test tells it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from supportbot.channel import config_of
from supportbot.config.models import ServerSection
from supportbot.ids import new_id
from supportbot.metrics import Metrics
from supportbot.server import serve
from supportbot.testing.host import FakeCore
from supportbot.testing.platform import Platform, Written
from supportbot.web import new_application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from supportbot.channel import Channel
    from supportbot.messages import Accepted, Inbound

_REQUEST = 30.0
"""Seconds that a request of a test may take."""


class Site:
    """One channel, its platform and its core. Made by ``serving``."""

    def __init__(
        self, channel: Channel, platform: Platform, core: FakeCore, http: aiohttp.ClientSession
    ) -> None:
        self.channel = channel
        self.platform = platform
        self.core = core
        self.http = http
        """For the platform's requests to the channel."""
        self.url = ""
        """Where the channel's routes are mounted, without a slash at the end."""
        self.routes: list[tuple[str, str]] = []
        """The channel's routes, as (method, path below ``url``)."""
        self.handed_in: list[Inbound] = []
        """What the channel gave to ``accept``, duplicates included."""
        self.arrived = asyncio.Event()
        """Set when the channel called ``accept``."""
        self.store = asyncio.Event()
        """While it is clear, ``accept`` waits."""
        self.store.set()

    async def accept(self, inbound: Inbound) -> Accepted:
        """Take a message: the channel's one way in."""
        self.handed_in.append(inbound)
        self.arrived.set()
        await self.store.wait()
        return await self.core.accept(inbound)

    async def post(self, path: str, **options: Any) -> int:
        """Post to one of the channel's routes and return the status of its answer, whose body is left unread.

        Args:
            path: the route, such as ``/messages``.
            options: ``data``, ``json``, ``headers`` and the like, as aiohttp's client takes them.
        """
        async with self.http.post(self.url + path, **options) as response:
            return response.status

    async def write(self, text: str, *, conversation: str = "anna", id: str = "") -> int:  # noqa: A002 - its name
        """Write as a customer; the id is a new one unless it is given. Returns the channel's answer."""
        written = Written(conversation=conversation, id=id or new_id("m"), text=text)
        return await self.platform.write(self, written)

    async def hear(self, text: str = "Where is my parcel?", *, conversation: str = "anna") -> Inbound:
        """Write as a customer, see that it is acknowledged, and return what the channel made of it."""
        status = await self.write(text, conversation=conversation)
        assert acknowledged(status), f"the channel answered {status} to a customer's message"
        assert self.handed_in, "the channel acknowledged a message that it never gave to accept"
        return self.handed_in[-1]

    async def shown(self, conversation: str = "anna") -> Sequence[str]:
        """Return the replies that a customer sees."""
        return await self.platform.shown(self, conversation)


def acknowledged(status: int) -> bool:
    """Say whether an answer tells the platform that the message has been taken."""
    return 200 <= status < 300


@asynccontextmanager
async def serving(
    channel_class: type[Channel], platform: Platform, core: FakeCore | None = None
) -> AsyncIterator[Site]:
    """Make a channel with its platform's section of bot.yaml, and serve it until the block ends.

    Args:
        channel_class: whose instance is made.
        platform: already entered.
        core: one to go on with, as after a restart; by default a new one.
    """
    core = core or FakeCore()
    section = config_of(channel_class).model_validate({"type": "test", **platform.section()})
    make: Any = channel_class
    settings, metrics = ServerSection(port=0), Metrics()
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=_REQUEST)
    ) as http:
        site = Site(make(section, core.host), platform, core, http)
        root = new_application(settings, metrics)
        app = site.channel.app(site.accept)
        site.routes = [
            (r.method, r.resource.canonical) for r in app.router.routes() if r.resource is not None
        ]
        root.add_subapp(f"{core.host.base_path}/", app)
        listening = await serve(root, settings, metrics)
        site.url = listening.url + core.host.base_path
        try:
            yield site
        finally:
            site.store.set()
            await listening.stop(grace=1.0)
