"""What a bot needs: memory, processor time and disk for each message, on SQLite and PostgreSQL.

    python -m bench.sizing [--customers 20] [--messages 100] [--processes 2]

Customers converse with a bot whose model answers at once; nothing fails. The bot's memory (resident), the
processor time of its processes, and the size of its database before and after are read from the system.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import sqlalchemy as sa

from supportbot.chaos.audit import Tables
from supportbot.chaos.clients import Http
from supportbot.chaos.fleet import fleet
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.load import Habits, Load
from supportbot.chaos.model import ListeningModel
from supportbot.chaos.postgres import own_server
from supportbot.chaos.receiver import Receiver

if TYPE_CHECKING:
    from supportbot.chaos.program import Program

_COUNTS = sa.text(
    "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM turns),"
    " (SELECT count(*) FROM conversations)"
)
_POSTGRES_SIZE = sa.text("SELECT pg_database_size(current_database())")


def processor_seconds(program: Program) -> float:
    fields = Path(f"/proc/{program.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(program: Program) -> int:
    status = Path(f"/proc/{program.pid}/status").read_text("utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


async def measure(options: argparse.Namespace, database: str, processes: int) -> None:
    with tempfile.TemporaryDirectory(prefix="supportbot-bench-") as root:
        async with (
            ListeningModel(keep=False) as model,
            Receiver() as receiver,
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
            ) as session,
        ):
            folder = BotFolder(Path(root), model_url=model.url, database=database, webhook=receiver.section)
            is_sqlite = database.startswith("sqlite")
            tables = Tables(f"sqlite:///{folder.database_file}" if is_sqlite else database)

            def size() -> int:
                if is_sqlite:
                    return sum(file.stat().st_size for file in folder.database_file.parent.glob("bot.db*"))
                return int(tables.rows(_POSTGRES_SIZE)[0][0])

            async with fleet(folder, processes, random.Random(1)) as bots:
                idle = max(resident(program) for program in bots.programs)
                empty, used = size(), sum(map(processor_seconds, bots.programs))
                habits = Habits(messages=options.messages)
                load = Load(
                    Http(bots, session),
                    model,
                    customers=options.customers,
                    chance=random.Random(1),
                    habits=habits,
                    enough=lambda: True,
                )
                begun = time.monotonic()
                await load.run()
                await tables.drained(within=60)
                seconds = time.monotonic() - begun
                used = sum(map(processor_seconds, bots.programs)) - used
                loaded = max(resident(program) for program in bots.programs)
                messages, turns, conversations = tables.rows(_COUNTS)[0]
                grown = size() - empty
        print(
            f"{'SQLite' if is_sqlite else 'PostgreSQL'}, {processes} process(es): "
            f"{conversations} conversations, {messages} messages, {turns} turns in {seconds:.1f} s\n"
            f"  memory of a process   {idle / 1e6:.0f} MB idle, {loaded / 1e6:.0f} MB under load\n"
            f"  processor             {used / turns * 1000:.1f} ms for each turn\n"
            f"  database              {grown / messages:.0f} bytes for each message"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--customers", type=int, default=20)
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    asyncio.run(measure(options, "sqlite:///data/bot.db", 1))
    with ExitStack() as stack:
        server = stack.enter_context(own_server())
        asyncio.run(measure(options, server.url, options.processes))


if __name__ == "__main__":
    main()
