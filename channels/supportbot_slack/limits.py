"""Slack's rate limits, obeyed: who was told to wait waits, and nobody else does."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SPACING = 1.0
"""Seconds between two posts in a channel that Slack has limited: https://docs.slack.dev/apis/web-api/rate-limits"""
_MOST = 10_000


class Limits:
    """When each (workspace, method, channel) may be used again. Free until Slack says otherwise.

    After a refusal those who wait get places one second apart, in the order in which they ask:
    otherwise they would all come back at once, and be refused again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._now = clock
        self._next: OrderedDict[tuple[str, ...], float] = OrderedDict()

    def wait(self, *key: str) -> float:
        """Return the seconds to wait before using it; 0 when it is free. Who has to wait has a place then."""
        free_at = self._next.get(key)
        if free_at is None:
            return 0.0
        now = self._now()
        if free_at <= now:
            del self._next[key]
            return 0.0
        self._next[key] = free_at + _SPACING
        return free_at - now

    def refused(self, seconds: float, *key: str) -> float:
        """Slack refused a call and asks to wait so long; returns how long this caller should."""
        free_at = max(self._now() + seconds, self._next.get(key, 0.0))
        self._next[key] = free_at + _SPACING
        self._next.move_to_end(key)
        if len(self._next) > _MOST:
            self._next.popitem(last=False)
        return free_at - self._now()
