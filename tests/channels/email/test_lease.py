"""One process at a time watches a mailbox: the lease, on both databases."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.errors import StoreUnavailable
from supportbot.records import ChannelRecords
from supportbot_email import lease as module
from supportbot_email.lease import Lease
from tests.channels.email.mailboxes import Clock
from tests.durable import opened

if TYPE_CHECKING:
    from supportbot.host import Records


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, module)


class Suspended:
    """Records of a process that is stopped between reading the lease and writing it."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.read = asyncio.Event()
        self.go_on = asyncio.Event()

    async def get(self, key: str) -> Any | None:
        found = await self._records.get(key)
        self.read.set()
        await self.go_on.wait()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


async def test_one_has_it_and_gives_it_back(database_url: str, clock: Clock) -> None:
    """The second gets it when the first lets it go, or fell silent for half a minute."""
    async with opened(database_url) as store:
        records = ChannelRecords(store, "support", clock=clock)
        first, second = Lease(records), Lease(records)
        assert (True, False, True) == (await first.take(), await second.take(), await first.take())
        await second.give_back()
        assert not await second.take()
        await first.give_back()
        assert (True, False) == (await second.take(), await first.take())
        clock.now += 29_000
        assert (False, True) == (await first.take(), await second.take())
        clock.now += 30_001
        assert (True, False) == (await first.take(), await second.take())


async def test_of_many_who_want_it_one_gets_it(database_url: str, clock: Clock) -> None:
    """They ask at the same time, and again when it has expired."""
    async with opened(database_url) as store:
        records = ChannelRecords(store, "support", clock=clock)
        for _ in range(5):
            leases = [Lease(records) for _ in range(8)]
            assert 1 == sum(await asyncio.gather(*(lease.take() for lease in leases)))
            clock.now += 30_001


async def test_who_was_suspended_does_not_take_it_back(database_url: str, clock: Clock) -> None:
    """Stopped while renewing, for longer than the lease lives: the other has it, and goes on having it."""
    async with opened(database_url) as store:
        records = ChannelRecords(store, "support", clock=clock)
        stopped = Suspended(records)
        first, second = Lease(stopped), Lease(records)  # type: ignore[arg-type]
        assert await first.take()
        renewing = asyncio.ensure_future(first.take())
        await stopped.read.wait()
        clock.now += 30_001
        assert await second.take()
        stopped.go_on.set()
        assert (False, True) == (await renewing, await second.take())


def _dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


async def test_a_dead_process_s_lease_is_one_s_at_once(database_url: str, clock: Clock) -> None:
    """After a crash nobody waits half a minute; of two who come, one gets it."""
    async with opened(database_url) as store:
        records = ChannelRecords(store, "support", clock=clock)
        dead = Lease(records)
        dead._me["pid"] = _dead_process()
        assert await dead.take()
        assert 1 == sum(await asyncio.gather(*(Lease(records).take() for _ in range(8))))


@pytest.mark.parametrize("machine", ["another host's", ""])
async def test_a_process_id_of_elsewhere_tells_nothing(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    """A container or machine with the same host name has ids of its own: its lease is waited for."""
    async with opened(database_url) as store:
        records = ChannelRecords(store, "support", clock=clock)
        other = Lease(records)
        other._me |= {"pid": _dead_process(), "machine": machine}
        assert await other.take()
        if not machine:
            monkeypatch.setattr(module, "_machine", lambda: "")
        assert not await Lease(records).take()


async def test_a_renewal_that_hangs_has_failed(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """Whoever cannot renew in time stops before the lease ends."""
    async with opened(database_url) as store:
        stopped = Suspended(ChannelRecords(store, "support"))
        first = Lease(stopped)  # type: ignore[arg-type]
        assert await first.take()
        monkeypatch.setattr(module, "_WITHIN", 0.01)
        with pytest.raises(StoreUnavailable):
            await first.take()
