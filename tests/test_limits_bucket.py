"""The arithmetic of a bucket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supportbot.limits.bucket import Bucket, Rate

RATE = Rate(per_minute=60, burst=2)


def test_a_burst_and_then_the_rate() -> None:
    """A full bucket is spent at once and fills with time; whoever gets none loses none."""
    bucket, taken = Bucket.full(RATE, 100.0).take(3, RATE, 100.0)
    assert (2, 1.0) == (taken, bucket.wait(RATE))
    bucket, taken = bucket.take(1, RATE, 100.5)
    assert (0, 0.5) == (taken, bucket.wait(RATE))
    bucket, taken = bucket.take(1, RATE, 101.0)
    assert (1, 1.0) == (taken, bucket.wait(RATE))


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    """A long pause saves nothing up, and neither does giving back more than was taken."""
    empty, _ = Bucket.full(RATE, 0.0).take(2, RATE, 0.0)
    assert [2, 2] == [empty.take(9, RATE, 3600.0)[1], empty.give_back(9, RATE).take(9, RATE, 0.0)[1]]


def test_what_is_given_back_can_be_taken() -> None:
    """At once."""
    empty, _ = Bucket.full(RATE, 0.0).take(2, RATE, 0.0)
    assert 1 == empty.give_back(1, RATE).take(2, RATE, 0.0)[1]


def test_a_clock_that_was_set_back_neither_fills_nor_blocks() -> None:
    """An hour back: what is there stays, and it goes on filling from then on."""
    bucket, _ = Bucket.full(RATE, 3600.0).take(1, RATE, 3600.0)
    bucket, taken = bucket.take(2, RATE, 0.0)
    assert (1, 1.0) == (taken, bucket.wait(RATE))
    assert 1 == bucket.take(2, RATE, 1.0)[1]


def test_a_full_bucket_is_forgotten() -> None:
    """``until`` is when it says nothing any more."""
    bucket, _ = Bucket.full(RATE, 10.0).take(2, RATE, 10.0)
    assert 12.0 == bucket.until(RATE)
    assert Bucket.full(RATE, 12.0) == bucket.at_time(12.0, RATE)


@given(
    per_minute=st.floats(0.1, 10_000),
    burst=st.integers(1, 50),
    steps=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 9), st.integers(0, 9)), max_size=40),
)
def test_never_more_than_the_burst_and_the_rate(
    per_minute: float, burst: int, steps: list[tuple[float, int, int]]
) -> None:
    """In any time: what a full bucket holds and what runs into it, given back or not."""
    rate, at = Rate(per_minute, burst), 0.0
    bucket = Bucket.full(rate, at)
    used: list[tuple[float, int]] = []
    for pause, wanted, unused in steps:
        at += pause
        bucket, taken = bucket.take(wanted, rate, at)
        returned = min(taken, unused)
        bucket = bucket.give_back(returned, rate)
        used.append((at, taken - returned))
    for place, (begin, _) in enumerate(used):
        total = 0
        for when, amount in used[place:]:
            total += amount
            assert total <= burst + (when - begin) * rate.per_second + 1e-6
