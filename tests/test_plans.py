"""Cost stays flat: on a full PostgreSQL no statement of a turn reads a table from end to end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from supportbot import records, schema
from supportbot.outbox.notices import Untold
from supportbot.store.probe import waiting_counts
from tests.durable import Durable, opened
from tests.plans import fill, fill_queue, scanned, watched

if TYPE_CHECKING:
    from tests.plans import Statements

_FEW = {"leases", "tenants", "withdrawals"}
"""Tables that have a row or two, however much is stored."""


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
