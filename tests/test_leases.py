"""What one process does for all: it goes on whatever happens to it, and moves when its holder is gone."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from supportbot.errors import StoreUnavailable
from supportbot.leases import Leases
from tests.durable import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.store import Store


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that live for a moment."""
    monkeypatch.setattr("supportbot.leases.LIVES", 300)
    monkeypatch.setattr("supportbot.leases._RENEW", 0.02)
    monkeypatch.setattr("supportbot.leases._WITHIN", 0.1)
    monkeypatch.setattr("supportbot.leases._LONGEST_PAUSE", 0.05)


class Moody:
    """A store whose writes fail with what it is told, as often as it is told."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.errors: list[BaseException] = []
        self.down: BaseException | None = None

    async def write(self, unit: Any, *, patience: float = 0.0) -> Any:
        if self.down is not None:
            raise self.down
        if self.errors:
            raise self.errors.pop(0)
        return await self._store.write(unit, patience=patience)


class Work:
    """Endless work that says when it begins and ends, and fails as often as it is told."""

    def __init__(self, *, failures: int = 0, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or ValueError("the words of a customer")
        self.begun = 0
        self.at_work = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self) -> None:
        self.begun += 1
        if self.failures:
            self.failures -= 1
            raise self.error
        self.at_work.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.at_work.clear()
            self.ended.set()


@asynccontextmanager
async def held(leases: Leases, work: Work) -> AsyncIterator[None]:
    """Hold a lease for a while."""
    holding = asyncio.create_task(leases.hold("watch", work))
    try:
        yield
        assert not holding.done(), holding
    finally:
        holding.cancel()
        await asyncio.wait([holding])


async def test_the_work_moves_when_its_holder_stops(database_url: str) -> None:
    """One of two does it; when that one stops, the other begins."""
    async with opened(database_url) as store, asyncio.timeout(10):
        first, second = Work(), Work()
        async with held(Leases(store, "a"), first):
            await first.at_work.wait()
            other = asyncio.create_task(Leases(store, "b").hold("watch", second))
            await asyncio.sleep(0)
            assert not second.at_work.is_set()
        await second.at_work.wait()
        assert not first.at_work.is_set()
        other.cancel()
        await asyncio.wait([other])


@pytest.mark.parametrize("error", [StoreUnavailable(cause="gone"), ValueError("surprise")])
async def test_whatever_keeps_it_from_being_taken_it_is_tried_again(
    database_url: str, error: Exception
) -> None:
    """An error that nobody thought of is told in the log, and the next try takes the lease."""
    async with opened(database_url) as store, asyncio.timeout(10):
        moody = Moody(store)
        moody.errors = [error, error]
        work = Work()
        with capture_logs() as logs:
            async with held(Leases(moody, "a"), work):  # type: ignore[arg-type]
                await work.at_work.wait()
        told = [(line["event"], line["name"]) for line in logs if line["log_level"] != "debug"]
        assert [("lease.not_taken", "watch")] * 2 == told


async def test_work_whose_lease_cannot_be_renewed_ends_before_another_may_begin(database_url: str) -> None:
    """Whatever the error is: until the lease ends the work goes on, then it stops; later it begins anew."""
    async with opened(database_url) as store, asyncio.timeout(10):
        moody = Moody(store)
        work = Work()
        async with held(Leases(moody, "a"), work):  # type: ignore[arg-type]
            await work.at_work.wait()
            moody.down = ValueError("surprise")
            await work.ended.wait()
            moody.down = None
            await work.at_work.wait()
        assert 2 == work.begun


async def test_work_that_fails_is_begun_again_and_each_failure_is_told(database_url: str) -> None:
    """However often it fails; without the words of anybody in the log."""
    async with opened(database_url) as store, asyncio.timeout(10):
        work = Work(failures=5)
        with capture_logs() as logs:
            async with held(Leases(store, "a"), work):
                await work.at_work.wait()
        assert 6 == work.begun
        failed = [line for line in logs if line["event"] == "lease.work_failed"]
        assert [("error", "watch")] * 5 == [(line["log_level"], line["name"]) for line in failed]


@pytest.mark.parametrize("error", [StoreUnavailable(cause="gone"), TimeoutError()])
async def test_a_database_that_is_away_again_and_again_delays_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """That is no failure of the work: who holds the lease, and is the only one to do it, begins at once."""
    monkeypatch.setattr("supportbot.leases._LONGEST_PAUSE", 60.0)
    async with opened(database_url) as store, asyncio.timeout(10):
        work = Work(failures=12, error=error)
        async with held(Leases(store, "a"), work):
            await work.at_work.wait()
        assert 13 == work.begun
