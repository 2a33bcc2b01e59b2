"""A website's visitor and the real program: killed while it answers, and twice on one database."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import jwt

from supportbot.chaos.clients import Http, Visitor, insist, next_event
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.model import Call, ListeningModel

SECRET = "a secret of thirty-two bytes or more"
IDENTITY = {
    "audience": "supportbot",
    "keys": [{"id": "a", "algorithm": "HS256", "secret": SECRET}],
}


def word_for(subject: str) -> str:
    return jwt.encode({"sub": subject, "aud": "supportbot", "exp": int(time.time()) + 600}, SECRET)


async def identified(http: Http, subject: str, visitor: Visitor | None = None) -> Visitor:
    """The session of somebody whom the website vouches for."""
    headers = visitor.headers if visitor else {}
    answer = await http.ask("POST", "/sessions/identify", json={"token": word_for(subject)}, headers=headers)
    assert 201 == answer.status, answer
    return Visitor(http, answer.body["token"], answer.body["conversation"])


def said(messages: list[dict[str, Any]]) -> list[tuple[int, str, str]]:
    return [(message["seq"], message["author"], message["text"]) for message in messages]


async def test_a_stream_goes_on_after_kill_9(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """Killed while it answers: who comes back with the last number gets the one answer, and nothing twice."""
    hold = asyncio.Event()

    async def think(_: Call) -> None:
        await hold.wait()

    model.before = think
    folder = BotFolder(tmp_path / "bot", model_url=model.url)
    async with program(folder) as bot:
        visitor = await Http(bot, session).visitor()
        assert 202 == (await visitor.post("c1", "kstream1-1 where is it?")).status
        async with visitor.follow() as stream:
            await next_event(stream, "typing")
            await model.asked("kstream1", 1)
            await bot.kill()
        hold.set()
        await bot.start()
        again = await insist(visitor, bot, "c1", "kstream1-1 where is it?")
        assert (200, True) == (again.status, again.body["duplicate"])
        async with visitor.follow(last=1) as stream:
            answer = await next_event(stream, "message")
        assert (2, "bot") == (answer["seq"], answer["author"])
        assert [1, 2] == [message["seq"] for message in await visitor.read()]
        assert said(await visitor.read())[1] == (2, "bot", answer["text"])


async def test_two_processes_know_the_same_visitors(
    tmp_path: Path, session: aiohttp.ClientSession, postgres_database: str
) -> None:
    """On one database: what one process was told, the other reads; who logs out of one is out of both."""
    folder = BotFolder(tmp_path / "bot", database=postgres_database, webhook={"identity": IDENTITY})
    async with program(folder) as one, program(folder) as other:
        here, there = Http(one, session), Http(other, session)
        visitor = await here.visitor()
        assert 202 == (await visitor.post("c1", "How long does a parcel take?")).status
        await visitor.answered("three days")
        elsewhere = Visitor(there, visitor.headers["Authorization"].split()[1], visitor.conversation)
        assert said(await visitor.read()) == said(await elsewhere.read())
        again = await elsewhere.post("c1", "How long does a parcel take?")
        assert (200, True) == (again.status, again.body["duplicate"])
        async with elsewhere.follow(last=1) as stream:
            assert 2 == (await next_event(stream, "message"))["seq"]
        anna = await identified(there, "anna", elsewhere)
        assert 401 == (await here.ask("GET", "/conversation/messages", headers=visitor.headers)).status
        phone = await identified(here, "anna")
        assert phone.conversation == anna.conversation == visitor.conversation
        assert said(await phone.read()) == said(await anna.read())
        ben = await identified(here, "ben", Visitor(here, anna.headers["Authorization"].split()[1], ""))
        assert [] == await ben.read()
        assert 401 == (await there.ask("GET", "/conversation/messages", headers=anna.headers)).status
        closed = await there.ask("DELETE", "/sessions/current", headers=phone.headers)
        assert 204 == closed.status
        assert 401 == (await here.ask("GET", "/conversation/messages", headers=phone.headers)).status
