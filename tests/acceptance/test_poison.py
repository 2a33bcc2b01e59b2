"""Messages that kill their turn every time."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.chaos.clients import Http
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program
from tests.acceptance.conftest import asked_about

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.clients import Visitor
    from supportbot.chaos.model import Call, ListeningModel
    from supportbot.chaos.program import Program

_BREAKS = "You are {{ bot.name }}.{% if 'Poison' in contact.name %}{{ 1 // 0 }}{% endif %}\n"
"""A prompt that cannot be rendered for one customer: nothing that ``check`` could know."""
_BREAKS_AT_FIRST = _BREAKS.replace("%}", "and conversation.earlier_messages == 0 %}", 1)

SORRY = "Sorry, something went wrong on our side"


async def test_a_turn_that_fails_every_time_is_put_aside(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """Dead after 3 tries and listed; the customer is told; others never wait."""
    folder = BotFolder(tmp_path / "bot", model_url=model.url, prompt=_BREAKS)
    async with program(folder) as bot:
        http = Http(bot, session)
        poisoned, other = await http.visitor(name="Poison"), await http.visitor(name="Anna")
        begun = time.monotonic()
        assert 202 == (await poisoned.post("c1", "kpoison1-1 boom")).status
        assert 202 == (await other.post("c1", "kother1-1 hello")).status
        assert "re kother1-1" == (await other.answered("kother"))["text"]
        await poisoned.answered(SORRY)
        assert time.monotonic() - begun < 5
        dead = await dead_turns(bot)
        assert [("kpoison1-1 boom", 3)] == [(turn["question"], turn["tries"]) for turn in dead]
        states = [m["state"] for m in await poisoned.read() if m["author"] == "customer"]
        assert ["dead"] == states


@pytest.mark.parametrize("debounce", [0.0, 0.3], ids=["one by one", "all in one turn"])
async def test_what_stands_behind_a_message_that_fails_is_answered(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession, debounce: float
) -> None:
    """A first message that the template cannot take is put aside alone; those behind are answered in 5 s."""
    folder = BotFolder(
        tmp_path / "bot", model_url=model.url, prompt=_BREAKS_AT_FIRST, turns={"debounce": debounce}
    )
    async with program(folder) as bot:
        visitor = await Http(bot, session).visitor(name="Poison")
        begun = time.monotonic()
        for number in (1, 2, 3):
            assert 202 == (await visitor.post(f"c{number}", f"kbehind1-{number} hello")).status
        await visitor.answered("kbehind1-3")
        assert time.monotonic() - begun < 5
        assert 1 == len(await dead_turns(bot))
        states = [m["state"] for m in await visitor.read() if m["author"] == "customer"]
        assert ["dead", "answered", "answered"] == states


async def test_a_message_that_kills_the_process_is_put_aside(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """Whenever the model reads it, the process dies: after 5 deaths it is left alone, the rest goes on."""
    folder = BotFolder(tmp_path / "bot", model_url=model.url)
    deadly = asyncio.Event()
    never = asyncio.Event()

    async def think(call: Call) -> None:
        if "deadly" in call.body["messages"][-1]["content"]:
            deadly.set()
            await never.wait()

    model.before = think
    async with program(folder) as bot:
        visitor = await Http(bot, session).visitor()
        assert 202 == (await visitor.post("c1", "deadly kfirst1-1")).status
        for _ in range(5):
            async with asyncio.timeout(10):
                await deadly.wait()
            if not (await visitor.read())[1:]:
                assert 202 == (await visitor.post("c2", "kfirst1-2 behind it")).status
            await bot.kill()
            deadly.clear()
            await bot.start()
        begun = time.monotonic()
        await visitor.answered("kfirst1-2")
        assert time.monotonic() - begun < 5
        dead = await dead_turns(bot)
        assert [("deadly kfirst1-1", 5)] == [(turn["question"], turn["tries"]) for turn in dead]
        messages = await visitor.read()
        assert ["dead", "answered"] == [m["state"] for m in messages if m["author"] == "customer"]
        assert 1 == sum(SORRY in m["text"] for m in messages)
        assert 5 == asked_about(model, "deadly")
        await replayed(bot, visitor, model, dead[0]["id"])


async def test_the_neighbours_of_a_message_that_kills_do_not_wait_for_each_other(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """31 turns are at work when the process dies twice: they are begun in halves until the cause is alone."""
    folder = BotFolder(tmp_path / "bot", model_url=model.url)
    deaths, at_work, together = 0, 0, [0]
    deadly, never = asyncio.Event(), asyncio.Event()

    async def think(call: Call) -> None:
        nonlocal at_work
        at_work += 1
        try:
            if deaths < 2:
                if at_work == 31:
                    deadly.set()
                await never.wait()
            together.append(at_work)
            if "deadly" in call.body["messages"][-1]["content"]:
                deadly.set()
                await never.wait()
            await asyncio.sleep(0.5)
        finally:
            at_work -= 1

    model.before = think
    async with program(folder) as bot:
        http = Http(bot, session)
        visitors = [await http.visitor() for _ in range(31)]
        for number, visitor in enumerate(visitors):
            said = "deadly kdeadly1-1" if number == 15 else f"kbeside{number}-1"
            assert 202 == (await visitor.post("c1", said)).status
        poisoned = visitors.pop(15)
        while (await states(poisoned)) == ["pending"]:
            async with asyncio.timeout(30):
                await deadly.wait()
            await bot.kill()
            deadly.clear()
            deaths += 1
            await bot.start()
            await any_of(deadly.wait(), poisoned.answered(SORRY))
        assert 5 <= deaths <= 9
        dead = await dead_turns(bot)
        assert [("deadly kdeadly1-1", deaths)] == [(turn["question"], turn["tries"]) for turn in dead]
        for visitor in visitors:
            await visitor.answered("kbeside")
        assert [["answered"]] * 30 == [await states(visitor) for visitor in visitors]
        assert max(together) >= 8


async def states(visitor: Visitor) -> list[str]:
    """Where each message of a customer is."""
    return [m["state"] for m in await visitor.read() if m["author"] == "customer"]


async def any_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait for one of these."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    _, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def replayed(bot: Program, visitor: Visitor, model: ListeningModel, turn: str) -> None:
    """With the cause out of the way, an operator gives the dead message back."""
    model.before = None
    code, _ = await bot.run("dead", "replay", turn)
    assert 0 == code
    await visitor.answered("kfirst1-1")
    assert [] == await dead_turns(bot)


async def dead_turns(bot: Program) -> list[dict[str, Any]]:
    """What ``supportbot dead list --json`` says."""
    code, printed = await bot.run("dead", "list", "--json")
    assert 0 == code
    rows: list[dict[str, Any]] = json.loads(printed)["rows"]
    return rows
