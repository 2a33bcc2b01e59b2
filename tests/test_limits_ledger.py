"""The rows of limits that processes share: changed by one after another, whoever fails, hangs or stops."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Select, literal_column, select, text
from structlog.testing import capture_logs

from supportbot import schema
from supportbot.errors import StoreUnavailable
from supportbot.limits.ledger import _MOST_WAITING, Changed, Ledger, _Now
from supportbot.store import Statement, open_store
from tests.limited import two_processes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from supportbot.testing.clock import Clock
    from tests.limited import Watched


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[list[Watched]]:
    async with two_processes(database_url) as stores:
        yield stores


def plus_one(state: Mapping[str, Any], at: float) -> Changed[tuple[int, float]]:
    count = state.get("count", 0) + 1
    return Changed({"count": count}, at + 60, (count, at))


async def test_no_change_is_lost(stores: list[Watched]) -> None:
    """Two processes change three rows two hundred times, many at the same moment."""
    ledgers = [Ledger(store) for store in stores]
    told = await asyncio.gather(
        *(ledgers[n % 2].exchange(name, plus_one) for n in range(200) for name in ("a", "b", "c"))
    )
    assert sorted(3 * [*range(1, 201)]) == sorted(count for count, _ in told)


async def test_changes_share_transactions(stores: list[Watched]) -> None:
    """What is asked for while another transaction is under way goes with the next one."""
    ledger = Ledger(stores[0])
    await asyncio.gather(*(ledger.exchange(f"row {n}", plus_one) for n in range(50)))
    assert stores[0].writes <= 2


async def test_sqlite_s_time_is_exact(sqlite_database: str) -> None:
    """To the millisecond: who waits as long as they are told is not a millisecond early."""
    schema.prepare(sqlite_database)
    store = open_store(sqlite_database)
    told: Select[tuple[int, str]] = select(
        _Now().label("now"),
        literal_column("strftime('%s', 'now') || substr(strftime('%f', 'now'), 4)").label("said"),
    )
    try:
        for _ in range(50):
            [(now, written)] = await store.read(lambda tx: tx.rows(Statement(told)))
            assert now == int(written)
    finally:
        await store.close()


async def test_time_is_the_database_s(stores: list[Watched], clock: Clock) -> None:
    """Whatever the clock of a process says."""
    _, before = await Ledger(stores[0]).exchange("a", plus_one)
    clock.advance(7200)
    _, after = await Ledger(stores[1]).exchange("a", plus_one)
    assert 0 <= after - before < 60
    assert abs(time.time() - 7200 - after) < 60


async def test_what_says_nothing_is_deleted(stores: list[Watched]) -> None:
    """A row whose time is over; others stay."""
    ledger = Ledger(stores[0])
    await ledger.exchange("over", lambda _, at: Changed({"count": 1}, at - 1, None))
    await ledger.exchange("kept", plus_one)
    assert 1 == await ledger.purge()
    assert [1, 2] == [(await ledger.exchange(name, plus_one))[0] for name in ("over", "kept")]


async def test_whoever_gives_up_costs_nobody_anything(stores: list[Watched]) -> None:
    """A change that nobody waits for any more is not made; the others are."""
    ledger = Ledger(stores[0])
    stores[0].open.clear()
    first = asyncio.create_task(ledger.exchange("a", plus_one))
    await asyncio.sleep(0)
    given_up = asyncio.create_task(ledger.exchange("a", plus_one))
    last = asyncio.create_task(ledger.exchange("a", plus_one))
    await asyncio.sleep(0)
    given_up.cancel()
    stores[0].open.set()
    assert [1, 2] == [(await first)[0], (await last)[0]]


@pytest.mark.parametrize("state", ["{", "null", "[1]", '{"count": "x"}', '{"count": {}}'])
async def test_a_row_that_cannot_be_read_begins_anew(
    stores: list[Watched], database_url: str, state: str
) -> None:
    """Whatever wrote it; those whose changes go with it in one transaction are not held up."""
    if state == "{" and database_url.startswith("postgresql"):
        pytest.skip("PostgreSQL takes nothing but JSON")
    ledger = Ledger(stores[0])
    await ledger.exchange("a", plus_one)
    spoil = Statement(text("update limits set state = :state"))
    await stores[0].write(lambda tx: tx.run(spoil, state=state), fleeting=True)
    with capture_logs() as logs:
        told = await asyncio.gather(*(ledger.exchange(name, plus_one) for name in ("a", "b", "a")))
    assert [1, 1, 2] == [count for count, _ in told]
    assert ["limits.unreadable"] == [line["event"] for line in logs]


async def test_all_that_wait_share_the_fate_of_the_first(stores: list[Watched]) -> None:
    """A database that hung for long and then failed is not asked again for each hundred of them."""
    ledger = Ledger(stores[0])
    stores[0].open.clear()
    asked = [asyncio.create_task(ledger.exchange(f"row {n}", plus_one)) for n in range(250)]
    await asyncio.sleep(0)  # so that all have asked
    stores[0].fails = True
    stores[0].open.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {StoreUnavailable} == {type(answer) for answer in answers}
    assert 1 == stores[0].writes


async def test_no_more_wait_than_can_be_served(stores: list[Watched]) -> None:
    """While the database hangs, a flood is refused and fills no memory; those who wait are served later."""
    ledger = Ledger(stores[0])
    stores[0].open.clear()
    asked = [asyncio.create_task(ledger.exchange("a", plus_one)) for _ in range(_MOST_WAITING)]
    await asyncio.sleep(0)  # so that all have asked
    async with asyncio.timeout(5):
        with pytest.raises(StoreUnavailable):
            await ledger.exchange("a", plus_one)
    stores[0].open.set()
    assert [*range(1, _MOST_WAITING + 1)] == [count for count, _ in await asyncio.gather(*asked)]


# -- processes that stop -----------------------------------------------------------------------

FROZEN = """
import asyncio, os, signal, sys
from supportbot.limits.ledger import Changed, Ledger
from supportbot.store import open_store

frozen = False

def change(state, at):
    global frozen
    if not frozen:
        frozen = True
        os.kill(os.getpid(), signal.SIGSTOP)  # with the row's lock in hand
    return Changed({"count": state.get("count", 0) + 1}, at + 60, state.get("count", 0) + 1)

async def main():
    store = open_store(sys.argv[1])
    print(await Ledger(store).exchange("a", change))
    await store.close()

asyncio.run(main())
"""


async def test_a_process_that_is_stopped_in_a_change_holds_nobody_up(postgres_database: str) -> None:
    """PostgreSQL takes its lock away within seconds; when it goes on, it makes its change again."""
    schema.prepare(postgres_database)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FROZEN, postgres_database, stdout=asyncio.subprocess.PIPE
    )
    store = open_store(postgres_database)
    try:
        await asyncio.to_thread(os.waitpid, process.pid, os.WUNTRACED)
        async with asyncio.timeout(5):
            assert 1 == (await Ledger(store).exchange("a", plus_one))[0]
        process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(10):
            told, _ = await process.communicate()
        assert b"2" == told.strip()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await store.close()
