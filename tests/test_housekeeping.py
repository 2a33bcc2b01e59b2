"""housekeeping: what waits is counted, and told of where it waits for too long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession
from sqlalchemy import update

from supportbot import app, config, housekeeping
from supportbot.housekeeping import Backlog
from supportbot.metrics import Metrics
from supportbot.store import Statement
from supportbot.tables import conversations
from tests.bot_folder import BotFolder
from tests.durable import Durable, inbound, opened, running

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

BOT = "server: {port: 0}\nchannels:\n  web: {type: webhook}\n"


async def test_what_nobody_begins_is_a_problem(database_url: str) -> None:
    """Once it has waited for a minute; whoever reads /metrics sees it grow before."""
    async with opened(database_url) as store:
        metrics = Metrics()
        backlog = Backlog(store, metrics)
        assert {} == backlog.problems()
        assert {} == await _looked(backlog)
        bot = Durable(store)  # and nobody who works for it
        await bot.accept("hello")
        assert {} == await _looked(backlog)
        await _age(bot, 94)
        many = "1 conversation waits for an answer that nobody has begun, the first for 94 s"
        assert {"turns": many} == await _looked(backlog)
        assert b"supportbot_turns_waiting_seconds 94." in metrics.exposition()
        await bot.accept("anybody there?")  # who asks again keeps their place
        assert {"turns": many} == await _looked(backlog)
        await bot.accept("hello", to="c2")
        many = "2 conversations wait for an answer that nobody has begun, the first for 94 s"
        assert {"turns": many} == await _looked(backlog)


async def test_what_is_answered_waits_no_more(database_url: str) -> None:
    """Nor does what is being answered, however long that takes."""
    begun = asyncio.Event()

    async def endless(_turn: object) -> str:
        begun.set()
        await asyncio.Event().wait()
        return ""

    async with running(database_url) as bot:
        backlog = Backlog(bot.store, bot.metrics)
        await bot.accept("hello")
        await bot.replies(1)
        bot.worker.say = endless
        await bot.accept("and now?", to="c2")
        async with asyncio.timeout(10):
            await begun.wait()
        assert {} == await _looked(backlog)
        assert b"supportbot_turns_waiting 0.0\n" in bot.metrics.exposition()
        assert b"supportbot_turns_waiting_seconds 0.0\n" in bot.metrics.exposition()


async def test_it_is_told_in_readyz(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot is degraded: it takes messages still."""
    monkeypatch.setattr(housekeeping, "_EVERY", 0.02)
    monkeypatch.setattr(housekeeping, "_LONG", 0.5)
    folder = BotFolder(tmp_path)
    folder.file.write_text(f"database: {postgres_database}\n{BOT}", "utf-8")
    loaded = config.load(folder.file, {})
    async with app.running(loaded, roles=frozenset({"web"})) as bot, ClientSession() as http:
        async with opened(loaded.database) as store:
            await Durable(store).inbox.accept(inbound("hello"))
        shown: dict[str, Any] = {"checks": {}}
        async with asyncio.timeout(10):
            while "turns" not in shown["checks"]:
                async with http.get(f"{bot.url}/readyz") as response:
                    shown = await response.json()
    assert (True, True) == (shown["ready"], shown["degraded"])
    assert shown["checks"]["turns"].startswith("1 conversation waits for an answer that nobody has begun, ")


async def _looked(backlog: Backlog) -> dict[str, str]:
    await backlog.look()
    return backlog.problems()


async def _age(bot: Durable, seconds: int) -> None:
    """Let everything have been due so much earlier."""
    aged = Statement(update(conversations).values(due_at=conversations.c.due_at - seconds * 1000))
    await bot.store.write(lambda tx: tx.run(aged))
