"""What 1,000 open event streams cost, and how long the program takes to be ready.

    python -m bench.streams [--streams 1000] [--starts 5]

Prints the program's resident memory before and with the streams, its CPU while they idle for ten
seconds, and the median seconds from starting the process until it listens, on an existing database.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path

from bench.http_load import Connection
from bench.program import Program, running, settings


async def token(connection: Connection) -> str:
    """Open a visitor session with one message in it."""
    headers = {"Content-Type": "application/json"}
    _, session = await connection.request("POST", "/channels/web/sessions", headers, b"{}")
    headers["Authorization"] = f"Bearer {session['token']}"
    body = json.dumps({"client_id": "one", "text": "hello"}).encode()
    await connection.request("POST", "/channels/web/conversation/messages", headers, body)
    return str(session["token"])


async def stream(program: Program, bearer: str) -> asyncio.StreamWriter:
    """Open an event stream and read its beginning."""
    reader, writer = await asyncio.open_connection(program.host, program.port)
    writer.write(
        "GET /channels/web/conversation/events HTTP/1.1\r\nHost: bench\r\n"
        f"Authorization: Bearer {bearer}\r\n\r\n".encode()
    )
    await reader.readuntil(b"event: state")
    return writer


async def measure_streams(folder: Path, count: int) -> None:
    async with running(folder, settings()) as program:
        async with Connection(program.host, program.port) as connection:
            bearers = [await token(connection) for _ in range(count)]
        before = program.rss_mib()
        writers = [await stream(program, bearer) for bearer in bearers]
        with_streams, cpu = program.rss_mib(), program.cpu()
        await asyncio.sleep(10)
        print(
            f"{count} streams: {before:.0f} -> {with_streams:.0f} MiB (+{with_streams - before:.1f}),"
            f" {program.cpu() - cpu:.2f} s CPU in 10 idle seconds"
        )
        for writer in writers:
            writer.close()


async def measure_start(folder: Path, starts: int) -> None:
    ready, rss = [], []
    for _ in range(starts):
        async with running(folder, settings()) as program:
            ready.append(program.started_in)
            rss.append(program.rss_mib())
    print(f"start to ready: {statistics.median(ready):.2f} s, at rest {statistics.median(rss):.0f} MiB")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        await measure_streams(Path(folder), options.streams)
        await measure_start(Path(folder), options.starts)


if __name__ == "__main__":
    asyncio.run(main())
