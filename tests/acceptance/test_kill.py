"""kill -9 at random moments, under load with duplicates: nothing is lost, nothing is answered twice."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from tests.acceptance.audit import Tables, compare_with_api, examine
from tests.acceptance.clients import Http
from tests.acceptance.load import Load
from tests.acceptance.program import BotFolder, program

if TYPE_CHECKING:
    import random
    from pathlib import Path

    import aiohttp

    from tests.acceptance.model import Call, ListeningModel
    from tests.acceptance.program import Program
    from tests.acceptance.receiver import Posted, Receiver

KILLS = int(os.environ.get("SUPPORTBOT_TEST_KILLS", "8"))
"""How often the program is killed; set it higher for a longer run."""

PATIENT = {"attempts": 20, "retry_delay": 0.1}
"""Turns are not put aside because the program was killed during them."""


def misbehave(model: ListeningModel, receiver: Receiver, chance: random.Random) -> None:
    """Let the model take its time, and the receiver fail in all the ways there are."""

    async def think(_: Call) -> None:
        await asyncio.sleep(chance.choice([0, 0, 0.01, 0.05, 0.2]))

    async def receive(_: Posted) -> int:
        await asyncio.sleep(chance.choice([0, 0, 0.02]))
        match chance.randrange(20):
            case 0:
                return 500
            case 1:
                return 429
            case 2:
                raise ConnectionResetError
            case _:
                return 204

    model.before, receiver.before = think, receive


async def test_kill_9_at_random_moments(
    tmp_path: Path,
    model: ListeningModel,
    receiver: Receiver,
    session: aiohttp.ClientSession,
    chance: random.Random,
) -> None:
    """Every acknowledged message is answered exactly once, in order, whenever the program is killed."""
    folder = BotFolder(tmp_path / "bot", model_url=model.url, webhook=receiver.section, turns=PATIENT)
    tables = Tables(f"sqlite:///{folder.database_file}")
    misbehave(model, receiver, chance)
    async with program(folder) as bot:
        http = Http(bot, session)
        load = Load(http, model, customers=12, chance=chance)
        await _under_load(bot, load, chance)
        await tables.drained(within=30)
        assert [] == await compare_with_api(load, tables)
        assert 0 == await bot.stop()
    counts = examine(load, tables, model, receiver, kills=KILLS)
    counts.report("kill-9")
    assert [] == counts.problems
    assert 0 == counts.lost == counts.answered_twice == counts.out_of_order == counts.cross_talk
    assert counts.accepted == counts.answered
    assert "ok" == folder.integrity()


async def _under_load(bot: Program, load: Load, chance: random.Random) -> None:
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(load.run())
        for _ in range(KILLS):
            await load.progress(chance.randint(1, 60))
            await asyncio.sleep(chance.uniform(0, 0.03))
            await bot.kill()
            await bot.start()
        load.stop()
        await writing
