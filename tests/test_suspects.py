"""Which turns are begun together after deaths of their processes, and what a death then counts for."""

from __future__ import annotations

import asyncio
from math import ceil, log2
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.ids import now_ms
from supportbot.turns import Rules, ledger, suspects
from supportbot.turns.ledger import Buried
from supportbot.turns.opening import Unreadable
from tests.durable import Durable, opened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from supportbot.messages import Turn
    from supportbot.store import Store

RULES = Rules(owner="process", lease_ms=60_000, attempts=3, history=50)


class Life:
    """Processes, one after the other, that work on suspects and die with those that are poison."""

    def __init__(self, store: Store, poison: set[str]) -> None:
        self._store = store
        self._poison = poison
        self.deaths = 0
        self.batches = 0
        """How many had to be worked off until all that are no poison were answered."""
        self.buried: set[str] = set()
        self.tries: dict[str, int] = {}

    async def claim(self, conversation: str, company: int) -> Turn | None:
        """As the engine does it: who was tried often enough is put aside."""
        claimed = await self._store.write(
            lambda tx: ledger.claim(tx, conversation, now_ms(), RULES, company=company)
        )
        if isinstance(claimed, Buried):
            turn, reason = claimed.turn, claimed.reason
            await self._store.write(lambda tx: ledger.bury(tx, turn, reason=reason, now=now_ms()))
            self.buried.add(conversation)
            return None
        assert not isinstance(claimed, Unreadable)
        return claimed

    async def die(self) -> None:
        """What a process had, the next one may have."""
        self.deaths += 1
        await self._store.write(lambda tx: ledger.reclaim(tx, "the next", now_ms()))

    async def go_on(self) -> None:
        """Until nobody is suspected any more."""
        survived = 0
        while batch := await self._store.read(
            lambda tx: suspects.next_batch(tx, now_ms(), most=500, survived=survived)  # noqa: B023
        ):
            turns = [turn for it in batch if (turn := await self.claim(it, len(batch)))]
            self.batches += bool({turn.conversation_id for turn in turns} - self._poison)
            if any(turn.conversation_id in self._poison for turn in turns):
                survived = 0
                await self.die()
                continue
            survived = len(turns)
            for turn in turns:
                self.tries[turn.conversation_id] = turn.attempt
                await self._store.write(lambda tx, turn=turn: ledger.close(tx, turn, now_ms()))  # type: ignore[misc]


async def suspected(store: Store, count: int, poison: Iterable[int] = ()) -> Life:
    """Let so many turns be at work when two processes die, some of them poison."""
    bot = Durable(store)
    names = [(await bot.accept("hello", to=f"c{n}")).conversation_id for n in range(count)]
    life = Life(store, {names[it] for it in poison})
    for _ in range(suspects.IN_COMPANY):
        for name in names:
            await life.claim(name, 0)
        await life.die()
    return life


async def lived(url: str, count: int, poison: list[int]) -> Life:
    """The same, and go on from there."""
    async with opened(url) as store:
        life = await suspected(store, count, poison)
        await life.go_on()
        assert life.buried == life._poison
        assert [1] * (count - len(poison)) == list(life.tries.values())
        return life


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 31, 64])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.99])
async def test_one_poison_is_found_soon(sqlite_database: str, count: int, place: float) -> None:
    """It dies after about log2(n) deaths, its neighbours are answered in as many batches; none is charged."""
    life = await lived(sqlite_database, count, [int(count * place)])
    halvings = max(0, ceil(log2(count)) - 1)
    assert suspects.IN_COMPANY + 3 <= life.deaths <= suspects.IN_COMPANY + halvings + 3
    assert life.batches <= 2 * (halvings + 1)


async def test_several_poisons_are_found(sqlite_database: str) -> None:
    """Each of them costs so many deaths at most, and nobody else is put aside."""
    life = await lived(sqlite_database, 40, [0, 1, 17, 39])
    assert life.deaths <= suspects.IN_COMPANY + 4 * (5 + 3)


async def test_without_poison_two_batches_are_enough(sqlite_database: str) -> None:
    """The power failed twice: half of them are begun at once, then all the rest."""
    life = await lived(sqlite_database, 40, [])
    assert (suspects.IN_COMPANY, 2) == (life.deaths, life.batches)


async def test_who_met_fewer_deaths_goes_first(database_url: str) -> None:
    """Two suspects, and a process that dies with either of them: they take turns."""
    async with opened(database_url) as store:
        life = await suspected(store, 2)
        begun: list[str] = []
        for _ in range(4):
            [first] = await store.read(lambda tx: suspects.next_batch(tx, now_ms(), most=500))
            await life.claim(first, 1)
            begun.append(first)
            await life.die()
        assert (2, 2) == (len(set(begun[:2])), len(set(begun[2:])))


@pytest.mark.parametrize(("room", "sizes"), [(1000, [3, 3, 2]), (2, [2, 2, 2, 2]), (1, [1] * 8)])
async def test_no_more_are_begun_together_than_there_is_room_for(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, room: int, sizes: list[int]
) -> None:
    """Nor more than can be claimed at once; who works on them is told how many they are."""
    monkeypatch.setattr(suspects, "_MOST", 3)
    async with opened(sqlite_database) as store:
        life = await suspected(store, 8)
        companies: list[int] = []
        ended = asyncio.Event()

        async def work(conversation: str, company: int) -> bool:
            turn = await life.claim(conversation, company)
            assert turn is not None
            await store.write(lambda tx: ledger.close(tx, turn, now_ms()))
            companies.append(company)
            if len(companies) == 8:
                ended.set()
            return True

        examining = asyncio.create_task(
            suspects.Suspects(store, "", room=lambda: room, work=work).examine_forever()
        )
        async with asyncio.timeout(10):
            await ended.wait()
        examining.cancel()
        await asyncio.wait([examining])
        assert [size for size in sizes for _ in range(size)] == companies


def row(name: str, company: int, state: str = "running") -> Any:
    return SimpleNamespace(id=name, company=company, state=state)


@pytest.mark.parametrize(
    ("waiting", "batch"),
    [
        ([row("a", 0), row("b", 0), row("c", 0)], ["a", "b"]),
        ([row("a", 0), row("b", 2)], ["a"]),
        ([row("a", 2), row("b", 0)], ["a"]),
        ([row("a", 5), row("b", 4), row("c", 4)], ["a", "b"]),
        ([row("a", 1), row("b", 0)], ["a"]),
        ([row("a", 2, "waiting"), row("b", 0)], ["a", "b"]),
    ],
    ids=["any number", "after one", "alone", "half", "alone again", "no death since"],
)
def test_who_died_in_a_batch_goes_on_in_half_of_one(waiting: list[Any], batch: list[str]) -> None:
    """Whatever else there is, and however much the process has survived."""
    assert batch == suspects.batch_of(waiting, 2)
