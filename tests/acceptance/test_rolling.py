"""A rolling restart under load: two processes on one PostgreSQL, replaced one after the other.

This is what docs/deploy.md promises for a new version with several processes. The clients are no cleverer
than a proxy: they know the addresses, ask one after the other, and try the next one when a connection fails
or a 503 comes.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import psycopg

from supportbot.chaos.audit import Evidence, Tables, compare_with_api, examine
from supportbot.chaos.clients import Answer, Http, SignedProgram, Visitor
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.load import Follower, Habits, Load
from supportbot.chaos.program import Program
from supportbot.migrations import HEAD
from tests.acceptance.conftest import check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from supportbot.chaos.model import Call, ListeningModel
    from supportbot.chaos.receiver import Receiver

BETWEEN = 6
"""Acknowledgements between two restarts: each starts a process, which is what takes this test its time."""

THINKS = (0.2, 0.6, 1.0)
"""Seconds that the model may take: so there are turns at work when a process stops, and not many in all."""

GRACE = 15.0
"""Seconds in which a process has stopped."""

NEXT = f"{HEAD}b"

NEWER = f"""
from supportbot import migrations
migrations.KNOWN += ("{NEXT}",)
migrations.HEAD = "{NEXT}"
"""
"""What makes this release the next one, before anything else is imported."""

STEP = f"""
ALTER TABLE conversations ADD COLUMN priority TEXT;
ALTER TABLE turns ADD COLUMN score INTEGER NOT NULL DEFAULT 0;
CREATE TABLE teams (id TEXT PRIMARY KEY);
CREATE INDEX ix_messages_author ON messages (author);
UPDATE alembic_version SET version_num = '{NEXT}';
"""


class Doors:
    """The processes as a proxy sees them: each request goes to the next address, whoever is there or not."""

    def __init__(self, *programs: Program) -> None:
        self.programs = list(programs)
        self._next = itertools.count()

    @property
    def url(self) -> str:
        """The next address."""
        return self.programs[next(self._next) % len(self.programs)].url

    async def up(self) -> None:
        """Nobody tells a client."""

    async def replace(self, place: int, by: Program) -> int:
        """Stop a process and start another one in its place; returns the exit code."""
        code = await self.programs[place].stop(within=GRACE)
        await by.start()
        self.programs[place] = by
        return code


class Pages(Http):
    """Visitors' pages, of the newest release from the beginning: they send what no process here knows."""

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """Make a request; a visitor's has JSON."""
        if "json" in options:
            options["json"] = options["json"] | {"of_the_next_release": True}
        return await super().ask(method, path, **options)


class Met:
    """Everything that requests met, on whatever path: statuses, and connections that failed."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Connections on record; a request that takes twenty seconds has failed."""
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._ended)
        trace.on_request_exception.append(self._failed)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=20),
            trace_configs=[trace],
        ) as opened:
            yield opened

    async def _ended(self, *of: Any) -> None:
        self.statuses[of[-1].response.status] += 1

    async def _failed(self, *of: Any) -> None:
        if not isinstance(of[-1].exception, asyncio.CancelledError):  # a tab that was closed at the end
            self.errors[type(of[-1].exception).__name__] += 1


class Waiting:
    """A program that asks with ``?wait``, one question after the other, and reads what it was not told."""

    def __init__(self, http: Http) -> None:
        self.asked = 0
        self._writer = SignedProgram(http, "ticket-waits")

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until told to stop, and go on only with the answer."""
        while not stop.is_set():
            self.asked += 1
            mark = f"kwaits0-{self.asked}"
            body = {"conversation": "ticket-waits", "sender": {"id": "c1"}, "text": f"{mark} and now?"}
            while (reply := await self._once(mark, body)) is None:
                pass
            assert f"re {mark}" == reply

    async def _once(self, mark: str, body: dict[str, Any]) -> str | None:
        """Ask for an answer; None when it is not there yet, or this try failed."""
        with suppress(aiohttp.ClientError, OSError):
            answer = await self._writer.pass_on(mark, body, query="?wait=10")
            if answer.status == 503:
                return None
            assert answer.status in {200, 202}, answer
            reply = answer.body.get("reply")
            return None if reply is None else str(reply["text"])
        return None

    async def told(self) -> list[str]:
        """Return what its conversation holds of the bot."""
        return [message["text"] for message in await self._writer.read() if message["author"] == "bot"]


async def test_a_rolling_restart(
    tmp_path: Path, postgres_database: str, model: ListeningModel, receiver: Receiver
) -> None:
    """One restarted under load, both replaced by a release whose schema has more in it, then one set back.

    Every request is answered with 2xx at last, and meets nothing before that but a closed or broken
    connection or a 503; each process stops cleanly in time; every message is answered once, in order, and
    nothing is posted or shown twice.
    """
    chance, met = random.Random(1), Met()

    async def think(_: Call) -> None:
        await asyncio.sleep(chance.choice(THINKS))

    model.before = think
    folder = BotFolder(
        tmp_path / "bot", model_url=model.url, database=postgres_database, webhook=receiver.section
    )
    (tmp_path / "sitecustomize.py").write_text(NEWER, "utf-8")
    newer = {"PYTHONPATH": str(tmp_path)}

    def release(**environment: str) -> Program:
        started.append(Program(folder, environment=environment))
        return started[-1]

    started: list[Program] = []
    doors = Doors(release(), release())
    try:
        await asyncio.gather(*(program.start() for program in doors.programs))
        async with met.session() as session, asyncio.TaskGroup() as group:
            http = Pages(doors, session)
            load = Load(http, model, customers=4, chance=chance, habits=Habits(messages=1000))
            waiting, stop = Waiting(http), asyncio.Event()
            work = [group.create_task(load.run()), group.create_task(waiting.run(stop))]
            await load.progress(BETWEEN)
            visitors = [c.writer for c in load.conversations if isinstance(c.writer, Visitor)]
            tabs = [Follower(visitor) for visitor in visitors]
            following = [group.create_task(tab.run()) for tab in tabs]
            for place, environment in ((0, {}), (1, newer), (0, newer), (1, {})):
                if environment and place:
                    migrate(postgres_database)
                assert 0 == await doors.replace(place, release(**environment))
                await load.progress(BETWEEN)
            load.stop()
            stop.set()
            await asyncio.gather(*work)
            tables = Tables(postgres_database)
            await tables.drained(within=30)
            stored = tables.stored()
            for visitor, tab in zip(visitors, tabs, strict=True):
                last = len(stored.messages[stored.conversations[visitor.conversation].id])
                async with asyncio.timeout(15):
                    await tab.reached(last)
                assert list(range(1, last + 1)) == tab.seqs
            for task in following:
                task.cancel()
            assert [] == await compare_with_api(load.conversations, stored)
            assert [f"re kwaits0-{number + 1}" for number in range(waiting.asked)] == await waiting.told()
        assert [0, 0] == [await program.stop() for program in doors.programs]
    finally:
        for program in started:
            if program.is_running:
                await program.kill()
    print(f"\n{dict(met.statuses)}, {dict(met.errors)}, {waiting.asked} waited for")
    assert {200, 201, 202, 503} >= set(met.statuses)
    refused_or_broken = {
        "ClientConnectorError",
        "ServerDisconnectedError",
        "ClientOSError",
        "ConnectionResetError",
    }
    assert refused_or_broken >= set(met.errors)
    assert met.errors["ClientConnectorError"]  # they did ask where nobody was
    assert [] == [line for program in started for line in program.log() if line["level"] in {"error", "raw"}]
    check(
        "rolling",
        examine(
            Evidence(
                conversations=load.conversations,
                stored=stored,
                calls=model.calls,
                said=frozenset(model.said),
                tries=receiver.tries,
                forged=receiver.forged,
                wrong=model.wrong,
                overlapping=model.overlapping,
            )
        ),
    )


def migrate(url: str) -> None:
    """Take the step of the newer release, under the running processes."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(STEP)
