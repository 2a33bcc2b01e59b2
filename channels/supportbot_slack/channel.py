"""The Slack channel: a thin shell around the ways in and the way out."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp import web

from supportbot.channel import Capabilities
from supportbot_slack.address import Address
from supportbot_slack.api import SlackApi, SlackError
from supportbot_slack.assistant import Pane, is_first, note
from supportbot_slack.chores import Chores
from supportbot_slack.config import SlackConfig
from supportbot_slack.events import id_at, text_at
from supportbot_slack.handoffs import Notices
from supportbot_slack.home import home_view
from supportbot_slack.http import Requests
from supportbot_slack.identity import People
from supportbot_slack.inbound import address_of
from supportbot_slack.ingress import Ingress
from supportbot_slack.installs import ended
from supportbot_slack.interactions import Interactions
from supportbot_slack.limits import Limits
from supportbot_slack.links import Links
from supportbot_slack.listeners import Listeners
from supportbot_slack.marker import Marker
from supportbot_slack.openings import Openings
from supportbot_slack.outbound import Outgoing
from supportbot_slack.rules import Rules
from supportbot_slack.sdk import web_client
from supportbot_slack.several import Several
from supportbot_slack.shared import SharedChannels
from supportbot_slack.signature import Signatures
from supportbot_slack.socket import Sockets
from supportbot_slack.streaming import Streams
from supportbot_slack.verify import check_app_token, check_bot_token, check_handoff_channel
from supportbot_slack.workspaces import SingleWorkspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from supportbot.changes import Withdrawn
    from supportbot.channel import Accept
    from supportbot.host import Host
    from supportbot.messages import Accepted, Outbound, Sent, Turn
    from supportbot_slack.events import Event
    from supportbot_slack.inbound import Heard
    from supportbot_slack.workspaces import Workspaces

_MARKER_KEY = "marker-key"


class SlackChannel:
    """Answers in Slack: in one workspace, or in all that installed the app."""

    Config: ClassVar = SlackConfig
    capabilities: ClassVar[Capabilities] = Capabilities(streaming=True, max_text=11_000)

    def __init__(self, config: SlackConfig, host: Host) -> None:
        self._config = config
        self._host = host
        self._api = SlackApi(config.api_url)
        self._single: SingleWorkspace | None = None
        self._several: Several | None = None
        self._workspaces: Workspaces
        if config.bot_token is not None:
            self._workspaces = self._single = SingleWorkspace(config.bot_token.get_secret_value(), self._api)
        elif config.oauth is not None and config.public_url is not None:
            self._several = Several.made(
                config.oauth,
                host,
                public_url=config.public_url,
                api_url=config.api_url,
                direct_messages=config.direct_messages,
            )
            self._workspaces = self._several.installs
        self._people = People(self._api, trust_guests=config.trust_guests)
        self._pane = Pane(config.assistant, self._api, self._workspaces, host.records)
        self._openings = Openings(config, self._api, self._workspaces, self._people, host)
        self._chores = Chores()
        self._rules = Rules(config, host.limiter)
        self._shared = SharedChannels(host.records)
        self._listeners: Listeners | None = None
        if config.listeners:
            self._listeners = Listeners.load(
                config.listeners, folder=host.folder, workspaces=self._workspaces, api_url=config.api_url
            )
        self._sockets: Sockets | None = None
        self._streams: Streams | None = None
        self._outgoing: Outgoing | None = None
        self._getting_ready = asyncio.Lock()

    # -- the contract -----------------------------------------------------------------------------

    def app(self, accept: Accept) -> web.Application:
        """Return the routes of the HTTP way in and of the install pages, and what runs in the background."""
        app = web.Application()
        app.cleanup_ctx.extend([self._api.run, self._run])
        ingress = Ingress(
            self._host,
            accept,
            self._rules,
            self._people,
            self._shared,
            watch=self._watch,
            tell=self._tell,
            is_ours=lambda event: self._is_ours(event.team, event.enterprise, event.app),
            listeners=self._listeners,
            others={
                "assistant_thread_started": self._greet,
                "app_home_opened": self._show_home,
                "app_uninstalled": self._end_installation,
                "tokens_revoked": self._end_installation,
            },
        )
        interactions = self.interactions(accept)
        if self._config.signing_secret is not None:
            signatures = Signatures(self._config.signing_secrets)
            requests = Requests(
                signatures,
                events=ingress.take,
                pressed=interactions.pressed,
                command=interactions.command,
            )
            app.add_routes(requests.routes())
        if self._config.app_token is not None and "slack" in self._host.roles:
            self._sockets = Sockets(
                self._api,
                self._config.app_token.get_secret_value(),
                connections=self._config.connections,
                events=ingress.take,
                pressed=interactions.pressed,
                command=interactions.command,
                ignored=self._host.ignored,
            )
            app.cleanup_ctx.append(self._sockets.run)
        if self._several is not None:
            app.cleanup_ctx.append(self._several.installs.run)
            app.add_routes(self._several.pages.routes())
        return app

    def interactions(self, accept: Accept) -> Interactions:
        """Return what takes presses, commands and forms."""
        return Interactions(
            self._host,
            accept,
            self._rules,
            self._people,
            self._shared,
            is_ours=self._is_ours,
            listeners=self._listeners,
            api=self._api,
            workspaces=self._workspaces,
            chores=self._chores,
        )

    async def send(self, outbound: Outbound) -> Sent:
        """Post a reply, or finish the one that is being shown. See ``Outgoing.send``."""
        return await (self._outgoing or await self._way_out()).send(outbound)

    async def update(self, outbound: Outbound) -> Sent:
        """Bring up to date what the team was told. See ``Outgoing.update``."""
        return await (self._outgoing or await self._way_out()).update(outbound)

    async def withdraw(self, withdrawn: Withdrawn) -> None:
        """Take back what the team was told of a conversation that was deleted. See ``Outgoing.withdraw``."""
        await (self._outgoing or await self._way_out()).withdraw(withdrawn)

    async def find(self, outbound: Outbound) -> Sent | None:
        """Look whether all of a reply stands in Slack. See ``Outgoing.find``."""
        return await (self._outgoing or await self._way_out()).find(outbound)

    async def complete(self, turn: Turn) -> Turn:
        """Look up who asks, what was said in the thread before, and the images. See ``Openings``."""
        return await self._openings.complete(turn)

    def team_address(self) -> Mapping[str, Any] | None:
        """Return where the team is told of hand-overs. See ``CanNotify``."""
        place, where = self._config.handoff_channel, self._config.handoff_team or ""
        if place is None:
            return None
        is_whole = where.startswith("E")  # an organisation's installation
        address = Address(team="" if is_whole else where, enterprise=where if is_whole else "", channel=place)
        return address.json()

    def problem(self) -> str:
        """Return what keeps the channel from working; empty when all is well."""
        if self._several is not None and (trouble := self._several.installs.problem()):
            return trouble
        if self._single is not None and self._single.trouble:
            return f"Slack refuses the bot token ({self._single.trouble}); deliveries wait for a new one"
        return self._sockets.problem() if self._sockets is not None else ""

    async def verify(self) -> list[str]:
        """Ask Slack whether the tokens work, and what they may do. See ``CanVerify``."""
        problems: list[str] = []
        client = web_client(self._config.api_url)
        if self._config.bot_token is not None:
            token = self._config.bot_token.get_secret_value()
            direct = self._config.direct_messages
            bot = web_client(self._config.api_url, token)
            problems += await check_bot_token(bot, direct_messages=direct)
            if self._config.handoff_channel and not problems:
                problems += await check_handoff_channel(bot, self._config.handoff_channel)
        if self._several is not None:
            problems += await self._several.verify()
        if self._config.app_token is not None:
            problems += await check_app_token(client, self._config.app_token.get_secret_value())
        return list(dict.fromkeys(problems))  # that Slack is away is true of both tokens, and said once

    # -- the way in -------------------------------------------------------------------------------

    async def _is_ours(self, team: str, enterprise: str, app: str) -> bool:
        if self._single is None:
            here = await self._workspaces.get(team, enterprise)
            return here is not None and app in {"", here.app_id}
        here = self._single.known
        if here is None:
            return True  # Slack has not said yet which it is; that the event is signed must do
        another_app = here.app_id and app and app != here.app_id
        return team in {here.team, here.enterprise} and not another_app

    def _watch(self, heard: Heard, accepted: Accepted) -> None:
        if accepted.state != "pending":
            return
        if self._streams is not None:
            self._streams.watch(accepted, address_of(heard))
        if is_first(heard, accepted.seq):
            self._chores.begin("title", self._pane.name(heard))

    def _tell(self, heard: Heard, text: str) -> None:
        self._chores.begin("notice", self._say(heard, text))

    async def _say(self, heard: Heard, text: str) -> None:
        workspace = await self._workspaces.get(heard.event.team, heard.event.enterprise)
        if workspace is not None:
            words = note(text, heard.channel, heard.thread)
            method = "chat.postMessage" if heard.is_direct else "chat.postEphemeral"
            await self._api.call(workspace.bot_token, method, words | {"user": heard.user})

    async def _greet(self, event: Event) -> None:
        if self._config.direct_messages:  # the pane is one
            self._chores.begin("greeting", self._pane.greet(event))

    async def _show_home(self, event: Event) -> None:
        if text_at(event.body, "tab") == "home":
            self._chores.begin("home", self._publish_home(event))

    async def _publish_home(self, event: Event) -> None:
        user = id_at(event.body, "user")
        workspace = await self._workspaces.get(event.team, event.enterprise)
        if workspace is not None and user:
            begun = await self._host.transcripts.begun_by(f"{event.team}/{user}")
            view = home_view(self._host.bot_name, begun, direct_messages=self._config.direct_messages)
            await self._api.call(workspace.bot_token, "views.publish", {"user_id": user, "view": view})

    async def _end_installation(self, event: Event) -> None:
        reason = ended(event.body)
        if reason:
            await self._workspaces.ended(event.team, reason, event.enterprise)

    # -- the way out ------------------------------------------------------------------------------

    async def _way_out(self) -> Outgoing:
        async with self._getting_ready:
            if self._outgoing is None:
                marker = await self._marker()
                people = None if self._config.look_up_people is False else self._people
                if self._config.streaming:
                    links = Links(self._config.link_hosts)
                    self._streams = Streams(self._host, self._api, self._workspaces, marker, links)
                self._outgoing = Outgoing(
                    self._config,
                    self._api,
                    self._workspaces,
                    marker,
                    limits=Limits(),
                    streams=self._streams,
                    notices=Notices(self._api, self._workspaces, people, channel=self._host.name),
                    links_cut=self._host.links_cut,
                )
            return self._outgoing

    async def _marker(self) -> Marker:
        """Return the maker of marks; its key is the same in every process and after every start."""
        key = await self._host.records.get(_MARKER_KEY)
        if key is None:
            await self._host.records.add(_MARKER_KEY, secrets.token_hex(32))
            key = await self._host.records.get(_MARKER_KEY)
        return Marker(bytes.fromhex(str(key)))

    async def _run(self, _: web.Application) -> AsyncIterator[None]:
        """Get ready, and ask Slack who we are while nobody waits for it."""
        await self._way_out()
        if self._single is not None:
            self._chores.begin("introduction", self._introduce(self._single))
        yield
        await self._chores.end()
        if self._streams is not None:
            await self._streams.end()

    async def _introduce(self, single: SingleWorkspace) -> None:
        with contextlib.suppress(SlackError):
            await single.identity()
