"""The store is full, locked or read-only for a while: 503 in time, and well again without a restart."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from supportbot.chaos.clients import Http, Visitor, insist
from supportbot.chaos.folder import ADMIN_TOKEN, BotFolder
from supportbot.chaos.model import markers
from supportbot.chaos.program import program
from tests.acceptance.disks import disk, immutable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.clients import Answer
    from supportbot.chaos.model import Call, ListeningModel
    from supportbot.chaos.program import Program
    from tests.acceptance.disks import Disk

IN_TIME = 2.8
"""Seconds in which a message that cannot be stored is refused: Slack waits three."""

VISITORS = 4


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Disk]:
    """A small disk for the database."""
    with disk(tmp_path / "store", megabytes=24) as made:
        yield made


async def test_the_store_is_locked_for_ten_seconds(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """Somebody else holds the write lock: a backup, a curious operator."""
    folder = BotFolder(tmp_path / "bot", model_url=model.url)

    @contextmanager
    def locked() -> Iterator[None]:
        connection = sqlite3.connect(folder.database_file, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    await suffer(folder, model, session, locked, seconds=10)


async def test_the_disk_is_full(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession, mounted: Disk
) -> None:
    """Not a byte is left on the disk, until somebody makes room."""
    folder = BotFolder(
        tmp_path / "bot", model_url=model.url, database=f"sqlite:///{mounted.root}/data/bot.db"
    )

    @contextmanager
    def full() -> Iterator[None]:
        filler = mounted.fill()
        try:
            yield
        finally:
            filler.unlink()

    await suffer(folder, model, session, full, seconds=3)


async def test_the_store_is_read_only(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession, mounted: Disk
) -> None:
    """Its files can be read and not written, not even by root."""
    folder = BotFolder(
        tmp_path / "bot", model_url=model.url, database=f"sqlite:///{mounted.root}/data/bot.db"
    )

    @contextmanager
    def read_only() -> Iterator[None]:
        file = folder.database_file
        with immutable(file, file.with_name("bot.db-wal")):
            yield

    await suffer(folder, model, session, read_only, seconds=3)


async def test_the_file_system_fails(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession, mounted: Disk
) -> None:
    """Read-only under the running bot: 503 in time, a clean stop; once it is repaired all is there."""
    folder = BotFolder(
        tmp_path / "bot", model_url=model.url, database=f"sqlite:///{mounted.root}/data/bot.db"
    )
    release = asyncio.Event()
    model.before = lambda _: release.wait()
    async with program(folder) as bot:
        http = Http(bot, session)
        visitor = await http.visitor()
        assert 202 == (await visitor.post("c1", "kbroken1-1 asked before")).status
        await model.asked("kbroken1", 1)
        mounted.fail()
        release.set()
        refused = [await visitor.post("c2", "kbroken1-2 refused") for _ in range(2)]
        assert {503} == {answer.status for answer in refused}
        assert max(answer.seconds for answer in refused) <= IN_TIME
        assert 200 == (await http.ask("GET", "//healthz")).status
        assert 0 == await bot.stop()
        mounted.repair()
        await bot.start()
        await insist(visitor, bot, "c2", "kbroken1-2 refused")
        await visitor.answered("kbroken1-2")
        told = [m["text"] for m in await visitor.read() if m["author"] == "bot"]
        assert ["re kbroken1-1", "re kbroken1-2"] == told
    assert [] == [line for line in bot.log() if line["level"] == "raw"]


async def suffer(
    folder: BotFolder,
    model: ListeningModel,
    session: aiohttp.ClientSession,
    fault: Callable[[], AbstractContextManager[None]],
    *,
    seconds: float,
) -> None:
    """Write before, during and after a fault of the store; all that was acknowledged is answered once."""
    release = asyncio.Event()

    async def think(call: Call) -> None:
        if call.word == "kflight0":
            await release.wait()

    model.before = think
    async with program(folder) as bot:
        http = Http(bot, session)
        visitors = [await http.visitor() for _ in range(VISITORS)]
        assert 202 == (await visitors[0].post("c0", "kflight0-1 asked before")).status
        await model.asked("kflight0", 1)
        with fault():
            release.set()  # its answer cannot be recorded now
            writing = [write(visitor, n, seconds) for n, visitor in enumerate(visitors[1:], 1)]
            tried = await asyncio.gather(*writing)
            await still_alive(bot, http)
        answers = [answer for answers, _ in tried for answer in answers]
        statuses = {answer.status for answer in answers}
        slowest = max(answer.seconds for answer in answers)
        print(f"\n{len(answers)} answers, the slowest after {slowest:.2f} s")
        assert {503} <= statuses <= {202, 503}
        assert slowest <= IN_TIME
        await healed(bot, model, visitors, [refused for _, refused in tried])
        assert 0 == await bot.stop()
    assert [] == [line for line in bot.log() if line["level"] == "raw"]
    assert "ok" == folder.integrity()


async def write(visitor: Visitor, number: int, seconds: float) -> tuple[list[Answer], list[tuple[str, str]]]:
    """Write one message after the other; return the answers, and the messages that were refused."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    answers: list[Answer] = []
    refused: list[tuple[str, str]] = []
    sent = 0
    while loop.time() < until:
        sent += 1
        message_id, text = uuid4().hex, f"kfault{number}-{sent} " + "where is my parcel? " * 200
        while True:
            answers.append(await visitor.post(message_id, text))
            if answers[-1].status != 503 or loop.time() >= until:
                break
            await asyncio.sleep(0.05)
        if answers[-1].status == 503:
            refused.append((message_id, text))
    return answers, refused


async def still_alive(bot: Program, http: Http) -> None:
    """The process is well and says that its store is not; a new session is refused in time, too."""
    assert 200 == (await http.ask("GET", "//healthz")).status
    ready = await http.ask("GET", "//readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
    assert 503 == ready.status
    wrong = {name: state for name, state in ready.body["checks"].items() if state != "ok"}
    assert {"store", "disk"} & wrong.keys()
    opened = await asyncio.gather(*(http.ask("POST", "/sessions", json={}) for _ in range(4)))
    slowest = max(answer.seconds for answer in opened)
    print(f"\nsessions were refused after {slowest:.2f} s; {wrong}")
    assert {503} == {answer.status for answer in opened}
    assert slowest <= IN_TIME
    assert bot.is_running


async def healed(
    bot: Program, model: ListeningModel, visitors: list[Visitor], refused: list[list[tuple[str, str]]]
) -> None:
    """The same process takes what it refused, and answers everything once and in order."""
    for visitor, messages in zip(visitors[1:], refused, strict=True):
        for message_id, text in messages:
            await insist(visitor, bot, message_id, text)
    for visitor in visitors:
        written = [m for m in await visitor.read() if m["author"] == "customer"]
        numbers = [number for m in written for _, number in markers(m["text"])]
        assert list(range(1, len(numbers) + 1)) == numbers
        word = markers(written[-1]["text"])[0][0]
        await asyncio.wait_for(visitor.answered(f"{word}-{numbers[-1]}"), 20)
        told = [m["text"] for m in await visitor.read() if m["author"] == "bot"]
        assert numbers == [number for text in told for _, number in markers(text)]
    assert [] == model.wrong
