"""Limits that several processes share: each store object here is another process."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from supportbot import schema
from supportbot.errors import StoreUnavailable
from supportbot.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from supportbot.store import Store, Tx

T = TypeVar("T")


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


@asynccontextmanager
async def two_processes(database_url: str) -> AsyncIterator[list[Watched]]:
    """Two of them on one database."""
    schema.prepare(database_url)
    opened = [open_store(database_url) for _ in range(2)]
    yield [Watched(store) for store in opened]
    for store in opened:
        await store.close()


def now() -> float:
    return asyncio.get_running_loop().time()
