"""The gate before an endpoint: its limits, its queue, what the endpoint itself says."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbot.model.allowance import Allowance, Standing, standing
from supportbot.model.gate import Busy, Gate
from supportbot.model.quota import OwnQuota


def now() -> float:
    return asyncio.get_running_loop().time()


async def enter(gate: Gate, tokens: int = 0, within: float = 5.0) -> float:
    """Go through and leave at once; return when that was."""
    async with gate.place(tokens, until=now() + within):
        return now()


# -- the books ---------------------------------------------------------------------------------


def test_what_was_spent_counts_for_a_minute():
    """Three may go in any minute: the fourth waits for the first to be a minute old."""
    allowance = Allowance(3)
    for second in (0, 10, 20):
        assert 0.0 == allowance.wait(1, second)
        allowance.spend(1, second)
    assert [40.0, 10.0, 0.0] == [allowance.wait(1, second) for second in (20, 50, 60)]


def test_a_queue_may_take_several_minutes():
    """Seven more after three of three: two minutes, and until the first of the first three is gone."""
    allowance = Allowance(3)
    for second in (0, 10, 20):
        allowance.spend(1, second)
    assert [40.0, 60.0, 100.0, 160.0] == [allowance.wait(many, 20) for many in (1, 3, 4, 7)]


def test_an_entry_is_corrected():
    """A request that cost less than was set aside leaves room for others; after a minute it is history."""
    allowance = Allowance(100)
    entry = allowance.spend(90, 0)
    assert 60.0 == allowance.wait(50, 0)
    allowance.correct(entry, 40)
    assert 0.0 == allowance.wait(50, 1)
    assert 0.0 == allowance.wait(100, 61)
    allowance.correct(entry, 1000)
    assert 0.0 == allowance.wait(100, 61)


def test_the_endpoint_knows_what_others_spent():
    """It says that 9 of 10 are gone; two of them are ours."""
    allowance = Allowance(None)
    assert 0.0 == allowance.wait(1000, 0)
    allowance.told(Standing(limit=10, remaining=9, reset=None), 0)
    allowance.spend(1, 0)
    allowance.told(Standing(limit=10, remaining=1, reset=None), 1)
    assert [0.0, 59.0, 60.0] == [allowance.wait(many, 1) for many in (1, 2, 3)]


def test_the_endpoint_says_when_all_is_there_again():
    """Sooner than a minute."""
    allowance = Allowance(None)
    allowance.told(Standing(limit=10, remaining=0, reset=6), 0)
    assert [6.0, 0.0] == [allowance.wait(1, 0), allowance.wait(1, 6)]


def test_a_configured_limit_stays_below_a_larger_one():
    """The endpoint allows more than bot.yaml does."""
    allowance = Allowance(2)
    allowance.told(Standing(limit=1000, remaining=999, reset=None), 0)
    assert 2 == allowance.limit


@given(
    limit=st.integers(1, 20),
    steps=st.lists(st.tuples(st.floats(0, 50), st.integers(1, 25)), max_size=40),
)
def test_never_more_than_the_limit_in_any_minute(limit: int, steps: list[tuple[float, int]]):
    """Whoever waits as long as told never exceeds it, and ``wait`` never says 0 too early."""
    allowance, at, spent = Allowance(limit), 0.0, list[tuple[float, int]]()
    for pause, wanted in steps:
        at += pause
        amount = min(wanted, limit)
        while wait := allowance.wait(amount, at):
            at += wait
        allowance.spend(amount, at)
        spent.append((at, amount))
    for begin, _ in spent:
        assert limit >= sum(amount for when, amount in spent if begin <= when < begin + 60 - 1e-6)


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("2m59.56s", 179.56),
        ("1h2m", 3720.0),
        ("7", 7.0),
        ("", None),
        ("soon", None),
        ("-3", None),
    ],
)
def test_every_form_of_reset_is_read(reset: str, seconds: float | None):
    """Spans as OpenAI writes them, or seconds; nonsense is none."""
    assert seconds == standing({"x-ratelimit-reset-tokens": reset}, "tokens").reset


def test_headers_that_are_missing_or_odd_say_nothing():
    """A limit of 0 is none, and a negative rest is not believed."""
    odd = {"x-ratelimit-limit-requests": "0", "x-ratelimit-remaining-requests": "-1"}
    assert [Standing(None, None, None)] * 2 == [standing({}, "requests"), standing(odd, "requests")]


# -- the gate ----------------------------------------------------------------------------------


async def test_an_open_gate_lets_everybody_through():
    """Without limits nothing waits."""
    gate = Gate()
    async with AsyncExitStack() as inside, asyncio.timeout(1):
        for _ in range(1000):
            await inside.enter_async_context(gate.place(1_000_000, until=now()))


async def test_only_so_many_at_once():
    """The third waits until one of two has left."""
    gate = Gate(concurrency=2)
    async with gate.place(0, until=now()):
        async with gate.place(0, until=now()):
            third = asyncio.create_task(enter(gate))
            await asyncio.sleep(0.01)
            assert not third.done()
        async with asyncio.timeout(1):
            await third


async def test_first_come_first_served():
    """In the order in which they came, also those who came while others waited."""
    gate, order = Gate(concurrency=1), list[int]()

    async def go(number: int) -> None:
        async with gate.place(0, until=now() + 5):
            order.append(number)

    async with asyncio.TaskGroup() as tasks:
        async with gate.place(0, until=now()):
            for number in range(5):
                tasks.create_task(go(number))
            await asyncio.sleep(0)
        tasks.create_task(go(5))
    assert [*range(6)] == order


@pytest.mark.parametrize("limits", [{"requests": 2}, {"tokens": 20}], ids=str)
async def test_so_many_in_a_minute(limits: dict[str, int]):
    """Two go at once, two a minute later, one another minute later; a minute is 0.1 s here."""
    gate = Gate(OwnQuota(**limits, minute=0.1))
    times = await asyncio.gather(*(enter(gate, tokens=10) for _ in range(5)))
    assert [True] * 3 == [later - sooner >= 0.1 for sooner, later in zip(times, times[2:], strict=False)]


async def test_a_wait_that_cannot_fit_is_refused_at_once():
    """A minute is too long for somebody who has a second; so is the end of a long queue."""
    gate = Gate(OwnQuota(requests=1))
    await enter(gate)
    begun = now()
    with pytest.raises(Busy):
        await enter(gate, within=1.0)
    waiting = asyncio.create_task(enter(gate, within=90))
    await asyncio.sleep(0)
    with pytest.raises(Busy) as caught:
        await enter(gate, within=90)
    waiting.cancel()
    assert (True, 120) == (now() - begun < 0.5, round(caught.value.seconds))


async def test_a_wait_has_an_end():
    """Nobody leaves, so nobody comes in: how long that lasts cannot be foreseen."""
    gate = Gate(concurrency=1)
    async with gate.place(0, until=now()):
        with pytest.raises(Busy):
            await enter(gate, within=0.05)
    await enter(gate)


async def test_whoever_leaves_the_queue_holds_nobody_up():
    """Cancelled in the queue, or just when the place was given: the next one goes."""
    gate = Gate(concurrency=1)
    async with gate.place(0, until=now()):
        first, second, third = [asyncio.create_task(enter(gate)) for _ in range(3)]
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
    second.cancel()  # it was given the place, and does not know yet
    async with asyncio.timeout(1):
        await third
    assert [True, True] == [first.cancelled(), second.cancelled()]


async def test_whoever_leaves_with_a_place_in_hand_gives_it_back():
    """Cancelled just when the place was given: no request was sent, and none is counted."""
    gate = Gate(OwnQuota(requests=2), concurrency=1)
    async with gate.place(0, until=now()):
        waiting = asyncio.create_task(enter(gate))
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    await enter(gate, within=0)


async def test_a_pause_holds_everybody():
    """And those in the queue who have less time than that hear of it at once."""
    gate = Gate(concurrency=1)
    async with gate.place(0, until=now()):
        patient = asyncio.create_task(enter(gate, within=5))
        hurried = asyncio.create_task(enter(gate, within=0.1))
        await asyncio.sleep(0)
        begun = now()
        gate.pause(0.2)
        with pytest.raises(Busy):
            await hurried
        assert now() - begun < 0.1
    assert await patient - begun >= 0.2
    gate.pause(60)
    with pytest.raises(Busy):
        await enter(gate, within=1)


async def test_the_headers_close_the_gate():
    """Nothing remains: the next request waits; another remains: it goes."""
    gate = Gate(OwnQuota(minute=0.2))
    said = {"x-ratelimit-limit-requests": "2", "x-ratelimit-remaining-requests": "0"}
    gate.heed(said)
    begun = now()
    assert await enter(gate) - begun >= 0.2
    gate.heed({"x-ratelimit-limit-requests": "2", "x-ratelimit-remaining-requests": "1"})
    begun = now()
    assert await enter(gate) - begun < 0.1


async def test_nothing_remaining_of_an_unknown_limit_is_a_pause():
    """Some hosts say only what remains."""
    gate = Gate()
    gate.heed({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "200ms"})
    begun = now()
    assert await enter(gate) - begun >= 0.2


async def test_a_request_larger_than_all_that_is_allowed_goes_alone():
    """It could never go otherwise; the endpoint decides."""
    gate = Gate(OwnQuota(tokens=10))
    await enter(gate, tokens=1000, within=0)
    with pytest.raises(Busy):
        await enter(gate, tokens=1, within=1)


async def test_tokens_that_were_not_used_are_free_again():
    """What was set aside for the longest answer, and not needed."""
    gate = Gate(OwnQuota(tokens=100))
    async with gate.place(100, until=now()) as place:
        place.used(10)
    await enter(gate, tokens=90, within=0)
