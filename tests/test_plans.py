"""Cost stays flat: on a full database no statement reads a table from end to end, but those that must."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

import supportbot
from supportbot import records, schema, withdrawals
from supportbot.chaos import postgres
from supportbot.outbox.notices import Untold
from supportbot.store.probe import waiting_counts
from tests.durable import Durable, opened
from tests.plans import fill, fill_queue, general_plan, read_whole, scanned, statements_of, watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.plans import Statements

_FEW = {"leases", "procrastinate_workers", "tenants"}
"""Tables that have a row or two, or one for each process, however much is stored."""

_MAY = {
    "limits.ledger._PURGE": "limits: every five minutes; an index of them would cost each message more",
    "records._PURGE": "records: every five minutes; where they are many, it goes by their keys",
    "reports.ratings._MEAN": "surveys: a report, for whoever asks",
    "reports.ratings._SCORES": "surveys: the same",
    "reports.ratings._VERDICTS": "ratings: the same",
    "routes.AWAITED": "ix_routes_due: those whose customers may be told; a thousand are asked for at once",
    "store.probe._DELIVERIES": "ix_deliveries_open: counts what is in it",
    "turns.queue._TAKE_FROM_THE_DEAD": "procrastinate_jobs_lock_idx_v1: the jobs that somebody works on",
    "turns.suspects._DUE": "ix_turns_died: the few turns that outlived a process",
    "withdrawals._STANDING": "ix_withdrawals_state: counts what is in it",
}
"""The statements that read something whole: what, and why they may."""

_POSTGRES_ALONE = ("store.notices.", "store.postgres.", "turns.queue.")


def named(statement: str) -> str:
    return statement.removeprefix("supportbot.")


@pytest.fixture(scope="module")
def full(postgres_url: str) -> Iterator[str]:
    """The URL of a PostgreSQL with 10,000 conversations in which everything was answered, and a queue."""
    with postgres.own_database(postgres_url) as url:
        schema.prepare(url)
        fill(url, conversations=10_000, each=4)
        fill_queue(url, jobs=3000)
        yield url


def test_no_statement_reads_a_whole_table_or_index(full: str) -> None:
    """Of all there are, each in the plan that PostgreSQL keeps for it whatever it is asked for.

    Nothing waits here, so the indexes of what does are small, and reading one whole looks cheap. It would not
    be during an outage, and the plan is kept until the server has counted again.
    """
    statements = statements_of(supportbot)
    assert len(statements) > 150
    with psycopg.connect(full.replace("+psycopg", ""), autocommit=True) as connection:
        whole = {named(name): read_whole(general_plan(connection, it)) for name, it in statements.items()}
    found = {name: set(read) - _FEW for name, read in whole.items() if set(read) - _FEW}
    may = {name: {why.partition(":")[0]} for name, why in _MAY.items()}
    assert {} == {
        name: read for name, read in found.items() if read != may.get(name)
    }  # it may find better ways
    assert set(may) <= {named(name) for name in statements}


def test_nor_does_any_on_sqlite(tmp_path: Path) -> None:
    """SQLite goes by the shape of a statement alone."""
    schema.prepare(f"sqlite:///{tmp_path}/bot.db")
    whole = set()
    with closing(sqlite3.connect(tmp_path / "bot.db")) as connection:
        for name, statement in statements_of(supportbot).items():
            if not named(name).startswith(_POSTGRES_ALONE):
                words, _, _ = statement.for_sqlite()
                plan = connection.execute(f"EXPLAIN QUERY PLAN {words}", [None] * words.count("?")).fetchall()
                if any(step[-1].startswith("SCAN") and "CONSTANT ROW" not in step[-1] for step in plan):
                    whole.add(named(name))
    assert whole <= set(_MAY)


async def one_of_everything(url: str) -> Statements:
    """Accept messages, have them answered by either engine, look for work and keep house; all on record."""
    with watched() as statements:
        async with opened(url) as store:
            for queue in ("", url):
                bot = Durable(store, queue=queue)
                await bot.start()
                await bot.accept("hello", to="c7")
                await bot.accept("hello", to="c8", key=f"again {queue}")
                await bot.accept("hello", to="c8", key=f"again {queue}")
                await bot.accept("hello", to=f"new {queue}")
                await bot.replies(3)
                await bot.until_rows("SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL", [(0,)])
                if queue:
                    await bot.until_rows("SELECT count(*) FROM leases", [(1,)])
                await bot.stop()
            web = Durable(store, queue=url, works=False)
            await web.accept("hello", to="c9")
            await waiting_counts(store)
            await store.read(withdrawals.standing)
            await Untold(store).look()
            await records.purge_expired(store)
    return statements


async def test_no_statement_of_a_turn_reads_a_whole_table(postgres_database: str) -> None:
    """From accepting a message to recording its delivery, and what is looked for when nothing happens."""
    await asyncio.to_thread(schema.prepare, postgres_database)
    await asyncio.to_thread(fill, postgres_database, conversations=3000, each=10)
    statements = await one_of_everything(postgres_database)
    await asyncio.to_thread(fill_queue, postgres_database, jobs=3000)
    assert len(statements.run) > 40
    slow = {
        statement.sql.decode(): tables
        for statement in statements.run
        if b"pg_notify" not in statement.sql
        and (tables := set(scanned(statements.plan(postgres_database, statement))) - _FEW)
    }
    assert {} == slow
