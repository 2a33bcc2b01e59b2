"""How often somebody may do something, whichever process they come to, on either store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from supportbot.limits import rates
from supportbot.limits.bucket import Rate
from supportbot.limits.ledger import Ledger
from supportbot.limits.rates import SharedLimiter
from tests.limited import now, two_processes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.limited import Watched

SLOW = Rate(per_minute=1, burst=10)
"""Nothing runs in while a test lasts."""


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[list[Watched]]:
    async with two_processes(database_url) as stores:
        yield stores


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is waited for, however busy the machine is."""
    monkeypatch.setattr(rates, "PATIENCE", 30.0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, patient: None) -> None:
    """Who waits for the database soon goes on alone."""
    monkeypatch.setattr(rates, "PATIENCE", 0.25)


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
