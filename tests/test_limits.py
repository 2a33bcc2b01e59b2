"""Limits that several processes share, on either store: each store object here is another process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from supportbot import schema
from supportbot.config.models import ModelSection
from supportbot.errors import StoreUnavailable
from supportbot.limits import quota as quotas
from supportbot.limits import rates
from supportbot.limits.bucket import Rate
from supportbot.limits.ledger import _MOST_WAITING, Changed, Ledger
from supportbot.limits.quota import SharedQuota
from supportbot.limits.rates import SharedLimiter
from supportbot.model.client import Endpoint
from supportbot.model.gate import Busy, Gate
from supportbot.store import Statement, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from supportbot.store import Store, Tx
    from supportbot.testing.clock import Clock

T = TypeVar("T")

MINUTE = 1.5
"""Seconds: tests have little time."""

SLOW = Rate(per_minute=1, burst=10)
"""Nothing runs in while a test lasts."""


class Watched:
    """A process's store, whose writes are counted and may be held up, or fail."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.writes = 0
        self.written = 0
        self._news = asyncio.Condition()
        self.open = asyncio.Event()
        self.open.set()
        self.fails = False

    async def write(self, unit: Callable[[Tx], T], *, patience: float = 0.0, fleeting: bool = False) -> T:
        assert fleeting
        self.writes += 1
        if self.fails:
            raise StoreUnavailable(cause="not today")
        await self.open.wait()
        if self.fails:
            raise StoreUnavailable(cause="it hung, and is gone")
        result = await self._store.write(unit, patience=patience, fleeting=fleeting)
        async with self._news:
            self.written += 1
            self._news.notify_all()
        return result

    async def has_written(self, times: int) -> None:
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: self.written >= times)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is waited for, however busy the machine is."""
    wait_for_the_database(monkeypatch, 30.0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, patient: None) -> None:
    """Who waits for the database soon goes on alone."""
    wait_for_the_database(monkeypatch, 0.25)


def wait_for_the_database(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    for module in (quotas, rates):
        monkeypatch.setattr(module, "PATIENCE", seconds)


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[list[Watched]]:
    """Two processes on one database."""
    schema.prepare(database_url)
    opened = [open_store(database_url) for _ in range(2)]
    yield [Watched(store) for store in opened]
    for store in opened:
        await store.close()


def now() -> float:
    return asyncio.get_running_loop().time()


def gates(stores: list[Watched], **limits: int) -> list[Gate]:
    return [Gate(quota(store, f"p{number}", **limits)) for number, store in enumerate(stores)]


def quota(store: Watched, owner: str, *, minute: float = MINUTE, **limits: int) -> SharedQuota:
    return SharedQuota(Ledger(store), "model test", owner=owner, minute=minute, **limits)


async def enter(gate: Gate, tokens: int = 0, within: float = 60.0) -> float:
    """Go through and leave at once; return when that was."""
    async with gate.place(tokens, until=now() + within):
        return now()


def most_within_a_minute(times: list[float]) -> int:
    return max(sum(begin <= when < begin + MINUTE for when in times) for begin in times)


# -- the rows ----------------------------------------------------------------------------------


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


# -- models ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"requests": 6}, {"tokens": 60}], ids=str)
async def test_the_limit_holds_for_all_processes(stores: list[Watched], limits: dict[str, int]) -> None:
    """Twenty requests in two processes: never more than six in a minute, and all of them go."""
    two = gates(stores, **limits)
    times = await asyncio.gather(*(enter(two[n % 2], tokens=10) for n in range(20)))
    assert 20 == len(times)
    assert 6 >= most_within_a_minute(sorted(times))
    assert max(times) - min(times) < 20 * MINUTE  # four would be enough for 24, but for a busy machine


async def test_those_who_wait_go_in_their_order(stores: list[Watched]) -> None:
    """Whoever came first, whichever process they are in."""
    two, order = gates(stores, requests=2), list[int]()
    await asyncio.gather(enter(two[0]), enter(two[0]))

    async def go(number: int) -> None:
        await enter(two[number % 2])
        order.append(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(6):
            tasks.create_task(go(number))
            await asyncio.sleep(0.05)  # so that the order is not a matter of milliseconds
    assert [{0, 1}, {2, 3}, {4, 5}] == [set(order[at : at + 2]) for at in (0, 2, 4)]


async def test_tokens_that_were_not_used_are_free_for_others(stores: list[Watched]) -> None:
    """As soon as the process that had them asks again; a few more of them it keeps for its next request."""
    two = gates(stores, tokens=100)
    async with two[0].place(100, until=now() + 5) as permit:
        permit.used(10)
    await enter(two[0], tokens=10)
    begun = now()
    await enter(two[1], tokens=60)
    assert now() - begun < MINUTE / 2


async def test_a_pause_is_everybody_s(stores: list[Watched]) -> None:
    """One process was told to wait; another begins to, although it never asked the endpoint."""
    two = gates(stores)
    begun = now()
    two[0].pause(0.5)
    await stores[0].has_written(1)
    assert await enter(two[1]) - begun >= 0.4
    two[0].pause(60)
    await stores[0].has_written(2)
    await asyncio.sleep(2 * MINUTE / 60)  # so long its permits are good
    with pytest.raises(Busy) as caught:
        await enter(two[1], within=5)
    assert 50 < caught.value.seconds <= 60


async def test_a_wait_that_cannot_fit_is_refused_soon(stores: list[Watched]) -> None:
    """As soon as the database has said how long it would take, and not at the end of the time."""
    limits = [quota(store, f"p{n}", minute=60, requests=1) for n, store in enumerate(stores)]
    await enter(Gate(limits[0]))
    begun = now()
    with pytest.raises(Busy) as caught:
        await enter(Gate(limits[1]), within=30)
    assert now() - begun < 5
    assert 55 < caught.value.seconds < 63


async def test_permits_of_a_process_that_dies_come_back(stores: list[Watched]) -> None:
    """It took all that there was, and was never heard of again."""
    dead, living = (quota(store, f"p{n}", requests=3) for n, store in enumerate(stores))
    gate = Gate(dead)
    begun = now()
    await asyncio.gather(*(enter(gate) for _ in range(3)))
    await enter(Gate(living))
    assert MINUTE <= now() - begun < 3 * MINUTE


@pytest.mark.usefixtures("impatient")
async def test_nobody_waits_for_a_slow_database(stores: list[Watched]) -> None:
    """A process goes on with its part: half of six, of which it has had one; and tells it afterwards."""
    one, other = gates(stores, requests=6)
    await enter(other)
    await enter(one)
    await asyncio.sleep(3 * MINUTE / 60)
    stores[0].open.clear()
    begun = now()
    await asyncio.gather(enter(one), enter(one))
    assert now() - begun < MINUTE
    with pytest.raises(Busy):
        await enter(one, within=0.1)
    stores[0].open.set()
    await enter(one, within=5)
    assert stores[0].writes > 1


async def test_nobody_waits_for_a_database_that_is_gone(stores: list[Watched]) -> None:
    """Errors are no answer either; when it is back, what was sent meanwhile counts."""
    one, other = gates(stores, requests=4)
    stores[0].fails = True
    assert 4 == len(await asyncio.gather(*(enter(one, within=1) for _ in range(4))))
    stores[0].fails = False
    begun = now()
    await stores[0].has_written(1)
    assert await enter(other) - begun > MINUTE / 4


async def test_who_closes_its_endpoint_asks_no_more(stores: list[Watched]) -> None:
    """Not even to tell what it sent while the database was gone: that is asked each second otherwise."""
    stores[0].fails = True
    limit = quota(stores[0], "p0", requests=4)
    endpoint = Endpoint(ModelSection(model="m", base_url="http://127.0.0.1:9/v1"), quota=limit)
    await enter(Gate(limit), within=1)
    await asyncio.sleep(0)  # so that the question has failed
    await endpoint.close()
    writes = stores[0].writes
    await asyncio.sleep(5 * MINUTE / 60)
    limit.pause(1)
    await asyncio.sleep(0)
    assert writes == stores[0].writes > 0


async def test_an_idle_process_asks_nothing(stores: list[Watched]) -> None:
    """Neither before the first request nor after the last."""
    one, _ = gates(stores, requests=100)
    assert 0 == stores[0].writes
    await asyncio.gather(*(enter(one) for _ in range(20)))
    writes = stores[0].writes
    await asyncio.sleep(5 * MINUTE / 60)
    assert writes == stores[0].writes <= 3


async def test_a_brisk_process_asks_now_and_then(stores: list[Watched]) -> None:
    """Far below the limit the database is not asked for each request."""
    one = Gate(quota(stores[0], "p0", minute=60, requests=10_000, tokens=10_000_000))
    for _ in range(300):
        await enter(one, tokens=100)
    assert stores[0].writes < 30


# -- what people do ----------------------------------------------------------------------------


def limiters(stores: list[Watched], rate: Rate = SLOW, **options: Any) -> list[SharedLimiter]:
    return [SharedLimiter(Ledger(store), "web messages_per_session", rate, **options) for store in stores]


async def test_a_visitor_who_alternates_has_one_bucket(stores: list[Watched]) -> None:
    """Ten at once, wherever they come in; then it is said when the next may come."""
    two = limiters(stores)
    waits = [await two[number % 2].take("anna") for number in range(12)]
    assert [0.0] * 10 == waits[:10]
    assert all(50 < wait <= 60 for wait in waits[10:])
    assert 0.0 == await two[0].take("ben")


async def test_all_at_once_is_no_way_around(stores: list[Watched]) -> None:
    """Fifty at the same moment, in two processes: ten of them."""
    two = limiters(stores)
    waits = await asyncio.gather(*(two[number % 2].take("anna") for number in range(50)))
    assert 10 == waits.count(0.0)


async def test_the_bucket_fills_with_time(stores: list[Watched]) -> None:
    """Whoever waits as long as told is let in; by the clock of the database."""
    two = limiters(stores, Rate(per_minute=600, burst=1))
    assert 0.0 == await two[0].take("anna")
    wait = await two[1].take("anna")
    assert 0 < wait <= 0.1
    await asyncio.sleep(wait)
    assert 0.0 == await two[1].take("anna")


async def test_a_flood_costs_the_database_nothing(stores: list[Watched]) -> None:
    """Who was refused is not looked up again before their time."""
    one, _ = limiters(stores)
    denied: list[str] = []
    one._denied = lambda: denied.append("")
    for _ in range(1000):
        await one.take("anna")
    assert 990 == len(denied)
    assert stores[0].writes <= 11


async def test_a_large_bucket_is_taken_from_in_shares(stores: list[Watched]) -> None:
    """One transaction for many requests."""
    one, other = limiters(stores, Rate(per_minute=1, burst=1600))
    waits = [await one.take("10.0.0.1") for _ in range(1000)]
    assert ({0.0}, True) == (set(waits), stores[0].writes <= 10)
    waits = [await other.take("10.0.0.1") for _ in range(600)]
    assert 600 - 100 <= waits.count(0.0) <= 600


async def test_a_share_that_was_not_used_is_given_back(stores: list[Watched]) -> None:
    """With the next question about the same key."""
    one, other = limiters(stores, Rate(per_minute=1, burst=160))
    assert 0.0 == await one.take("a")  # nine more are in its hand
    one._shares["a"].good_until = 0.0
    assert 0.0 == await one.take("a")
    assert 160 - 2 - 9 == sum([0.0 == await other.take("a") for _ in range(170)])


@pytest.mark.usefixtures("impatient")
async def test_each_process_counts_by_itself_when_the_database_is_slow(stores: list[Watched]) -> None:
    """It is not waited for, and it is told that this happened."""
    unshared: list[int] = []
    one, _ = limiters(stores, unshared=lambda: unshared.append(1))
    stores[0].open.clear()
    begun = now()
    waits = await asyncio.gather(*(one.take("anna") for _ in range(12)))
    assert (10, 12) == (waits.count(0.0), len(unshared))
    assert now() - begun < 2
    stores[0].open.set()


@pytest.mark.usefixtures("impatient")
async def test_a_slow_database_is_left_alone_for_a_while(stores: list[Watched]) -> None:
    """One whose answer did not come in time: a flood of others neither waits for it nor fills memory."""
    one, _ = limiters(stores)
    stores[0].open.clear()
    await one.take("anna")
    for number in range(5):
        await one.take(f"anna's friend {number}")
    assert ["anna"] == [key for key, share in one._shares.items() if share.asking]
    stores[0].open.set()


async def test_each_process_counts_by_itself_when_the_database_is_gone(stores: list[Watched]) -> None:
    """Nothing is raised: whether something may be done has an answer. It is told once, and asked seldom."""
    one, _ = limiters(stores)
    stores[0].fails = True
    with capture_logs() as logs:
        assert 10 == [await one.take("anna") for _ in range(100)].count(0.0)
    assert (1, ["limits.not_shared"]) == (stores[0].writes, [line["event"] for line in logs])


async def test_keys_are_bounded_and_nobody_s_business(stores: list[Watched]) -> None:
    """A flood of addresses fills no memory, and no address stands in the database."""
    one, _ = limiters(stores, most_keys=2)
    for key in ("a", "b", "a", "10.0.0.1\n" * 1000):
        await one.take(key)
    assert 2 == len(one._shares)
    assert "b" not in one._shares


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
