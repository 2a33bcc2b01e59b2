"""Several processes on one PostgreSQL, with the real program (fsync on).

    SUPPORTBOT_BENCH_POSTGRES=postgresql+psycopg://… python -m bench.machines [WHAT …]

dispatch   one process: from the 202 of a message to the model's being called; then, in a conversation whose
           turn is running, from its end to the call for the message that came meanwhile
split      the same first figure with one process that takes in and another that answers
turns      whole turns in a closed loop on two processes (?wait=30), and the processor time of each part
relay      500 tokens a second written in one process, read as a stream at another
idle       transactions a second of a process that has nothing to do
backlog    so many conversations waited for a start (--waiting): the first acknowledgement, how fast they are
           worked off, and how long fresh ones wait meanwhile

Every measurement gets a database of its own and drops it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import yaml
from sqlalchemy.engine import make_url

from bench.http_load import Connection, Latencies
from bench.program import ROOT, Program, settings
from bench.streams import token
from bench.turns import closed_loop, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SERVER = os.environ.get("SUPPORTBOT_BENCH_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
CHUNK = 'data: {"choices":[{"index":0,"delta":{"content":%s},"finish_reason":null}]}\n\n'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


@dataclass
class Model:
    """An OpenAI-compatible endpoint in this process that tells when it is called."""

    tokens: int = 1
    """Of an answer to a message that asks for one "at length"; all others have one."""
    pause: float = 0.0
    """Seconds before each token."""
    called: dict[str, float] = field(default_factory=dict)
    """Marked word of the last message -> when."""
    ended: dict[str, float] = field(default_factory=dict)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                now = time.perf_counter()
                said = json.loads(body)["messages"][-1]["content"]
                marks = [word for word in said.split() if word.startswith("mark-")]
                for mark in marks:
                    self.called[mark] = now
                writer.write(HEAD)
                for number in range(self.tokens if "at length" in said else 1):
                    if self.pause:
                        await asyncio.sleep(self.pause)
                    self._chunk(writer, CHUNK % json.dumps(f"t{time.perf_counter():.6f}-{number} "))
                self._chunk(writer, END)
                writer.write(b"0\r\n\r\n")
                for mark in marks:
                    self.ended[mark] = time.perf_counter()
        writer.close()

    def _chunk(self, writer: asyncio.StreamWriter, text: str) -> None:
        data = text.encode()
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


@contextlib.asynccontextmanager
async def model(**options: Any) -> AsyncIterator[Model]:
    made = Model(**options)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield made
    finally:
        server.close()


async def query(url: str, sql: str) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(
        url.replace("+psycopg", ""), autocommit=True
    ) as connection:
        cursor = await connection.execute(sql)  # type: ignore[arg-type]
        return await cursor.fetchall() if cursor.description else []


@contextlib.asynccontextmanager
async def database() -> AsyncIterator[str]:
    name = f"bench_{uuid4().hex[:12]}"
    await query(SERVER, f'CREATE DATABASE "{name}"')
    try:
        yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    finally:
        await query(SERVER, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextlib.asynccontextmanager
async def process(
    folder: Path, url: str, at: Model, *, roles: str = "", **more: object
) -> AsyncIterator[Program]:
    """One ``supportbot serve`` on the database."""
    if not (folder / "prompts").exists():
        shutil.copytree(ROOT / "prompts", folder / "prompts")
    endpoint = {"dialect": "openai", "base_url": at.url, "model": "bench"}
    name = f"{uuid4().hex[:6]}.yaml"
    (folder / name).write_text(yaml.safe_dump(settings(database=url, model=[endpoint], **more)))
    begun = time.perf_counter()
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "supportbot", "-c", str(folder / name), "serve",
        *(["--roles", roles] if roles else []),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert started.stdout is not None
        line = (await started.stdout.readline()).decode()
        host, port = line.rsplit("http://", 1)[1].strip().split(":")
        yield Program(started.pid, host, int(port), time.perf_counter() - begun, folder)
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.send_signal(signal.SIGTERM)
        await started.wait()


def marked(conversation: str, mark: str) -> tuple[dict[str, str], bytes]:
    return message(conversation, f"mark-{mark} How long do I have to return something?")


async def until(what: Any, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def dispatched(at: Model, takes: Program, count: int, rate: float) -> str:
    """Send at a rate, each to its own conversation; from having the 202, and from sending, to the call."""
    sent: dict[str, float] = {}
    accepted: dict[str, float] = {}

    async def one(number: int) -> None:
        async with Connection(takes.host, takes.port) as connection:
            headers, body = marked(f"d{number}", f"d{number}")
            sent[f"mark-d{number}"] = time.perf_counter()
            await connection.request("POST", "/channels/web/messages", headers, body)
            accepted[f"mark-d{number}"] = time.perf_counter()

    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(one(number)))
        await asyncio.sleep(1 / rate)
    await asyncio.gather(*tasks)
    await until(lambda: sent.keys() <= at.called.keys())
    from_202 = Latencies([max(0.0, at.called[mark] - when) for mark, when in accepted.items()])
    from_sending = Latencies([at.called[mark] - when for mark, when in sent.items()])
    return f"{from_202.summary()}; from sending it {from_sending.summary()}"


async def dispatch(folder: Path, _options: argparse.Namespace) -> None:
    async with database() as url, model() as at, process(folder, url, at) as bot:
        await closed_loop(bot, connections=4, count=100, query="?wait=30")
        print(f"  dispatch at 40/s: {await dispatched(at, bot, 600, 40)}")
        at.pause = 0.3
        follow = Latencies()
        for number in range(60):
            async with Connection(bot.host, bot.port) as connection:
                for part in ("a", "b"):
                    headers, body = marked(f"f{number}", f"f{number}{part}")
                    await connection.request("POST", "/channels/web/messages", headers, body)
                    await until(lambda number=number: f"mark-f{number}a" in at.called)
            await until(lambda number=number: f"mark-f{number}b" in at.called)
            follow.seconds.append(at.called[f"mark-f{number}b"] - at.ended[f"mark-f{number}a"])
        print(f"  follow-up, from the end of the turn before: {follow.summary()}")


async def split(folder: Path, _options: argparse.Namespace) -> None:
    async with (
        database() as url,
        model() as at,
        process(folder, url, at, roles="worker") as worker,
        process(folder, url, at, roles="web") as web,
    ):
        await asyncio.sleep(1)
        before = worker.cpu() + web.cpu()
        print(f"  dispatch at 40/s through the queue: {await dispatched(at, web, 600, 40)}")
        print(f"  CPU of both: {(worker.cpu() + web.cpu() - before) / 600 * 1000:.1f} ms a turn")


def server_cpu() -> float:
    """Seconds of CPU of all of PostgreSQL's processes."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, rest = stat.read_text().split("(", 1)[1].rsplit(") ", 1)
            if name == "postgres":
                fields = rest.split()
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def turns(folder: Path, _options: argparse.Namespace) -> None:
    async with database() as url, model() as at, process(folder, url, at) as a, process(folder, url, at) as b:
        for p in (a, b):
            await closed_loop(
                p, connections=16, count=400, query="?wait=30"
            )  # warm: the statements are prepared
        cpu, server, own = a.cpu() + b.cpu(), server_cpu(), time.process_time()
        begun = time.perf_counter()
        parts = await asyncio.gather(
            *(
                closed_loop(p, connections=32, count=1500, query="?wait=30", prefix=name)
                for name, p in (("a", a), ("b", b))
            )
        )
        seconds = time.perf_counter() - begun
        latencies = Latencies([s for part in parts for s in part[1].seconds])
        print(
            f"  two processes: {3000 / seconds:.0f} turns/s, {latencies.summary()}, {[p[2] for p in parts]}"
        )
        print(
            f"  CPU a turn: bot {(a.cpu() + b.cpu() - cpu) / 3:.2f} ms, PostgreSQL"
            f" {(server_cpu() - server) / 3:.2f} ms, load and model {(time.process_time() - own) / 3:.2f} ms"
        )


async def relay(folder: Path, _options: argparse.Namespace) -> None:
    async with (
        database() as url,
        model(tokens=500, pause=0.018) as at,
        process(folder, url, at) as writes,
        process(folder, url, at) as shows,
    ):
        latencies = Latencies()

        async def read(number: int) -> None:
            async with Connection(writes.host, writes.port) as connection:
                bearer = await token(connection)
                await asyncio.sleep(0.5)
                reader, writer = await asyncio.open_connection(shows.host, shows.port)
                writer.write(
                    "GET /channels/web/conversation/events HTTP/1.1\r\nHost: bench\r\n"
                    f"Authorization: Bearer {bearer}\r\n\r\n".encode()
                )
                await reader.readuntil(b"event: state")
                body = json.dumps({"client_id": "two", "text": f"at length, {number}"}).encode()
                headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
                await connection.request("POST", "/channels/web/conversation/messages", headers, body)
                rest = ""
                async with asyncio.timeout(60):
                    while b'"seq":4' not in (line := await reader.readline()):
                        now = time.perf_counter()
                        if line.startswith(b"data:") and b'"offset"' in line:
                            *words, rest = (rest + json.loads(line[5:])["text"]).split(" ")
                            latencies.seconds += [now - float(w[1:].split("-")[0]) for w in words if w]
                writer.close()

        await asyncio.gather(*(read(number) for number in range(9)))
        print(f"  {len(latencies.seconds)} tokens of 9 answers, about 500/s: {latencies.summary()}")


async def idle(folder: Path, _options: argparse.Namespace) -> None:
    async with database() as url, model() as at, process(folder, url, at) as bot:

        async def counted() -> int:
            name = make_url(url).database
            sql = f"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{name}'"
            return int((await query(SERVER, sql))[0][0])

        await asyncio.sleep(15)  # what the start did is counted some seconds later
        counts, cpu = [await counted()], bot.cpu()
        for _ in range(6):  # the server's own vacuuming is counted too, now and then
            await asyncio.sleep(5)
            counts.append(await counted())
        rates = [(after - before) / 5 for before, after in itertools.pairwise(counts)]
        used = (bot.cpu() - cpu) / 30 * 100
        print(f"  idle: {statistics.median(rates):.1f} transactions/s of {sorted(rates)}, {used:.1f} % CPU")


FILL = """
    WITH one AS (SELECT * FROM conversations LIMIT 1), said AS (SELECT * FROM messages LIMIT 1),
    many AS (
        INSERT INTO conversations
        SELECT (jsonb_populate_record(NULL::conversations, to_jsonb(one) || jsonb_build_object(
            'id', one.id || '-' || n, 'external_id', one.external_id || '-' || n))).*
        FROM one, generate_series(1, {count}) AS n RETURNING id
    ), asked AS (
        INSERT INTO messages
        SELECT (jsonb_populate_record(NULL::messages, to_jsonb(said) || jsonb_build_object(
            'id', said.id || '-' || many.id, 'conversation_id', many.id))).*
        FROM said, many RETURNING conversation_id
    )
    SELECT count(supportbot_queue.procrastinate_defer_jobs_v1(ARRAY[ROW(
        'turns', 'supportbot.drain', 0, conversation_id, NULL,
        jsonb_build_object('conversation_id', conversation_id), now()
    )::supportbot_queue.procrastinate_job_to_defer_v1])) FROM asked
"""
"""Makes so many of the one message that waits; a request for each would take longer than what is measured."""


async def backlog(folder: Path, options: argparse.Namespace) -> None:
    async with database() as url, model() as at:
        async with process(folder, url, at, roles="web") as web:
            async with Connection(web.host, web.port) as connection:
                headers, body = marked("waits", "waits")
                await connection.request("POST", "/channels/web/messages", headers, body)
            await query(url, FILL.format(count=options.waiting - 1))
            await query(url, "ANALYZE")
        waiting = "SELECT count(*) FROM messages WHERE state = 'pending'"
        print(f"  {(await query(url, waiting))[0][0]} wait, with nobody at work")
        begun = time.perf_counter()
        async with contextlib.AsyncExitStack() as stack:
            first_call: list[float] = []
            acknowledged: dict[str, float] = {}
            acks = Latencies()
            statuses: dict[int, int] = {}

            async def fresh(number: int, to: Program) -> None:
                async with Connection(to.host, to.port) as connection:
                    headers, body = marked(f"fresh{number}", f"fresh{number}")
                    sent = time.perf_counter()
                    status, _ = await connection.request("POST", "/channels/web/messages", headers, body)
                    acks.add(sent)
                    statuses[status] = statuses.get(status, 0) + 1
                    if status == 202:
                        acknowledged[f"mark-fresh{number}"] = time.perf_counter()

            a = await stack.enter_async_context(process(folder, url, at))
            tasks = [asyncio.create_task(fresh(0, a))]
            b = await stack.enter_async_context(process(folder, url, at))
            left, number = options.waiting, 1
            cpu, server = a.cpu() + b.cpu(), server_cpu()
            while left and time.perf_counter() - begun < 200:
                tasks += [asyncio.create_task(fresh(number + i, p)) for i, p in enumerate((a, b))]
                number += 2
                await asyncio.sleep(0.5)
                [(left,)] = await query(url, waiting)
                if left < options.waiting and not first_call:
                    first_call.append(time.perf_counter() - begun)
            seconds = time.perf_counter() - begun
            await asyncio.gather(*tasks)
            await until(lambda: acknowledged.keys() <= at.called.keys())
            waits = Latencies([max(0.0, at.called[mark] - at_) for mark, at_ in acknowledged.items()])
            done = options.waiting / 1000
            acknowledged_first = min(acknowledged.values()) - begun
            print(f"  first acknowledgement {acknowledged_first:.1f} s after the start of the process")
            rate = options.waiting / (seconds - first_call[0])
            print(
                f"  first answers after {first_call[0]:.1f} s, all after {seconds:.0f} s: {rate:.0f} turns/s"
            )
            print(f"  meanwhile {number} fresh ones {statuses}: acknowledged {acks.summary()}")
            print(f"  from there to the model's being called: {waits.summary()}")
            print(
                f"  CPU a turn: bot {(a.cpu() + b.cpu() - cpu) / done:.2f} ms, PostgreSQL"
                f" {(server_cpu() - server) / done:.2f} ms"
            )


MEASUREMENTS = {f.__name__: f for f in (dispatch, split, turns, relay, idle, backlog)}


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", choices=[*MEASUREMENTS, []])
    parser.add_argument("--waiting", type=int, default=10_000)
    options = parser.parse_args()
    for what in options.what or MEASUREMENTS:
        print(what, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            await MEASUREMENTS[what](Path(folder), options)


if __name__ == "__main__":
    asyncio.run(main())
