"""The contract of a channel, held by every channel that comes with SupportBot."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from aiohttp import ClientTimeout, web

from supportbot.testing import ChannelContract, Platform
from supportbot_slack import SlackChannel
from supportbot_terminal import TerminalChannel
from supportbot_terminal.channel import TOKEN
from supportbot_webhook import WebhookChannel
from tests.channels.slack import driver as slack
from tests.channels.slack.workspace import ScriptedSlack
from tests.channels.webhook.driver import SECRET, UNLIMITED, signed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from supportbot.testing import Site, Written
    from supportbot.testing.platform import Fault


class Terminals(Platform):
    """People at this machine, each asking again to see what they were answered."""

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, str]] = {}

    def section(self) -> Mapping[str, Any]:
        return {}

    async def write(self, site: Site, written: Written) -> int:
        body = {"conversation": written.conversation, "key": written.id, "text": written.text}
        headers = {"Authorization": f"Bearer {await site.core.records.get(TOKEN)}"}
        async with site.http.post(f"{site.url}/messages", json=body, headers=headers) as response:
            if response.status == 200:
                self.bodies[written.conversation] = body
            return response.status

    async def shown(self, site: Site, conversation: str) -> list[str]:
        if conversation not in self.bodies:
            return []
        body = self.bodies[conversation]
        headers = {"Authorization": f"Bearer {await site.core.records.get(TOKEN)}"}
        async with site.http.post(
            f"{site.url}/messages", json=body, headers=headers, timeout=ClientTimeout(sock_read=0.2)
        ) as response:
            lines = []
            try:
                async for line in response.content:
                    lines.append(json.loads(line))
            except TimeoutError:
                pass  # still waiting for a reply: none is shown
        return [line["reply"]["text"] for line in lines if "reply" in line]


class TestTerminal(ChannelContract):
    """``supportbot chat``."""

    channel = TerminalChannel
    platform = Terminals


class Program(Platform):
    """A program that signs what it passes on, and drops a callback whose webhook-id it has seen."""

    faults = frozenset({"refuse", "busy", "lose", "take and lose"})

    def __init__(self) -> None:
        self.replies: dict[str, tuple[str, str]] = {}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.post("/replies", self.take)])
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.runner.cleanup()

    def section(self) -> Mapping[str, Any]:
        host, port = self.runner.addresses[0][:2]
        return {
            "secrets": [SECRET],
            "callback_url": f"http://{host}:{port}/replies",
            "allow_http": True,
            "allow_private_callbacks": True,
            "limits": UNLIMITED,
        }

    async def write(self, site: Site, written: Written) -> int:
        sender = {"id": written.conversation}
        body = {"conversation": written.conversation, "sender": sender, "text": written.text}
        content = json.dumps(body)
        headers = signed(content, webhook_id=written.id) | {"Content-Type": "application/json"}
        async with site.http.post(f"{site.url}/messages", data=content, headers=headers) as response:
            return response.status

    async def shown(self, site: Site, conversation: str) -> list[str]:
        return [text for where, text in self.replies.values() if where == conversation]

    async def take(self, request: web.Request) -> web.Response:
        reply = (await request.json())["data"]
        if self.fault in {None, "take and lose"}:
            self.replies.setdefault(request.headers["webhook-id"], (reply["conversation"], reply["text"]))
        match self.fault:
            case "refuse":
                raise web.HTTPGone
            case "busy":
                raise web.HTTPTooManyRequests(headers={"Retry-After": "7"})
            case "lose" | "take and lose":
                raise web.HTTPBadGateway
        return web.Response(status=204)


class TestWebhookForPrograms(ChannelContract):
    """Signed requests in, signed callbacks out."""

    channel = WebhookChannel
    platform = Program


class Browsers(Platform):
    """Visitors of a website, each with a session, reading the transcript."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}

    def section(self) -> Mapping[str, Any]:
        return {"limits": UNLIMITED}

    async def write(self, site: Site, written: Written) -> int:
        if written.conversation not in self.tokens:
            async with site.http.post(f"{site.url}/sessions", json={}) as response:
                self.tokens[written.conversation] = (await response.json())["token"]
        async with site.http.post(
            f"{site.url}/conversation/messages",
            json={"client_id": written.id, "text": written.text},
            headers=self.headers(written.conversation),
        ) as response:
            return response.status

    async def shown(self, site: Site, conversation: str) -> list[str]:
        if conversation not in self.tokens:
            return []
        async with site.http.get(
            f"{site.url}/conversation/messages", headers=self.headers(conversation)
        ) as response:
            messages = (await response.json())["messages"]
        return [message["text"] for message in messages if message["author"] == "bot"]

    def headers(self, conversation: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[conversation]}"}


class TestWebhookForVisitors(ChannelContract):
    """Sessions, messages and the transcript, as the widget uses them."""

    channel = WebhookChannel
    platform = Browsers


class Workspace(Platform):
    """A Slack workspace: each conversation is a direct message."""

    faults = frozenset({"refuse", "busy", "lose", "take and lose"})

    def __init__(self) -> None:
        self.slack = ScriptedSlack()
        self.more: dict[str, Any] = {"handoff_channel": "C0TEAM"}
        self.known: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        await self.slack.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.slack.__aexit__()

    def section(self) -> Mapping[str, Any]:
        return slack.section(self.slack, **self.more)

    async def write(self, site: Site, written: Written) -> int:
        number = self.known.setdefault(written.id, str(len(self.known) + 1))
        payload = slack.direct(
            written.text,
            number=int(number),
            channel=self.place(written.conversation),
            client_msg_id=written.id,
        )
        self.befall()
        return await slack.post(site.http, f"{site.url}/events", payload)

    async def shown(self, site: Site, conversation: str) -> list[str]:
        return [p.text for p in self.slack.posts if p.channel == self.place(conversation)]

    async def told(self, site: Site) -> list[str]:
        posts = [post.fields for post in self.slack.posts if post.channel == "C0TEAM"]
        return [json.dumps([post.get("text"), post.get("blocks")]) for post in posts]

    def place(self, conversation: str) -> str:
        return "D" + conversation.encode().hex().upper()

    @property
    def fault(self) -> Fault | None:  # type: ignore[override]
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._fault = fault
        self.befall()

    _fault: Fault | None = None

    def befall(self) -> None:
        """Let the fault befall every post until it is over."""
        self.slack.refusals.pop("chat.postMessage", None)
        queue = self.slack.faults["chat.postMessage"]
        queue.clear()
        match self._fault:
            case "refuse":
                self.slack.refusals["chat.postMessage"] = "channel_not_found"
            case "busy":
                queue.extend(["429"] * 10)
            case "lose":
                queue.extend(["500"] * 10)
            case "take and lose":
                queue.extend(["taken, then 500"] * 10)


class TestSlack(ChannelContract):
    """Signed events in, posts out."""

    channel = SlackChannel
    platform = Workspace


def test_every_channel_is_held_to_the_contract() -> None:
    """No channel of this repository is left out, wherever its suite stands."""
    import_module("tests.channels.email.test_contract")
    here = {contract.channel for contract in ChannelContract.__subclasses__()}
    ours = [
        entry
        for entry in entry_points(group="supportbot.channels")
        if entry.dist is not None and entry.dist.name == "supportbot-framework"
    ]
    assert set() == {entry.load() for entry in ours} - here
