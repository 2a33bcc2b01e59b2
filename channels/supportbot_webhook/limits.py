"""Rate limits: token buckets in memory, for a bounded number of keys."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from supportbot.web import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot_webhook.config import Rate

_MAX_KEYS = 50_000  # about 10 MB; the longest unused is forgotten first


class TokenBuckets:
    """A bucket of tokens per key. ``rate=None`` never refuses."""

    def __init__(
        self,
        rate: Rate | None,
        *,
        max_keys: int = _MAX_KEYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._max_keys = max_keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> (tokens, at)

    def take(self, key: str) -> float:
        """Take a token. Returns 0.0, or the seconds until there will be one (and takes none)."""
        if self._rate is None:
            return 0.0
        now = self._clock()
        per_second = self._rate.per_minute / 60
        tokens, at = self._buckets.pop(key, (float(self._rate.burst), now))
        tokens = min(float(self._rate.burst), tokens + (now - at) * per_second)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / per_second
        self._buckets[key] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        return wait

    def spend(self, key: str) -> None:
        """Take a token.

        Raises:
            Problem: 429, there is none; ``Retry-After`` says when to come back.
        """
        wait = self.take(key)
        if wait:
            headers = {"Retry-After": str(math.ceil(wait))}
            raise Problem(429, "too_many_requests", "Too many requests. Wait a little.", headers=headers)


def address_key(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or an IPv6 /64 (one customer's line)."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, 64), strict=False))
