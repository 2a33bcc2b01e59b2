"""Fixtures of the Slack channel's tests."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from supportbot.testing import ScriptedModel, started_bot
from tests.channels.slack.driver import post, section
from tests.channels.slack.workspace import ScriptedSlack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from supportbot.testing import StartedBot


class Live:
    """A running bot in a Slack workspace."""

    def __init__(
        self, bot: StartedBot, slack: ScriptedSlack, model: Any, http: aiohttp.ClientSession
    ) -> None:
        self.bot = bot
        self.slack = slack
        self.model = model
        self.http = http
        self.url = f"{bot.url}/channels/slack/events"
        self.channel = bot.channels["slack"]

    async def send(self, payload: Any, **headers: str) -> int:
        """Send an event; returns the answer's status."""
        return await post(self.http, self.url, payload, **headers)


@pytest.fixture
async def slack() -> AsyncIterator[ScriptedSlack]:
    """A Slack."""
    async with ScriptedSlack() as started:
        yield started


@pytest.fixture
def live(slack: ScriptedSlack, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Live]]:
    """Starts a bot in that Slack, with a model and more keys of its section, in a folder of the test."""

    @asynccontextmanager
    async def start(model: Any = None, **more: Any) -> AsyncIterator[Live]:
        model = model or ScriptedModel()
        sees = {"dialect": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m", "vision": True}
        bot_yaml = {
            "bot": {"name": "Fern"},
            "model": [sees] if more.pop("vision", False) else [],
            "deliveries": {"settle_delay": 0.05, "retry_delay": 0.05, "attempts": 20},
            "turns": {"retry_delay": 0.05},
            "channels": {"slack": {"type": "slack"} | section(slack, **more)},
        }
        async with (
            started_bot(bot_yaml, tmp_path, model=model) as bot,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        ):
            yield Live(bot, slack, model, http)

    return start
