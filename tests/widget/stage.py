"""All that a test of the widget needs, started and connected: model, bot, website, browser."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
from playwright.async_api import expect

from supportbot.chaos.clients import signed
from supportbot.chaos.folder import ENVIRONMENT, UNLIMITED, BotFolder
from supportbot.chaos.program import Program, program
from tests.widget.site import Site
from tests.widget.talking import TalkingModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import BrowserContext, FrameLocator, Locator, Page

    from tests.widget.browsers import Browsers

ARTEFACTS = Path(__file__).parent.parent / "artefacts" / "widget"
IDENTITY_SECRET = "a-secret-of-the-site-with-more-than-32-bytes"
_EXPECTED = ("net::ERR_", "the server responded with a status of")  # a failed request is no script's mistake


@dataclass
class Visitor:
    """A page with the widget in it, and what went wrong in it."""

    page: Page
    chat: FrameLocator
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """The origins that anything was asked of."""

    @property
    def launcher(self) -> Locator:
        return self.page.locator("button[aria-expanded]").last

    @property
    def box(self) -> Locator:
        return self.chat.get_by_role("textbox").last

    @property
    def bubbles(self) -> Locator:
        return self.chat.locator(".bubble:not(.typing)")

    async def open(self) -> None:
        """Open the chat and wait until it may be used."""
        await self.launcher.click()
        await self.box.wait_for()

    async def write(self, text: str) -> None:
        """Send a message."""
        await self.box.fill(text)
        await self.box.press("Enter")

    async def sees(self, text: str) -> None:
        """Wait until a text stands in the conversation."""
        await self.chat.locator(".lines").get_by_text(text).first.wait_for()

    async def has(self, *texts: str) -> None:
        """Wait until just these stand in the bubbles, below the greeting."""
        await expect(self.bubbles).to_have_text([re.compile("."), *texts], timeout=15_000)

    async def texts(self) -> list[str]:
        """Return what stands in the bubbles; the first is the greeting."""
        return await self.bubbles.all_inner_texts()

    async def session(self) -> dict[str, str]:
        """Return what the browser keeps: the token, and the conversation's key."""
        found: dict[str, str] = await self.page.frames[-1].evaluate(
            "JSON.parse(Object.entries(localStorage).find(([key]) => key.endsWith(':session'))[1])"
        )
        return found

    async def show(self, name: str) -> None:
        """Keep a picture among the tests' artefacts."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=ARTEFACTS / f"{name}.png", animations="disabled", caret="initial")


@dataclass
class Stage:
    """What is there."""

    browsers: Browsers
    model: TalkingModel
    program: Program
    site: Site
    folder: BotFolder

    @property
    def base(self) -> str:
        """The channel's address, with a slash at its end."""
        return f"{self.program.url}/channels/web/"

    async def visitor(
        self, context: BrowserContext | None = None, *, url: str = "", page: bool = False, **options: Any
    ) -> Visitor:
        """Return somebody who has the website before them; ``page``: the bot's full page instead."""
        context = context or await self.browsers.open(**options)
        opened = await context.new_page()
        chat = opened.frame_locator("iframe[allow]") if not page else opened  # type: ignore[assignment]
        visitor = Visitor(opened, chat)  # type: ignore[arg-type]
        opened.on("pageerror", lambda error: visitor.errors.append(str(error)))
        opened.on(
            "console",
            lambda message: (
                visitor.errors.append(message.text)
                if message.type in {"error", "warning"}
                and not any(part in message.text for part in _EXPECTED)
                else None
            ),
        )
        opened.on("request", lambda request: visitor.requests.append(_origin(request.url)))
        await opened.goto(url or (self.base if page else f"{self.site.origin}/"))
        return visitor

    async def operator(self, *command: str) -> str:
        """Run a command of the program beside the bot; returns what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "supportbot", "-c", self.folder.file, *command),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | ENVIRONMENT | {"BOT_IDENTITY": IDENTITY_SECRET},
        )
        said, _ = await process.communicate()
        assert 0 == process.returncode
        return said.decode()

    async def stored(self, visitor: Visitor) -> list[dict[str, Any]]:
        """Return the messages that the bot holds of a visitor's conversation."""
        headers = {"Authorization": f"Bearer {(await visitor.session())['token']}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.get(f"{self.base}conversation/messages?limit=200") as answer,
        ):
            messages: list[dict[str, Any]] = (await answer.json())["messages"]
            return messages

    async def team_says(self, visitor: Visitor, name: str, text: str) -> None:
        """Let a person of the team write into a visitor's conversation, as their program does."""
        body = json.dumps(
            {
                "conversation": (await visitor.session())["conversation"],
                "author": "person",
                "sender": {"id": name, "name": name},
                "text": text,
            }
        )
        headers = signed(uuid4().hex, body) | {"Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{self.base}messages", data=body) as answer,
        ):
            assert 202 == answer.status

    def origins(self) -> set[str]:
        """Return those that may be asked: the website and the bot."""
        return {self.site.origin, self.program.url}


@asynccontextmanager
async def stage(
    root: Path,
    browsers: Browsers,
    *,
    widget: dict[str, Any] | None = None,
    model_url: str | None = None,
    **sections: Any,
) -> AsyncIterator[Stage]:
    """Start everything.

    Args:
        root: an empty folder.
        browsers: what opens Chromium.
        widget: more keys of the channel's ``widget``.
        model_url: of another model than the one that talks; empty: the bot answers from its article.
        sections: more keys of ``BotFolder``.
    """
    async with TalkingModel() as model, Site() as site:
        webhook = {
            "limits": UNLIMITED,
            "streams": {"per_session": 50},
            "visitors": {"allowed_origins": [site.origin]},
            "widget": {"images": True, "suggestions": ["Where is my parcel?"], **(widget or {})},
            "identity": {
                "audience": "supportbot",
                "keys": [{"id": "one", "algorithm": "HS256", "secret": "${BOT_IDENTITY}"}],
            },
            **sections.pop("webhook", {}),
        }
        folder = BotFolder(
            root,
            model_url=model.url if model_url is None else model_url,
            webhook=webhook,
            server={"port": _free_port()},  # the same one after a restart
            bot={"company": "Juniper & Pine"},
            **sections,
        )
        async with program(folder, environment={"BOT_IDENTITY": IDENTITY_SECRET}) as started:
            here = Stage(browsers, model, started, site, folder)
            site.bot = here.base
            yield here


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme.startswith("http") else f"{parts.scheme}:"
