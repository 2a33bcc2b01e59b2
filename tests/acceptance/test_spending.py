"""A cap outlives the process that reached it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supportbot.chaos.clients import Http
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.model import ListeningModel


async def test_a_day_s_cap_survives_kill_9(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """What was asked before the kill counts after it, once: the model is not asked, the articles answer."""
    folder = BotFolder(tmp_path / "bot", model_url=model.url, spending={"day": {"tokens": 1}})
    async with program(folder) as bot:
        visitor = await Http(bot, session).visitor()
        await visitor.say("kspend1-1 hello?")
        await visitor.answered("kspend1-1")
        await bot.kill()
        await bot.start()
        await visitor.say("how long does a parcel take?")
        await visitor.answered("three days")
        assert 1 == len(model.calls)
        _, shown = await bot.run("usage", "--json")
        (row,) = json.loads(shown)["rows"]
        assert (1, 1, 0) == (row["requests"], row["estimated"], row["cost"])
        _, listed = await bot.run("turns", "list", "--json")
        assert ["knowledge", "test-model"] == [turn["model"] for turn in json.loads(listed)["rows"]]
        assert ["spending.cap_reached"] == [line["event"] for line in bot.log(level="warning")]
