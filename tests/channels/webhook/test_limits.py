"""Rate limits."""

from __future__ import annotations

import pytest

from supportbot.testing.host import FakeCore
from supportbot.web import Problem
from supportbot_webhook.config import Rate
from supportbot_webhook.limits import Limit, address_key


async def test_no_rate_is_no_limit() -> None:
    """null in bot.yaml."""
    limit = Limit(FakeCore().host, "messages_per_session", None)
    for _ in range(1000):
        await limit.spend("a")


async def test_spending_too_much_is_a_problem() -> None:
    """429, with whole seconds to wait, rounded up; another key is another matter."""
    limit = Limit(FakeCore().host, "messages_per_session", Rate(per_minute=40, burst=1))
    await limit.spend("a")
    with pytest.raises(Problem) as raised:
        await limit.spend("a")
    await limit.spend("b")
    assert (429, {"Retry-After": "2"}) == (raised.value.status, raised.value.headers)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_client(address: str, key: str) -> None:
    """An IPv4 address; an IPv6 network of 64 bits, of which anybody has all addresses."""
    assert key == address_key(address)
