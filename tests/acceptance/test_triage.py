"""The real program, killed and stopped while it sorts a question."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING, Any

from supportbot.chaos.clients import Http
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program
from tests.acceptance import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.clients import Visitor
    from supportbot.chaos.model import Call, ListeningModel
    from supportbot.chaos.program import Program


async def test_a_triage_that_never_ends_costs_nothing_but_itself(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """The answers are there; a killed process leaves no triage, a stopped one says that there is none."""
    triage = {"enabled": True, "topics": {"parcels": "where they are"}}
    folder = BotFolder(tmp_path / "bot", model_url=model.url, triage=triage)
    shutil.copy(ROOT / "prompts" / "triage.md.j2", folder.root / "prompts" / "triage.md.j2")

    async def hang(call: Call) -> None:
        if "You sort the messages" in call.text:
            await asyncio.Event().wait()

    model.before = hang
    async with program(folder) as bot:
        visitor = await Http(bot, session).visitor()
        await visitor.say("Where is my parcel?")
        await _replies(visitor, 1)
        await bot.kill()
        await bot.start()
        await visitor.say("And my other one?")
        await _replies(visitor, 2)
        assert 0 == await bot.stop()
        story = await _story(bot)
    triages = [turn["triage"] for turn in story["turns"]]
    assert [None, "the bot was stopped"] == [each and each["reason"] for each in triages]
    assert ["re that", "re that"] == [m["text"] for m in story["messages"] if m["author"] == "bot"]


async def _replies(visitor: Visitor, count: int) -> None:
    """Wait for so many."""
    while count > sum(message["author"] == "bot" for message in await visitor.read()):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def _story(bot: Program) -> dict[str, Any]:
    _, listed = await bot.run("conversations", "list", "--json")
    (conversation,) = json.loads(listed)["rows"]
    _, story = await bot.run("explain", conversation["id"], "--json")
    found: dict[str, Any] = json.loads(story)
    return found
