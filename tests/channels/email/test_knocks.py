"""First mails to addresses that somebody typed: one each, and so many a day, also when many come at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from supportbot.errors import RetryAfter
from supportbot.testing.memory import MemoryRecords
from supportbot_email.knocks import Knocks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANNA = "anna@customer.test"


class Crowded(MemoryRecords):
    """Records at which everybody who comes waits until all the others have come, before each step."""

    async def get(self, key: str) -> Any | None:
        await asyncio.sleep(0)
        return await super().get(key)

    async def add(self, key: str, value: Any, *, expires_at: int | None = None) -> bool:
        await asyncio.sleep(0)
        return await super().add(key, value, expires_at=expires_at)

    async def swap(self, key: str, before: Any, after: Any, *, expires_at: int | None = None) -> bool:
        await asyncio.sleep(0)
        return await super().swap(key, before, after, expires_at=expires_at)

    async def scan(self, prefix: str) -> AsyncIterator[tuple[str, Any]]:
        await asyncio.sleep(0)
        async for found in super().scan(prefix):
            yield found


async def test_of_many_at_once_as_many_are_written_to_as_may_be() -> None:
    """Nobody is turned away for one who is turned away too; and no more than the day has are let in."""
    knocks = Knocks(Crowded(), per_day=20)
    everybody = (knocks.refusal(f"p{n}@customer.test", f"route_{n}", proven=False) for n in range(25))
    found = await asyncio.gather(*everybody, return_exceptions=True)
    assert 20 == found.count("")
    assert 5 == sum(isinstance(one, RetryAfter) for one in found)


async def test_the_last_place_is_taken_by_one_of_two() -> None:
    """Both look while it is free."""
    knocks = Knocks(Crowded(), per_day=1)
    both = (knocks.refusal(f"{name}@customer.test", f"route_{name}", proven=False) for name in "ab")
    assert 1 == (await asyncio.gather(*both, return_exceptions=True)).count("")


async def test_two_conversations_knock_at_once_at_one_address() -> None:
    """It gets one mail, and counts once."""
    knocks = Knocks(Crowded(), per_day=2)
    both = (knocks.refusal(ANNA, f"route_{number}", proven=False) for number in range(2))
    assert 1 == (await asyncio.gather(*both)).count("")
    assert "" == await knocks.refusal("bob@customer.test", "route_2", proven=False)


async def test_those_who_wait_come_again_one_by_one() -> None:
    """All of them for the same place, which one of them gets: the others do not ask in the same moment."""
    knocks = Knocks(MemoryRecords(), per_day=1)
    await knocks.refusal(ANNA, "route", proven=False)
    seconds = set()
    for number in range(9):
        with pytest.raises(RetryAfter) as later:
            await knocks.refusal(f"p{number}@customer.test", f"route_{number}", proven=False)
        seconds.add(round(later.value.seconds or 0))
    assert 1 < len(seconds)


async def test_an_answer_gives_its_place_back() -> None:
    """Its owner's; whoever waits for one need not wait for the day's end."""
    knocks = Knocks(MemoryRecords(), per_day=1)
    await knocks.refusal(ANNA, "route_1", proven=False)
    await knocks.opened("Anna+x@customer.test")
    assert "" == await knocks.refusal("bob@customer.test", "route_2", proven=False)


async def test_what_was_counted_before_a_crash_counts_once() -> None:
    """The place was taken, and it was not written down for whom: the next try takes no second one."""
    records = MemoryRecords()
    knocks = Knocks(records, per_day=1)
    await knocks.refusal(ANNA, "route", proven=False)
    async for key, _value in records.scan("knock:"):
        await records.delete(key)
    assert "" == await knocks.refusal(ANNA, "route", proven=False)


async def test_an_address_gets_one_first_mail(records: MemoryRecords) -> None:
    """Whoever types it, until its owner answers; a conversation's next is the same; so many a day."""
    knocks = Knocks(records, per_day=2)
    assert "" == await knocks.refusal(ANNA, "route_1", proven=False)
    assert "" == await knocks.refusal(ANNA, "route_1", proven=False)
    assert "nobody answered" in await knocks.refusal("Anna+tag@customer.test", "route_2", proven=False)
    assert "" == await knocks.refusal(ANNA, "route_3", proven=True)
    assert "" == await knocks.refusal("bob@customer.test", "route_4", proven=False)
    with pytest.raises(RetryAfter, match="first_per_day") as later:
        await knocks.refusal("eve@customer.test", "route_5", proven=False)
    assert 86_000 < (later.value.seconds or 0) <= 86_460
    nobody = Knocks(records, per_day=0)
    assert "first_per_day" in await nobody.refusal("eve@customer.test", "route_5", proven=False)
    await knocks.opened(ANNA)
    assert "" == await knocks.refusal(ANNA, "route_6", proven=False)
    await knocks.stop(ANNA)
    assert "asked not to" in await knocks.refusal(ANNA, "route_7", proven=True)


async def test_what_an_operator_sends_counts(records: MemoryRecords) -> None:
    """It leaves the mailbox as the others do: each such mail takes a place, once, however often it is tried,
    and waits for one where none is free. Its owner's answer gives them all back."""
    knocks = Knocks(records, per_day=2)
    assert "" == await knocks.refusal(ANNA, "route_1", proven=False)
    for _ in range(2):
        assert "" == await knocks.refusal(ANNA, "route_2", proven=False, by_hand=True)
    for name, conversation, by_hand in (("bob", "route_3", False), ("anna", "route_4", True)):
        with pytest.raises(RetryAfter, match="first_per_day"):
            await knocks.refusal(f"{name}@customer.test", conversation, proven=False, by_hand=by_hand)
    await knocks.opened(ANNA)
    for name in ("bob", "eve"):
        assert "" == await knocks.refusal(f"{name}@customer.test", name, proven=False)


async def test_what_an_operator_sends_anew_counts_anew(records: MemoryRecords) -> None:
    """A mail that bounced days ago goes out once more: on that day it is one of the day's."""
    with time_machine.travel(1_763_808_312, tick=False) as clock:
        knocks = Knocks(records, per_day=1)
        assert "" == await knocks.refusal(ANNA, "route_1", proven=False)
        clock.shift(25 * 3600)
        assert "" == await knocks.refusal(ANNA, "route_1", proven=False, by_hand=True)
        with pytest.raises(RetryAfter, match="first_per_day"):
            await knocks.refusal("bob@customer.test", "route_2", proven=False)


async def test_beyond_the_limit_an_address_waits_for_its_day(records: MemoryRecords) -> None:
    """Until as many of those before it are a day old as are over the limit; it has not been counted."""
    with time_machine.travel(1_763_808_312, tick=False) as clock:
        knocks = Knocks(records, per_day=2)
        for name in ("a", "b"):
            assert "" == await knocks.refusal(f"{name}@customer.test", f"route_{name}", proven=False)
            clock.shift(3600)
        for _ in range(2):
            with pytest.raises(RetryAfter) as later:
                await knocks.refusal("c@customer.test", "route_c", proven=False)
            assert 22 * 3600 <= (later.value.seconds or 0) <= 22 * 3600 + 60
        clock.shift(22 * 3600)
        assert "" == await knocks.refusal("c@customer.test", "route_c", proven=False)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Anna@customer.test", "anna+shop@customer.test", True),
        ("anna.b@gmail.com", "An.nab+x@googlemail.com", True),
        ("anna.b@customer.test", "annab@customer.test", False),
        ("anna-shop@yahoo.de", "anna@yahoo.de", True),
        ("anna-maria@customer.test", "anna@customer.test", False),
        ("shop@anna.fastmail.com", "anna+x@fastmail.com", True),
        ("shop@anna.customer.test", "anna@customer.test", False),
        ("anna@customer.test", "anna@other.test", False),
    ],
)
async def test_one_person_is_one_address(records: MemoryRecords, one: str, other: str, *, same: bool) -> None:
    """However they spell it where their provider lets them; else two people would share a mail."""
    knocks = Knocks(records, per_day=10)
    assert "" == await knocks.refusal(one, "route_1", proven=False)
    assert same == bool(await knocks.refusal(other, "route_2", proven=False))
