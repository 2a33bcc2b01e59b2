"""Slack's rate limits, obeyed: who was told to wait waits, and nobody else does."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SPACING = 1.0
"""Seconds between two posts in a limited channel: https://docs.slack.dev/apis/web-api/rate-limits"""
_MOST = 10_000
_GIVEN_UP = 60.0
"""Seconds after its time at which a place counts as given up."""


@dataclass(slots=True)
class _Queue:
    free_at: float
    places: dict[str, float] = field(default_factory=dict)
    """When whose turn is, in order."""


class Limits:
    """When each (workspace, method, channel) may be used again. Free until Slack says otherwise.

    After a refusal those who wait get places one second apart, in the order in which they ask:
    otherwise they would all come back at once, and be refused again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._now = clock
        self._queues: OrderedDict[tuple[str, ...], _Queue] = OrderedDict()

    def wait(self, who: str, *key: str) -> float:
        """Return the seconds that ``who`` has to wait, and keep their place; 0 when it is free.

        Who comes back has waited as they were told.
        """
        queue = self._queues.get(key)
        if queue is None:
            return 0.0
        now = self._now()
        queue.places = {w: at for w, at in queue.places.items() if at > now - _GIVEN_UP}
        waited = queue.places.pop(who, None) is not None
        if not queue.places and (waited or queue.free_at <= now):
            del self._queues[key]
            return 0.0
        if waited:
            return 0.0
        last = max(queue.places.values(), default=queue.free_at - _SPACING)
        queue.places[who] = max(queue.free_at, last + _SPACING)
        return max(0.0, queue.places[who] - now)

    def refused(self, seconds: float, who: str, *key: str) -> float:
        """Slack refused a call and asks to wait: ``who`` comes first, then those who waited already."""
        queue = self._queues.setdefault(key, _Queue(0.0))
        queue.free_at = self._now() + seconds
        waiting = [who, *(other for other in queue.places if other != who)]
        queue.places = {other: queue.free_at + _SPACING * place for place, other in enumerate(waiting)}
        self._queues.move_to_end(key)
        if len(self._queues) > _MOST:
            self._queues.popitem(last=False)
        return seconds
