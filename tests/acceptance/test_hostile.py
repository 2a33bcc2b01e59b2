"""Strangers' bytes against the running program, through everything: rows W of the catalogue of bad inputs."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from supportbot.chaos.clients import BASE, Http, SignedProgram, next_event
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.model import markers
from supportbot.chaos.program import program
from tests.acceptance.attack import GOOD_ORIGIN, JSON_TYPE, Attack, request
from tests.raw_http import wire

if TYPE_CHECKING:
    import aiohttp

    from supportbot.chaos.clients import Visitor
    from supportbot.chaos.model import ListeningModel
    from supportbot.chaos.program import Program
    from tests.acceptance.attack import Row
    from tests.raw_http import Reply

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path, model: ListeningModel) -> BotFolder:
    folder = BotFolder(
        tmp_path / "bot", model_url=model.url, webhook={"visitors": {"allowed_origins": [GOOD_ORIGIN]}}
    )
    content = json.loads(folder.file.read_text("utf-8"))
    content["channels"]["open"] = {"type": "webhook"}
    folder.file.write_text(json.dumps(content), "utf-8")
    return folder


async def test_every_row_has_its_answer(
    folder: BotFolder, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """Never a 5xx, a traceback, an error in the log or a long line; memory stays where it was."""
    async with program(folder) as bot:
        http = Http(bot, session)
        rows = list(Attack(await http.visitor(name="Mallory")).rows())
        assert len(rows) == len({row.name for row in rows}) >= 80
        await ask(bot, rows[0])
        before = resident(bot)
        answers = {row.name: await ask(bot, row) for row in rows}
        wrong = {
            row.name: answers[row.name].status for row in rows if answers[row.name].status not in row.statuses
        }
        assert {} == wrong
        for row in rows:
            check_form(row, answers[row.name])
        healthz = await http.ask("GET", "//healthz")
        assert (200, b"ok\n") == (healthz.status, healthz.body)
        assert healthz.seconds < 0.5
        grown = resident(bot) - before
        assert grown < 16 * MIB
        assert 0 == await bot.stop()
        print(f"\n{len(rows)} rows; memory grew by {grown / MIB:.1f} MiB; {len(bot.errors)} log lines")
    quiet(bot, lines=len(rows))


def resident(bot: Program) -> int:
    """Return the memory in use, in bytes."""
    status = Path(f"/proc/{bot.pid}/status").read_text("utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def open_files(bot: Program) -> int:
    """Return how many files and connections it has open."""
    return len(list(Path(f"/proc/{bot.pid}/fd").iterdir()))


async def ask(bot: Program, row: Row) -> Reply:
    """Send a row on a connection of its own."""
    async with wire(urlsplit(bot.url).port or 0) as connection:
        await connection.send(row.request)
        return await connection.reply()


def check_form(row: Row, answer: Reply) -> None:
    """A refusal is small, has the form of all errors, and repeats nothing."""
    if answer.status >= 400:
        assert len(answer.body) < 400, row.name
        assert answer.code, row.name
        assert "access-control-allow-origin" not in answer.headers, row.name
    assert "/" not in answer.headers["server"], row.name


def quiet(bot: Program, *, lines: int) -> None:
    """The log holds no error, no traceback, no more lines than there were requests, and no long one."""
    log = bot.log()
    assert [] == [line for line in log if line["level"] in {"error", "critical", "raw"}]
    assert len(log) <= lines
    assert all(len(line) < 500 for line in bot.errors)


async def test_slow_clients_are_shown_out(folder: BotFolder, session: aiohttp.ClientSession) -> None:
    """W25: 300 clients that drip a header or a body are gone after 10 and 20 s; nobody waits for them."""
    async with program(folder) as bot:
        http = Http(bot, session)
        visitor = await http.visitor()
        before = (open_files(bot), resident(bot))
        header = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
        body = request(
            f"POST {BASE}/conversation/messages",
            {**visitor.headers, **JSON_TYPE, "Content-Length": "1000"},
        )
        slow = [drip(bot, header) for _ in range(150)] + [drip(bot, body) for _ in range(150)]
        probing = asyncio.create_task(probe(http, seconds=8))
        took = await asyncio.gather(*slow)
        assert await probing < 5.0, (
            "on a busy machine; who waited for the slow ones would wait for ten seconds"
        )
        assert 8 < min(took[:150]) <= max(took[:150]) < 12
        assert 18 < min(took[150:]) <= max(took[150:]) < 23
        await http.ask("GET", "//healthz")
        assert open_files(bot) <= before[0] + 10
        assert resident(bot) - before[1] < 16 * MIB
        assert 0 == await bot.stop()
    quiet(bot, lines=10)


async def drip(bot: Program, beginning: bytes) -> float:
    """Send a byte a second behind this beginning; return after how many seconds the server hung up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(bot.url).port)
    begun = time.monotonic()
    writer.write(beginning)
    reading = asyncio.create_task(reader.read())
    try:
        async with asyncio.timeout(30):
            while not reading.done():
                writer.write(b"x")
                await asyncio.wait({reading}, timeout=1)
            await asyncio.gather(reading, return_exceptions=True)
    finally:
        writer.transport.abort()
    return time.monotonic() - begun


async def probe(http: Http, *, seconds: float) -> float:
    """Ask for the health for some seconds; return how long the slowest answer took."""
    until, slowest = time.monotonic() + seconds, 0.0
    while time.monotonic() < until:
        slowest = max(slowest, (await http.ask("GET", "//healthz")).seconds)
        await asyncio.sleep(0.1)
    return slowest


async def test_the_same_message_five_times_at_once(
    folder: BotFolder, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """W26, W28, W10: one message and one answer; a session that was ended is over."""
    async with program(folder) as bot:
        http = Http(bot, session)
        visitor, sender = await http.visitor(), SignedProgram(http, "ticket-1")
        for writer, word in ((visitor, "kfive1"), (sender, "kfive2")):
            answers = await asyncio.gather(*(writer.post("m1", f"{word}-1 hello") for _ in range(5)))
            assert Counter({200: 4, 202: 1}) == Counter(answer.status for answer in answers)
            assert 1 == len({answer.body["message_id"] for answer in answers})
            assert 409 == (await writer.post("m1", f"{word}-1 bye")).status
        assert "re kfive1-1" == (await visitor.answered("kfive1"))["text"]
        await model.asked("kfive2", 1)
        assert 2 == len(model.calls)
        assert 204 == (await http.ask("DELETE", "/sessions/current", headers=visitor.headers)).status
        assert 401 == (await visitor.post("m2", "kfive1-2 hello")).status


async def test_a_flood_is_slowed_down(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """W35: 429 with Retry-After beyond the limits; what was accepted is answered in order."""
    folder = BotFolder(tmp_path / "bot", model_url=model.url, webhook={"limits": {}})
    async with program(folder) as bot:
        visitor = await Http(bot, session).visitor()
        sent = 0
        statuses: Counter[int] = Counter()
        for number in range(150):
            answer = await visitor.post(f"c{number}", f"kflood1-{sent + 1} hello")
            statuses[answer.status] += 1
            sent += answer.status == 202
            assert answer.status == 202 or int(answer.headers["Retry-After"]) > 0
        assert {202, 429} == statuses.keys()
        assert 10 <= sent < 30
        await visitor.answered(f"kflood1-{sent}")
        told = [n for m in await visitor.read() if m["author"] == "bot" for _, n in markers(m["text"])]
        assert list(range(1, sent + 1)) == told
    assert [] == model.wrong


async def test_event_streams_leave_nothing_behind(folder: BotFolder, session: aiohttp.ClientSession) -> None:
    """W37: opened and dropped a thousand times: no file stays open, memory stays where it was."""
    async with program(folder) as bot:
        http = Http(bot, session)
        visitors = [await http.visitor() for _ in range(10)]
        await open_and_drop(bot, visitors, times=5)
        before = (open_files(bot), resident(bot))
        await open_and_drop(bot, visitors, times=100)
        async with asyncio.timeout(10):
            while open_files(bot) > before[0] + 10:  # noqa: ASYNC110 - another process's files tell nobody
                await asyncio.sleep(0.05)
        async with visitors[0].follow() as response:  # all of the server's places are free again
            assert 202 == (await visitors[0].post("c1", "hello")).status
            await next_event(response, "message")
        assert resident(bot) - before[1] < 16 * MIB
        assert 0 == await bot.stop()
    quiet(bot, lines=10)


async def open_and_drop(bot: Program, visitors: list[Visitor], *, times: int) -> None:
    async def once(visitor: Visitor) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(bot.url).port)
        writer.write(request(f"GET {BASE}/conversation/events", visitor.headers))
        await writer.drain()
        writer.transport.abort()

    for _ in range(times):
        await asyncio.gather(*map(once, visitors))
