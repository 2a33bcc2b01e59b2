"""The Slack channel: a thin shell around the two ways in and the way out."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp import web

from supportbot.channel import Capabilities
from supportbot_slack.address import Address
from supportbot_slack.api import SlackApi, SlackError
from supportbot_slack.config import SlackConfig
from supportbot_slack.http import Requests
from supportbot_slack.identity import People
from supportbot_slack.inbound import address_of
from supportbot_slack.ingress import Ingress
from supportbot_slack.limits import Limits
from supportbot_slack.marker import Marker
from supportbot_slack.outbound import Outgoing
from supportbot_slack.rules import Rules
from supportbot_slack.signature import Signatures
from supportbot_slack.streaming import Streams
from supportbot_slack.workspaces import SingleWorkspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.channel import Accept, Host
    from supportbot.messages import Accepted, Outbound, Sent
    from supportbot_slack.events import Event
    from supportbot_slack.inbound import Heard

_MARKER_KEY = "marker-key"


class SlackChannel:
    """Answers in a Slack workspace."""

    Config: ClassVar = SlackConfig
    capabilities: ClassVar[Capabilities] = Capabilities(streaming=True, max_text=11_000)

    def __init__(self, config: SlackConfig, host: Host) -> None:
        self._config = config
        self._host = host
        self._api = SlackApi(config.api_url)
        assert config.bot_token is not None, "the configuration sees to it"
        self._workspaces = SingleWorkspace(config.bot_token.get_secret_value(), self._api)
        self._people = People(self._api, trust_guests=config.trust_guests)
        self._rules = Rules(config)
        self._limits = Limits()
        self._streams: Streams | None = None
        self._outgoing: Outgoing | None = None

    def app(self, accept: Accept) -> web.Application:
        """Return the routes of the HTTP way in, and what runs in the background."""
        app = web.Application()
        app.cleanup_ctx.extend([self._api.run, self._run])
        ingress = Ingress(
            self._host,
            accept,
            self._rules,
            self._people,
            watch=self._watch,
            is_ours=self._is_ours,
            others={},
        )
        if self._config.signing_secret is not None:
            requests = Requests(
                Signatures(self._config.signing_secrets),
                events=ingress.take,
                pressed=self._nothing,
                command=self._nothing,
            )
            app.add_routes(requests.routes())
        return app

    async def send(self, outbound: Outbound) -> Sent:
        """Post a reply, or finish the one that is being shown. See ``Outgoing.send``."""
        return await (await self._way_out()).send(outbound)

    async def find(self, outbound: Outbound) -> Sent | None:
        """Look whether all of a reply stands in Slack."""
        return await (await self._way_out()).find(outbound)

    def problem(self) -> str:
        """Return what keeps the channel from working; empty when all is well."""
        trouble = self._workspaces.trouble
        return f"Slack refuses the bot token ({trouble}); deliveries wait for a new one" if trouble else ""

    async def _way_out(self) -> Outgoing:
        if self._outgoing is None:
            await self._prepare()
        assert self._outgoing is not None
        return self._outgoing

    async def _prepare(self) -> None:
        """Make what marks posts: its key is in the store."""
        marker = await self._marker()
        if self._config.streaming:
            self._streams = Streams(self._host, self._api, self._workspaces, marker)
        self._outgoing = Outgoing(
            self._config, self._api, self._workspaces, marker, limits=self._limits, streams=self._streams
        )

    def _watch(self, heard: Heard, accepted: Accepted) -> None:
        if self._streams is not None and accepted.state == "pending":
            self._streams.watch(accepted, heard.conversation, Address.read(address_of(heard)))

    async def _marker(self) -> Marker:
        """Return the maker of marks; its key is the same in every process and after every start."""
        key = await self._host.records.get(_MARKER_KEY)
        if key is None:
            await self._host.records.add(_MARKER_KEY, secrets.token_hex(32))
            key = await self._host.records.get(_MARKER_KEY)
        return Marker(bytes.fromhex(str(key)))

    def _is_ours(self, event: Event) -> bool:
        here = self._workspaces.known
        if here is None:
            return True  # Slack has not said yet who we are; that the event is signed must do
        known_app = here.app_id and event.app
        return event.team in {here.team, here.enterprise} and (not known_app or event.app == here.app_id)

    async def _run(self, app: web.Application) -> AsyncIterator[None]:
        """Get ready, and ask Slack who we are while nobody waits for it."""
        if self._outgoing is None:
            await self._prepare()
        asking = asyncio.create_task(self._introduce())
        yield
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        if self._streams is not None:
            await self._streams.end()

    async def _introduce(self) -> None:
        with contextlib.suppress(SlackError):
            await self._workspaces.identity()

    async def _nothing(self, _: Any) -> None:
        self._host.ignored("interaction")
