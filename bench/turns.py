"""The durable path over HTTP, with the real program on SQLite (WAL, synchronous=FULL).

    python -m bench.turns [accept] [open] [turns] [overhead] [--runs 3] [--model knowledge|endpoint]

accept     durable accepts in a closed loop at 64 connections, answered as 202; the turns run meanwhile
open       durable accepts in an open loop at 200 messages/s for 10 s
turns      whole turns in a closed loop: a signed message that waits for its reply (?wait=30)
overhead   whole turns in an open loop at 50/s: from sending to having the reply

The model is ``knowledge`` (answers from the demo articles), or an OpenAI-compatible endpoint that
answers at once, in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.http_load import Connection, Latencies
from bench.program import SECRET, Program, running, settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

QUESTIONS = (
    "How long do I have to return something?",
    "What does shipping to France cost?",
    "Can I pay with PayPal?",
    "Where is my order?",
)
_KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
_numbers = itertools.count()


def message(conversation: str, text: str = "") -> tuple[dict[str, str], bytes]:
    """Return headers and body of a signed message."""
    number = next(_numbers)
    text = text or QUESTIONS[number % len(QUESTIONS)]
    body = json.dumps({"conversation": conversation, "sender": {"id": conversation}, "text": text}).encode()
    name, now = f"bench-{os.getpid()}-{number}", str(int(time.time()))
    signature = hmac.new(_KEY, f"{name}.{now}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": now,
        "webhook-signature": "v1," + base64.b64encode(signature).decode(),
    }, body


async def send(connection: Connection, conversation: str, latencies: Latencies, query: str = "") -> int:
    """Post one message; return the status."""
    headers, body = message(conversation)
    begun = time.perf_counter()
    status, _ = await connection.request("POST", f"/channels/web/messages{query}", headers, body)
    latencies.add(begun)
    return status


async def closed_loop(
    program: Program, *, connections: int, count: int, query: str = "", each: str = "", prefix: str = ""
) -> tuple[float, Latencies, dict[int, int]]:
    """Send ``count`` messages as fast as they are answered; return seconds, latencies, statuses.

    With ``each``, the beginning of a name, every message begins a conversation; else all names begin with
    ``prefix``.
    """
    latencies, statuses = Latencies(), dict[int, int]()
    left = iter(range(count))

    async def client(number: int) -> None:
        async with Connection(program.host, program.port) as connection:
            for turn in left:
                name = f"{each}{turn}" if each else f"{prefix}c{number}-{turn // 500}"
                status = await send(connection, name, latencies, query)
                statuses[status] = statuses.get(status, 0) + 1

    begun = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(connections)))
    return time.perf_counter() - begun, latencies, statuses


async def open_loop(
    program: Program, *, rate: float, seconds: float, query: str = ""
) -> tuple[Latencies, dict[int, int]]:
    """Send at a fixed rate, whatever the answers do; latency counts from when a message was due."""
    latencies, statuses = Latencies(), dict[int, int]()
    free: list[Connection] = []
    async with contextlib.AsyncExitStack() as stack:

        async def one(due: float, conversation: str) -> None:
            connection = (
                free.pop()
                if free
                else await stack.enter_async_context(Connection(program.host, program.port))
            )
            headers, body = message(conversation)
            status, _ = await connection.request("POST", f"/channels/web/messages{query}", headers, body)
            latencies.add(due)
            free.append(connection)
            statuses[status] = statuses.get(status, 0) + 1

        begun = time.perf_counter()
        tasks = []
        for number in range(int(rate * seconds)):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(one(due, f"o{number % 200}")))
        await asyncio.gather(*tasks)
    return latencies, statuses


async def accept(program: Program) -> dict[str, Any]:
    seconds, latencies, statuses = await closed_loop(program, connections=64, count=4000)
    print(f"  accept: {4000 / seconds:.0f}/s, {latencies.summary()}, {statuses}")
    return {"per_s": 4000 / seconds, "p99_ms": latencies.ms(99)}


async def open_(program: Program) -> dict[str, Any]:
    latencies, statuses = await open_loop(program, rate=200, seconds=10)
    print(f"  open loop 200/s: {latencies.summary()}, {statuses}")
    return {"p99_ms": latencies.ms(99), "max_ms": latencies.ms(100)}


async def turns(program: Program) -> dict[str, Any]:
    cpu = program.cpu()
    seconds, latencies, statuses = await closed_loop(program, connections=64, count=2000, query="?wait=30")
    used = program.cpu() - cpu
    print(
        f"  turns: {2000 / seconds:.0f}/s, CPU {used / 2:.2f} s per 1,000, {latencies.summary()}, {statuses}"
    )
    return {"per_s": 2000 / seconds, "cpu_s_per_1000": used / 2}


async def overhead(program: Program) -> dict[str, Any]:
    latencies, statuses = await open_loop(program, rate=50, seconds=10, query="?wait=30")
    print(f"  turn at 50/s: {latencies.summary()}, {statuses}")
    return {"p50_ms": latencies.ms(50), "p99_ms": latencies.ms(99)}


MEASUREMENTS: dict[str, Callable[[Program], Awaitable[dict[str, Any]]]] = {
    "accept": accept,
    "open": open_,
    "turns": turns,
    "overhead": overhead,
}


@contextlib.asynccontextmanager
async def model(kind: str) -> AsyncIterator[dict[str, object]]:
    """What bot.yaml says about the model, and the endpoint behind it while it is needed."""
    if kind == "knowledge":
        yield {}
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.endpoint", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    try:
        yield {"model": [{"dialect": "openai", "base_url": url, "model": "instant"}]}
    finally:
        process.kill()
        await process.wait()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", choices=[*MEASUREMENTS, []])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", choices=["knowledge", "endpoint"], default="knowledge")
    options = parser.parse_args()
    results: dict[str, list[dict[str, Any]]] = {}
    for run in range(options.runs):
        for what in options.what or MEASUREMENTS:
            with tempfile.TemporaryDirectory() as folder:
                async with (
                    model(options.model) as section,
                    running(Path(folder), settings(**section)) as program,
                ):
                    print(f"run {run + 1} {what}: ready after {program.started_in:.2f} s")
                    await closed_loop(program, connections=8, count=200, query="?wait=30")  # warm
                    results.setdefault(what, []).append(await MEASUREMENTS[what](program))
    print(f"\nmedians of {options.runs}, model: {options.model}")
    for what, figures in results.items():
        middle = {key: round(statistics.median(run[key] for run in figures), 2) for key in figures[0]}
        print(f"  {what}: {middle}")


if __name__ == "__main__":
    asyncio.run(main())
