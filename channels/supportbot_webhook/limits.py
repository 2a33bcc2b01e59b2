"""Rate limits: whoever is beyond one is answered 429, and told when to come back."""

from __future__ import annotations

import math
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from supportbot.web import Problem

if TYPE_CHECKING:
    from supportbot.host import Host
    from supportbot_webhook.config import Rate


class Limit:
    """One of the limits of bot.yaml."""

    def __init__(self, host: Host, name: str, rate: Rate | None) -> None:
        """``name``: its key below ``limits``; ``rate``: None never refuses."""
        self._limiter = rate and host.limiter(name, per_minute=rate.per_minute, burst=rate.burst)

    async def spend(self, key: str) -> None:
        """Count something against a key.

        Raises:
            Problem: 429, it was too often; ``Retry-After`` says when to come back.
        """
        wait = await self._limiter.take(key) if self._limiter else 0.0
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
