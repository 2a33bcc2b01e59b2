"""A clock that a test sets forward."""

from __future__ import annotations

import time


class Clock:
    """Wall-clock time, which goes on as it does, and jumps when it is told to.

    The ``clock`` fixture puts it in the place of ``time.time`` and ``time.time_ns``, from which everything
    in SupportBot that expires, is due or is signed takes its time. Waiting (``asyncio.sleep``, time-outs) and
    ``datetime.now`` stay with the real one.
    """

    def __init__(self) -> None:
        self._real_ns = time.time_ns
        self._ahead_ns = 0

    def advance(self, seconds: float) -> None:
        """Jump forward; by a negative number back."""
        self._ahead_ns += round(seconds * 1_000_000_000)

    def time(self) -> float:
        """Return the present in Unix seconds, as ``time.time`` does."""
        return self.time_ns() / 1_000_000_000

    def time_ns(self) -> int:
        """Return the present in Unix nanoseconds, as ``time.time_ns`` does."""
        return self._real_ns() + self._ahead_ns
