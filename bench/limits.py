"""What limits cost: time before a request, and transactions of the database.

python -m bench.limits [postgresql://…]     without a URL the server is a temporary one, with fsync

First one process that sends to a model far below its limits, then three at their limit, then visitors'
messages.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING

import uvloop

from supportbot import schema
from supportbot.chaos import postgres
from supportbot.limits.bucket import Rate
from supportbot.limits.ledger import Ledger
from supportbot.limits.quota import SharedQuota
from supportbot.limits.rates import OwnLimiter, SharedLimiter
from supportbot.model.gate import Gate
from supportbot.model.quota import OwnQuota, Quota
from supportbot.store import open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from supportbot.store import Store

SECONDS = 5.0


class Counted:
    """A store whose transactions are counted."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.writes = 0

    async def write(self, unit, *, patience=0.0, fleeting=False):
        self.writes += 1
        return await self.store.write(unit, patience=patience, fleeting=fleeting)


def shown(name: str, waits: list[float], seconds: float, writes: int) -> None:
    waits.sort()
    at = [waits[min(len(waits) - 1, int(len(waits) * part))] * 1000 for part in (0.5, 0.99)]
    print(
        f"{name:44} {len(waits) / seconds:8.1f}/s   p50 {at[0]:8.3f} ms   p99 {at[1]:9.3f} ms"
        f"   {writes / seconds:6.2f} tx/s"
    )


async def paced(
    name: str, each: Callable[[], Awaitable[object]], per_second: float, stores: list[Counted]
) -> None:
    """Do something so often, each time without waiting for the last one, and tell how long it took."""
    loop, waits, before = asyncio.get_running_loop(), list[float](), sum(s.writes for s in stores)

    async def one() -> None:
        begun = time.perf_counter()
        await each()
        waits.append(time.perf_counter() - begun)

    begun = loop.time()
    tasks = []
    while (at := loop.time()) < begun + SECONDS:
        tasks.append(asyncio.create_task(one()))
        await asyncio.sleep(max(0.0, begun + len(tasks) / per_second - at))
    await asyncio.gather(*tasks)
    shown(name, waits, loop.time() - begun, sum(s.writes for s in stores) - before)


def through(gate: Gate) -> Callable[[], Awaitable[object]]:
    async def go() -> None:
        async with gate.place(2000, until=asyncio.get_running_loop().time() + 300) as permit:
            permit.used(900)

    return go


async def main(url: str) -> None:
    schema.prepare(url)
    async with AsyncExitStack() as stack:
        stores = []
        for _ in range(3):
            store = open_store(url)
            stack.push_async_callback(store.close)
            stores.append(Counted(store))

        def shared(number: int, **limits: int) -> Quota:
            ledger = Ledger(stores[number])
            return SharedQuota(ledger, f"model {limits}", owner=f"p{number}", **limits)

        await asyncio.gather(*(s.store.read(lambda _: None) for s in stores))
        far: dict[str, int] = {"requests": 100_000, "tokens": 100_000_000}
        for name, quota in (
            ("own, far below its limits", OwnQuota(**far)),
            ("shared, far below", shared(0, **far)),
            ("shared, no limit", shared(0)),
        ):
            for rate in (1, 20, 200):
                await paced(f"model, {name}, {rate}/s", through(Gate(quota)), rate, stores)

        gates = [Gate(shared(number, requests=600)) for number in range(3)]
        await asyncio.gather(*(through(gates[n % 3])() for n in range(600)))  # a minute's worth
        times: list[float] = []

        async def at_the_limit(gate: Gate) -> None:
            await through(gate)()
            times.append(time.monotonic())

        before, begun = sum(s.writes for s in stores), time.monotonic()
        await asyncio.gather(*(at_the_limit(gates[n % 3]) for n in range(600)))
        took = time.monotonic() - begun
        print(
            f"model, three processes at 600 a minute: 600 more after {took:.1f} s,"
            f" {(sum(s.writes for s in stores) - before) / took / 3:.2f} tx/s for each process"
        )

        visitors = Rate(per_minute=30, burst=10)
        names = iter(range(10**9))
        for name, limiter in (
            ("own", OwnLimiter(visitors)),
            ("shared", SharedLimiter(Ledger(stores[0]), "web m", visitors)),
        ):
            for rate in (1, 20, 200):
                each = lambda limiter=limiter: limiter.take(str(next(names)))  # noqa: E731
                await paced(f"visitor's message, {name}, {rate}/s", each, rate, stores)
        channel = SharedLimiter(Ledger(stores[0]), "web c", Rate(per_minute=30_000, burst=2000))
        await paced("channel's message, shared, 200/s", lambda: channel.take(""), 200, stores)


if __name__ == "__main__":
    with ExitStack() as life:
        server = sys.argv[1] if sys.argv[1:] else life.enter_context(postgres.own_server()).url
        uvloop.run(main(life.enter_context(postgres.own_database(server))))
