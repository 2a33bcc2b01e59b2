"""Leave an endpoint alone while it is down, so that customers do not wait for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Breaker:
    """A circuit breaker: after some failures in a row nothing is asked for a while, then one call tries.

    That one call is let through by putting off the end of the rest: should its caller vanish without a
    verdict, another one tries after the next rest. Nothing has to be released.
    """

    def __init__(
        self, *, failures: int = 5, rest: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``failures`` in a row open it; ``rest``: for how many seconds."""
        self._limit = failures
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._closed_until = 0.0  # nothing is asked before this time

    @property
    def is_open(self) -> bool:
        """Whether the endpoint is taken for down, and left alone but for one call now and then."""
        return self._failures >= self._limit

    def closed_for(self) -> float:
        """Return for how many more seconds nothing should be asked. To look changes nothing."""
        return max(0.0, self._closed_until - self._clock())

    def resting(self) -> float:
        """Return the same, just before asking; 0 lets the caller through."""
        now = self._clock()
        if now < self._closed_until:
            return self._closed_until - now
        if self.is_open:
            self._closed_until = now + self._rest
        return 0.0

    def succeeded(self) -> None:
        """Note that the endpoint is well."""
        self._failures = 0
        self._closed_until = 0.0

    def failed(self) -> None:
        """Note a failure."""
        self._failures += 1
        if self.is_open:
            self._closed_until = self._clock() + self._rest
