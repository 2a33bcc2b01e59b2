"""How PostgreSQL goes about a turn's statements on a database of 1,000,000 messages in 100,000 conversations,
with 10,000 waiting jobs.

    python -m bench.plans [--conversations 100000] [--each 10] [--show 3]

Fills a database of its own, runs a few turns on it, times every one of their statements, says what they
read, and prints EXPLAIN (ANALYZE, BUFFERS) of those on which the server spends most. Then it says which
of all the program's statements read a table or an index whole, in the plan that the server keeps for them.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time

import psycopg

import supportbot
from bench.machines import database
from supportbot import schema
from tests.plans import fill, fill_queue, general_plan, read_whole, scanned, statements_of
from tests.test_plans import one_of_everything

MOST = "ANALYZE, BUFFERS, FORMAT TEXT"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--show", type=int, default=3)
    options = parser.parse_args()
    async with database() as url:
        await asyncio.to_thread(schema.prepare, url)
        begun = time.perf_counter()
        await asyncio.to_thread(fill, url, conversations=options.conversations, each=options.each)
        print(f"filled in {time.perf_counter() - begun:.0f} s")
        statements = await one_of_everything(url)
        await asyncio.to_thread(fill_queue, url, jobs=10_000)
        plans = []
        for statement in statements.run:
            if b"pg_notify" in statement.sql or statement.sql.lstrip().startswith(b"INSERT"):
                continue  # what is told would be told again; what is stored is there
            tries = [statements.plan(url, statement, options=MOST) for _ in range(4)]
            plan = min(tries, key=spent)
            tables = scanned(statements.plan(url, statement))
            plans.append((spent(plan), tables, " ".join(statement.sql.decode().split()), plan))
        plans.sort(key=lambda entry: -entry[0])
        print(f"{len(plans)} statements: ms, buffers, whole tables, indexes, words")
        for took, tables, words, plan in plans:
            used = re.findall(r"(?:using|Index Scan on) (\S+)", plan)
            buffers = re.search(r"hit=(\d+)", plan)
            print(f"{took:6.2f} {buffers[1] if buffers else 0:>5} {tables} {sorted(set(used))} {words[:90]}")
        for took, _, words, plan in plans[: options.show]:
            print(f"\n-- {took:.2f} ms\n{words}\n\n{plan}")
        print("\nwhole, of all statements:")
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            for name, statement in statements_of(supportbot).items():
                if whole := read_whole(general_plan(connection, statement)):
                    print(f"{name}: {', '.join(sorted(set(whole)))}")


def spent(plan: str) -> float:
    """Return the milliseconds that a statement took; it is planned once for all."""
    return float(re.findall(r"Execution Time: ([\d.]+)", plan)[0])


if __name__ == "__main__":
    asyncio.run(main())
