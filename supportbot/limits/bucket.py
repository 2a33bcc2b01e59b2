"""A bucket of tokens that fills by itself: how often something may happen. Arithmetic, and nothing else.

https://en.wikipedia.org/wiki/Token_bucket
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something may happen."""

    per_minute: float
    """In the long run."""
    burst: int
    """At once, after a pause."""

    @property
    def per_second(self) -> float:
        """In the long run."""
        return self.per_minute / 60


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was left in a bucket at some time, in seconds of whichever clock."""

    left: float
    at: float

    @classmethod
    def full(cls, rate: Rate, now: float) -> Bucket:
        """Return one that nothing was taken from."""
        return cls(float(rate.burst), now)

    def at_time(self, now: float, rate: Rate) -> Bucket:
        """Return it as it is now. A clock that was set back fills nothing, and empties nothing."""
        left = self.left + max(0.0, now - self.at) * rate.per_second
        return Bucket(min(float(rate.burst), max(0.0, left)), now)

    def take(self, wanted: int, rate: Rate, now: float) -> tuple[Bucket, int]:
        """Take what there is of so many tokens; return the bucket without them, and how many they are."""
        bucket = self.at_time(now, rate)
        taken = min(wanted, math.floor(bucket.left + _ROUNDING))
        return Bucket(max(0.0, bucket.left - taken), now), taken

    def give_back(self, tokens: int, rate: Rate) -> Bucket:
        """Put tokens back that were not used."""
        return Bucket(min(float(rate.burst), self.left + tokens), self.at)

    def wait(self, rate: Rate) -> float:
        """Return the seconds until there is one; 0 when there is."""
        return 0.0 if self.left >= 1 - _ROUNDING else (1 - self.left) / rate.per_second

    def until(self, rate: Rate) -> float:
        """Return when it is full again, and need not be remembered."""
        return self.at + (rate.burst - self.left) / rate.per_second


_ROUNDING = 1e-9
"""Tokens that are lost in adding up parts of them."""
