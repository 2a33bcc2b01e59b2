"""The fixtures ``bot``, ``start_bot`` and ``clock``. Whatever is heavy is imported when one is used."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from supportbot.model.base import Model
    from supportbot.testing.bots import ChannelClass, StartedBot
    from supportbot.testing.clock import Clock


class StartBot(Protocol):
    """Starts bots that run until the test has ended. See ``supportbot.testing.bots.started_bot``."""

    async def __call__(
        self,
        bot_yaml: Path | str | Mapping[str, Any],
        *,
        model: Model | None = None,
        channels: Mapping[str, ChannelClass] | None = None,
    ) -> StartedBot:
        """Start a bot."""


@pytest_asyncio.fixture
async def start_bot(tmp_path: Path) -> AsyncIterator[StartBot]:
    """Start bots in this process: ``bot = await start_bot(Path("bot.yaml"))``."""
    from supportbot.testing.bots import started_bot

    async with AsyncExitStack() as bots:

        async def start(bot_yaml: Path | str | Mapping[str, Any], **options: Any) -> StartedBot:
            return await bots.enter_async_context(started_bot(bot_yaml, tmp_path, **options))

        yield start


@pytest_asyncio.fixture
async def bot(start_bot: StartBot) -> StartedBot:
    """A bot whose model answers everything with "You said: …"."""
    from supportbot.testing.fakes import ScriptedModel

    return await start_bot({}, model=ScriptedModel())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Wall-clock time that the test can set forward: ``clock.advance(3600)``."""
    from supportbot.testing.clock import Clock

    clock = Clock()
    monkeypatch.setattr(time, "time", clock.time)
    monkeypatch.setattr(time, "time_ns", clock.time_ns)
    return clock
