"""How often somebody may do something: a visitor write, an address ask, a channel take messages in.

One process keeps its buckets in memory. Several share one bucket for each key: a process takes a few of its
tokens from the database at a time, and uses them for a moment. Whoever was refused is not looked up again
before their time, so a flood of requests costs the database nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from supportbot.limits.bucket import Bucket, Rate
from supportbot.limits.ledger import Changed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supportbot.limits.ledger import Ledger

PATIENCE = 0.25
"""Seconds after which a process goes on by itself, when the database has not answered."""

LASTS = 2.0
"""Seconds for which a process uses what it took of a bucket."""

_ALONE = 1.0
"""Seconds for which a database that failed, or did not answer in time, is not asked again."""

_SHARE = 16
"""A process takes one part in so many of a burst at a time, and one token at least."""

_MOST_KEYS = 50_000
"""Keys that are remembered, about 10 MB; the longest unused is forgotten first."""


class OwnLimiter:
    """The buckets of this process, when no other has any."""

    def __init__(
        self,
        rate: Rate,
        *,
        most_keys: int = _MOST_KEYS,
        clock: Callable[[], float] = time.monotonic,
        denied: Callable[[], None] | None = None,
    ) -> None:
        """``denied`` is called at every refusal."""
        self._rate = rate
        self._most_keys = most_keys
        self._clock = clock
        self._denied = denied
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    async def take(self, key: str) -> float:
        """Take a token. Returns 0.0, or the seconds until there will be one (and takes none)."""
        wait = self.take_now(key)
        if wait and self._denied is not None:
            self._denied()
        return wait

    def take_now(self, key: str) -> float:
        """Take a token without waiting for anything. See ``take``."""
        now = self._clock()
        bucket = self._buckets.pop(key, None) or Bucket.full(self._rate, now)
        self._buckets[key], taken = bucket.take(1, self._rate, now)
        if len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        return 0.0 if taken else self._buckets[key].wait(self._rate)


@dataclass(slots=True)
class _Share:
    """What this process has of one key's bucket."""

    tokens: int = 0
    good_until: float = 0.0
    denied_until: float = 0.0
    waiting: int = 0
    asking: asyncio.Task[bool] | None = None


class SharedLimiter:
    """One process's hand in buckets that all share. Made inside a running event loop, used from it alone."""

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        rate: Rate,
        *,
        most_keys: int = _MOST_KEYS,
        denied: Callable[[], None] | None = None,
        unshared: Callable[[], None] | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            ledger: where the buckets lie.
            name: of the limit; a bucket's name begins with it.
            rate: how often.
            most_keys: that are remembered here.
            denied: called at every refusal.
            unshared: called when this process goes on by itself.
        """
        self._ledger = ledger
        self._name = name
        self._rate = rate
        self._most_keys = most_keys
        self._denied = denied
        self._unshared = unshared
        self._loop = asyncio.get_running_loop()
        self._batch = max(1, rate.burst // _SHARE)
        self._shares: OrderedDict[str, _Share] = OrderedDict()
        self._own = OwnLimiter(rate, most_keys=most_keys)  # for when the database is slow
        self._alone_until = 0.0

    async def take(self, key: str) -> float:
        """Take a token. Returns 0.0, or the seconds until there will be one (and takes none)."""
        wait = await self._take(key)
        if wait and self._denied is not None:
            self._denied()
        return wait

    async def _take(self, key: str) -> float:
        share = self._share(key)
        while True:
            now = self._loop.time()
            if share.tokens and now < share.good_until:
                share.tokens -= 1
                self._own.take_now(key)
                return 0.0
            if now < share.denied_until:
                return share.denied_until - now
            if not await self._refilled(key, share):
                if self._unshared is not None:
                    self._unshared()
                return self._own.take_now(key)

    def _share(self, key: str) -> _Share:
        share = self._shares.get(key)
        if share is None:
            share = self._shares[key] = _Share()
            if len(self._shares) > self._most_keys:
                self._shares.popitem(last=False)
        else:
            self._shares.move_to_end(key)
        return share

    async def _refilled(self, key: str, share: _Share) -> bool:
        """Wait for more of the bucket; says whether the database answered in time."""
        if self._loop.time() < self._alone_until:
            return False
        share.waiting += 1
        try:
            if share.asking is None:
                share.asking = self._loop.create_task(self._refill(key, share))
            asking = share.asking
            await asyncio.wait([asking], timeout=PATIENCE)
            if asking.done():
                return asking.result()
            self._alone_until = self._loop.time() + _ALONE
            return False
        finally:
            share.waiting -= 1

    async def _refill(self, key: str, share: _Share) -> bool:
        await asyncio.sleep(0)  # so that all who ask at this moment are counted
        unused, share.tokens = share.tokens, 0
        wanted = max(self._batch, share.waiting)
        sent_at = self._loop.time()
        try:
            taken, wait = await self._ledger.exchange(
                self._row(key), lambda state, now: self._taken(state, wanted, unused, now)
            )
        except Exception:  # noqa: BLE001 - whatever it is, customers must not wait for it; the ledger tells of it
            self._alone_until = self._loop.time() + _ALONE
            return False
        else:
            share.tokens, share.good_until = taken, sent_at + LASTS
            share.denied_until = 0.0 if taken else self._loop.time() + wait
            return True
        finally:
            share.asking = None

    def _row(self, key: str) -> str:
        """Name a key's row: keys may be long, and addresses are nobody's business who reads the database."""
        return f"{self._name} {blake2b(key.encode('utf-8', 'replace'), digest_size=16).hexdigest()}"

    def _taken(
        self, state: Mapping[str, Any], wanted: int, unused: int, now: float
    ) -> Changed[tuple[int, float]]:
        bucket = Bucket(*state["bucket"]) if state else Bucket.full(self._rate, now)
        bucket, taken = bucket.give_back(unused, self._rate).take(wanted, self._rate, now)
        wait = 0.0 if taken else bucket.wait(self._rate)
        return Changed({"bucket": [bucket.left, bucket.at]}, bucket.until(self._rate), (taken, wait))
