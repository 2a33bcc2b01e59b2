"""What all processes together may send to a model, on either store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from supportbot.config.models import ModelSection
from supportbot.limits import quota as quotas
from supportbot.limits.ledger import Ledger
from supportbot.limits.quota import SharedQuota
from supportbot.model.client import Endpoint
from supportbot.model.gate import Busy, Gate
from tests.limited import now, two_processes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.limited import Watched

MINUTE = 1.5
"""Seconds: tests have little time."""


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[list[Watched]]:
    async with two_processes(database_url) as stores:
        yield stores


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is waited for, however busy the machine is."""
    monkeypatch.setattr(quotas, "PATIENCE", 30.0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, patient: None) -> None:
    """Who waits for the database soon goes on alone."""
    monkeypatch.setattr(quotas, "PATIENCE", 0.25)


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
