"""Rate limits."""

from __future__ import annotations

import pytest

from supportbot.web import Problem
from supportbot_webhook.config import Rate
from supportbot_webhook.limits import TokenBuckets, address_key


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_the_rate() -> None:
    """A full bucket is spent at once and fills with time."""
    clock = Clock()
    buckets = TokenBuckets(Rate(per_minute=60, burst=2), clock=clock)
    assert [0.0, 0.0, 1.0] == [buckets.take("a") for _ in range(3)]
    clock.now += 0.5
    assert 0.5 == buckets.take("a")
    clock.now += 0.5
    assert [0.0, 1.0] == [buckets.take("a") for _ in range(2)]


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    """A long pause saves nothing up."""
    clock = Clock()
    buckets = TokenBuckets(Rate(per_minute=60, burst=2), clock=clock)
    buckets.take("a")
    clock.now += 3600
    assert [0.0, 0.0, 1.0] == [buckets.take("a") for _ in range(3)]


def test_keys_do_not_share() -> None:
    """Each has its own bucket."""
    buckets = TokenBuckets(Rate(per_minute=1, burst=1), clock=Clock())
    assert (0.0, 0.0) == (buckets.take("a"), buckets.take("b"))


def test_no_rate_is_no_limit() -> None:
    """null in bot.yaml."""
    buckets = TokenBuckets(None)
    assert {0.0} == {buckets.take("a") for _ in range(1000)}


def test_the_keys_are_bounded_and_the_longest_unused_goes_first() -> None:
    """I7: a flood of addresses does not fill the memory."""
    buckets = TokenBuckets(Rate(per_minute=1, burst=1), max_keys=2, clock=Clock())
    for key in ("a", "b", "a", "c"):
        buckets.take(key)
    assert buckets.take("a") > 0
    assert 0.0 == buckets.take("b")


def test_spending_too_much_is_a_problem() -> None:
    """429, with whole seconds to wait, rounded up."""
    buckets = TokenBuckets(Rate(per_minute=40, burst=1), clock=Clock())
    buckets.spend("a")
    with pytest.raises(Problem) as raised:
        buckets.spend("a")
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
