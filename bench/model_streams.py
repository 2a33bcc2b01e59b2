"""Many streamed answers at once against the fake model server, which runs in a process of its own.

    python -m bench.model_streams [--streams 300] [--chunks 60] [--delay 0.05] [--runs 3] [--dialect openai]
                                 [--rate 50]

Each run asks twice: first over new connections, then over those that the first time has left open, as a bot
does that has been busy for a while.

Prints, each time: wall-clock seconds, the client's CPU milliseconds per stream, the median and the 99th
percentile of the time to the first word in milliseconds, and the greatest resident size in MiB.
The ideal wall time is (chunks - 1) x delay. The server says its first word at once, so with ``--rate``, which
begins so many streams a second instead of all of them together, the time to the first word is what we add.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import resource
import sys
import time
from statistics import median, quantiles

from supportbot.config.models import ModelSection
from supportbot.model.client import Endpoint
from supportbot.testing.model_calls import RecordingSink, a_prompt
from supportbot.testing.model_replies import ModelReply
from supportbot.testing.model_server import FakeModelServer


class TimedSink(RecordingSink):
    """Notes when the first word came."""

    def __init__(self) -> None:
        super().__init__()
        self.first = 0.0

    async def append(self, text: str) -> None:
        self.first = self.first or time.perf_counter()
        await super().append(text)


async def serve(chunks: int, delay: float) -> None:
    """Serve until standard input closes; say where on standard output."""
    async with FakeModelServer(ModelReply(pieces=("word ",) * chunks, delay=delay)) as server:
        print(server.base_url("llama"), server.base_url("openai"), flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def one(model: Endpoint) -> float:
    sink = TimedSink()
    begun = time.perf_counter()
    await model.complete(a_prompt(), sink)
    return sink.first - begun


async def measure(model: Endpoint, streams: int, rate: float) -> tuple[float, float, list[float]]:
    """Return wall seconds, CPU seconds of this process, and each stream's seconds to its first word."""
    wall, cpu = time.perf_counter(), time.process_time()
    asked = []
    for number in range(streams):
        if rate:
            await asyncio.sleep(wall + number / rate - time.perf_counter())
        asked.append(asyncio.ensure_future(one(model)))
    firsts = await asyncio.gather(*asked)
    return time.perf_counter() - wall, time.process_time() - cpu, firsts


async def run(options: argparse.Namespace) -> None:
    server = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            __file__,
            "--serve",
            "--chunks",
            str(options.chunks),
            "--delay",
            str(options.delay),
        ),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdin is not None
    llama, openai = (await server.stdout.readline()).decode().split()
    ideal = (options.chunks - 1) * options.delay + (options.streams - 1) / (options.rate or math.inf)
    print(
        f"{options.streams} streams of {options.chunks} chunks, {options.dialect}; ideal wall {ideal:.2f} s"
    )
    print("connections   wall s   CPU ms/stream   first word p50 ms   p99 ms   RSS MiB")
    url = llama if options.dialect == "llama" else openai
    for _ in range(options.runs):
        model = Endpoint(ModelSection(dialect=options.dialect, model="bench", base_url=url))
        await one(model)  # all code paths are warm, as in a bot that runs
        for connections in ("new", "kept"):
            wall, cpu, firsts = await measure(model, options.streams, options.rate)
            rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{connections:11}   {wall:6.2f}   {1000 * cpu / options.streams:13.2f}"
                f"   {1000 * median(firsts):17.0f}   {1000 * quantiles(firsts, n=100)[98]:6.0f}   {rss:7.0f}"
            )
        await model.close()
    server.stdin.close()
    await server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--chunks", type=int, default=60)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds between two chunks")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0, help="streams begun a second; 0: all at once")
    parser.add_argument("--dialect", choices=["llama", "openai"], default="openai")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    job = serve(options.chunks, options.delay) if options.serve else run(options)
    if sys.platform == "win32":
        asyncio.run(job)
    else:
        import uvloop

        uvloop.run(job)


if __name__ == "__main__":
    main()
