"""SIGTERM with everything open: it ends in time, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.chaos.clients import Http, SignedProgram, Visitor, next_event
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program
from tests.frozen import freezing

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.model import Call, ListeningModel
    from supportbot.chaos.program import Program

STREAMS = 100
LONGER_THAN_THE_GRACE = 60.0


def answers(messages: list[dict[str, Any]]) -> list[str]:
    return [m["text"] for m in messages if m["author"] == "bot"]


class Busy:
    """A bot with streams open, a turn in flight and a program waiting for another."""

    def __init__(self, bot: Program, visitors: list[Visitor], asking: SignedProgram) -> None:
        self.bot = bot
        self.visitors = visitors
        self.asking = asking
        self.waiting: asyncio.Task[Any]
        self.streams: list[aiohttp.ClientResponse] = []


@pytest.fixture
def folder(tmp_path: Path, model: ListeningModel) -> BotFolder:
    return BotFolder(tmp_path / "bot", model_url=model.url)


async def make_busy(
    bot: Program, model: ListeningModel, session: aiohttp.ClientSession, stack: AsyncExitStack
) -> Busy:
    http = Http(bot, session)
    visitors = [await http.visitor() for _ in range(STREAMS)]
    busy = Busy(bot, visitors, SignedProgram(http, "ticket-1"))
    for visitor in visitors:
        busy.streams.append(await stack.enter_async_context(visitor.follow()))
    assert 202 == (await visitors[0].post("c1", "kslow1-1 where is it?")).status
    body = {"conversation": "ticket-1", "sender": {"id": "c1"}, "text": "kslow2-1 and mine?"}
    busy.waiting = asyncio.create_task(busy.asking.pass_on("evt_1", body, query="?wait=30"))
    await model.asked("kslow1", 1)
    await model.asked("kslow2", 1)
    return busy


@pytest.mark.parametrize("seconds", [2.0, LONGER_THAN_THE_GRACE], ids=["in time", "too slow"])
async def test_sigterm_ends_in_time_and_loses_nothing(
    folder: BotFolder, model: ListeningModel, session: aiohttp.ClientSession, seconds: float
) -> None:
    """100 streams, a slow turn, a waiting request: exit 0 within 15 s, each turn answered once."""

    async def think(_: Call) -> None:
        await asyncio.sleep(seconds)

    model.before = think
    async with program(folder) as bot, AsyncExitStack() as stack:
        busy = await make_busy(bot, model, session, stack)
        begun = time.monotonic()
        bot.send(signal.SIGTERM)
        async with asyncio.timeout(5):  # streams do not wait for turns
            for stream in busy.streams:
                await next_event(stream, "bye")
        assert 0 == await bot.ended(within=15)
        took = time.monotonic() - begun
        waited = await asyncio.wait_for(busy.waiting, 1)
        assert (202, "pending") == (waited.status, waited.body["state"])
        print(f"\nstopped in {took:.1f} s")
        if seconds < LONGER_THAN_THE_GRACE:
            assert 2 == len(model.calls)  # they were finished, not begun anew
        model.before = None
        await bot.start()
        for writer, text in ((busy.visitors[0], "re kslow1-1"), (busy.asking, "re kslow2-1")):
            await answered_once(writer, text)
        assert 0 == await bot.stop()
    assert [] == model.wrong
    assert [] == [line for line in bot.log() if line["level"] in {"error", "raw"}]


async def test_a_second_sigterm_ends_it_at_once(
    folder: BotFolder, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """Whoever insists gets an end at once; the next start does what is left."""
    never = asyncio.Event()
    model.before = lambda _: never.wait()
    async with program(folder) as bot, AsyncExitStack() as stack:
        busy = await make_busy(bot, model, session, stack)
        bot.send(signal.SIGTERM)
        await next_event(busy.streams[0], "bye")
        bot.send(signal.SIGTERM)
        assert 1 == await bot.ended(within=2)
        await gone(busy.waiting)
        await finish(busy, model)


async def test_kill_9_while_it_stops(
    folder: BotFolder, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """Killed in the middle of a clean stop: the next start does what is left."""
    never = asyncio.Event()
    model.before = lambda _: never.wait()
    async with program(folder) as bot, AsyncExitStack() as stack:
        busy = await make_busy(bot, model, session, stack)
        bot.send(signal.SIGTERM)
        await next_event(busy.streams[0], "bye")
        await bot.kill()
        await gone(busy.waiting)
        await finish(busy, model)


async def test_messages_that_come_while_it_stops(
    folder: BotFolder, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """Intake is over: 503 with Retry-After, and the same message is taken once by the next process."""
    release = asyncio.Event()
    model.before = lambda _: release.wait()
    async with program(folder) as bot, AsyncExitStack() as stack:
        busy = await make_busy(bot, model, session, stack)
        bot.send(signal.SIGTERM)
        await next_event(busy.streams[1], "bye")
        late = await busy.visitors[1].post("late", "klate1-1 hello?")
        assert (503, "5") == (late.status, late.headers["Retry-After"])
        release.set()
        assert 0 == await bot.ended(within=15)
        assert 202 == (await busy.waiting).status
        await bot.start()
        assert 202 == (await busy.visitors[1].post("late", "klate1-1 hello?")).status
        await answered_once(busy.visitors[1], "re klate1-1")


async def answered_once(writer: Visitor | SignedProgram, text: str) -> None:
    async with asyncio.timeout(10):
        while not (said := answers(await writer.read())):  # noqa: ASYNC110 - programs have no event stream
            await asyncio.sleep(0.05)
    assert [text] == said


async def gone(waiting: asyncio.Task[Any]) -> None:
    """A request that was being answered when the process died."""
    with contextlib.suppress(Exception):
        await waiting


async def finish(busy: Busy, model: ListeningModel) -> None:
    model.before = None
    await busy.bot.start()
    await answered_once(busy.visitors[0], "re kslow1-1")
    await answered_once(busy.asking, "re kslow2-1")
    assert [] == model.wrong


@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
async def test_sigterm_while_the_database_hangs(
    tmp_path: Path,
    model: ListeningModel,
    session: aiohttp.ClientSession,
    postgres_database: str,
    *,
    busy: bool,
) -> None:
    """It neither answers nor refuses, as a suspended machine: a clean end in time, and nothing is lost."""
    release = asyncio.Event()
    model.before = lambda _: release.wait()
    async with freezing(postgres_database) as server:
        lease = {"turns": {"retry_delay": 0.1, "lease": 2}, "deliveries": {"timeout": 2}}
        folder = BotFolder(tmp_path / "bot", model_url=model.url, database=server.url, **lease)
        async with program(folder) as bot:
            visitors = [await Http(bot, session).visitor() for _ in range(3)] if busy else []
            for number, visitor in enumerate(visitors):
                assert 202 == (await visitor.post("c1", f"kfrozen{number}-1 hello")).status
                await model.asked(f"kfrozen{number}", 1)
            server.freeze()
            release.set()
            begun = time.monotonic()
            bot.send(signal.SIGTERM)
            assert 0 == await bot.ended(within=15), bot.errors[-5:]
            print(f"\nstopped in {time.monotonic() - begun:.1f} s")
            server.thaw()
            await bot.start()
            for number, visitor in enumerate(visitors):
                await answered_once(visitor, f"re kfrozen{number}-1")
            assert 0 == await bot.stop()
