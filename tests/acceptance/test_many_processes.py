"""Several processes of the real program on one PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from supportbot.chaos.clients import Http, SignedProgram, events, next_event
from supportbot.chaos.folder import ADMIN_TOKEN, BotFolder
from supportbot.chaos.program import Program, program
from supportbot.roster import BEAT

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.model import Call, ListeningModel

QUICK = {"turns": {"retry_delay": 0.1, "lease": 5}}


@pytest.fixture
def folder(tmp_path: Path, model: ListeningModel, postgres_database: str) -> BotFolder:
    return BotFolder(tmp_path / "bot", model_url=model.url, database=postgres_database, **QUICK)


async def test_one_takes_in_another_answers_and_the_first_shows_it(
    folder: BotFolder, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """A stream and a waiting request at a process that answers nothing see the answer as it is written."""
    async with program(folder, roles="worker"), program(folder, roles="web") as web:
        http = Http(web, session)
        visitor = await http.visitor()
        assert 202 == (await visitor.post("c1", "kstream1-1 hello")).status
        async with asyncio.timeout(20), visitor.follow() as response:
            seen = []
            async for name, data in events(response):
                seen.append(name)
                if name == "message" and data["author"] == "bot":
                    assert "re kstream1-1" in data["text"]
                    break
            assert "typing" in seen
            assert 202 == (await visitor.post("c2", "kstream1-2 more")).status
            first = await next_event(response, "delta")
            assert 0 == first["offset"]
        sender = SignedProgram(http, "one")
        body = {"conversation": "one", "sender": {"id": "c1"}, "text": "kwait1-1 hello"}
        answer = await sender.pass_on("m1", body, query="?wait=15")
        assert (200, "re kwait1-1") == (answer.status, answer.body["reply"]["text"])
        assert [] == model.wrong


async def test_each_role_refuses_what_is_not_its_own(
    folder: BotFolder, session: aiohttp.ClientSession
) -> None:
    """A worker takes no messages in, and says where they belong; its health can be asked."""
    async with program(folder, roles="worker") as worker:
        http = Http(worker, session)
        refused = await http.ask("POST", "/sessions", json={})
        assert (404, "not_found") == (refused.status, refused.body["error"]["code"])
        assert 200 == (await http.ask("GET", "//healthz")).status


async def test_a_role_that_nobody_has_is_seen(folder: BotFolder, session: aiohttp.ClientSession) -> None:
    """A process that only takes in says that nobody answers, until somebody does."""
    async with program(folder, roles="web") as web:
        http = Http(web, session)
        assert "no process has this role" in (await roles_seen(http))["role worker"]
        visitor = await http.visitor()
        assert 202 == (await visitor.post("c1", "kalone1-1 hello")).status
        async with program(folder, roles="worker") as worker:
            async with asyncio.timeout(20):
                await visitor.answered("kalone1-1")
            await until_seen(http, [])
            assert 0 == await worker.stop()  # it has signed out
        await until_seen(http, ["role worker"])
        async with asyncio.timeout(2 * BEAT + 10):
            while "role.missing" not in [line["event"] for line in web.log(level="warning")]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def until_seen(http: Http, roles: list[str]) -> None:
    async with asyncio.timeout(2 * BEAT + 10):
        while list(await roles_seen(http)) != roles:  # noqa: ASYNC110 - the other process has no event for it
            await asyncio.sleep(0.1)


async def roles_seen(http: Http) -> dict[str, str]:
    """What /readyz says of roles that nobody has; then, and only then, the bot is degraded."""
    ready = await http.ask("GET", "//readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
    found = {name: what for name, what in ready.body["checks"].items() if name.startswith("role ")}
    assert (200, bool(found)) == (ready.status, ready.body["degraded"])
    return found


async def test_what_a_killed_process_was_answering_another_answers(
    folder: BotFolder, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """One of two processes is killed in the middle of its turns: the other answers them, once, in order."""
    killed = Program(folder)
    await killed.start()
    async with program(folder) as other:
        hang = asyncio.Event()

        async def think(_call: Call) -> None:
            await hang.wait()

        model.before = think
        visitors = [await Http(killed, session).visitor() for _ in range(4)]
        for number, visitor in enumerate(visitors):
            assert 202 == (await visitor.post("c1", f"kdies{number}-1 hello")).status
        await model.asked_times(4)
        await killed.kill()
        model.before = None
        hang.set()
        for number, visitor in enumerate(visitors):
            visitor.http.program = other
            assert 202 == (await visitor.post("c2", f"kdies{number}-2 and more")).status
        async with asyncio.timeout(40):
            for number, visitor in enumerate(visitors):
                await visitor.answered(f"kdies{number}-2")
        for visitor in visitors:
            states = [m["state"] for m in await visitor.read() if m["author"] == "customer"]
            assert ["answered", "answered"] == states
        assert [] == model.wrong
