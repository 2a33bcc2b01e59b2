"""What every process does now and then, beside its work: count what waits, clear away what has expired."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from supportbot import records, withdrawals
from supportbot.log import in_one_line
from supportbot.store.probe import waiting_counts

if TYPE_CHECKING:
    from supportbot.limits import Limits
    from supportbot.metrics import Metrics
    from supportbot.outbox.notices import Untold
    from supportbot.store import Store
    from supportbot.store.probe import Waiting

_EVERY = 15.0
"""Seconds between two counts of what waits; every 20th time what has expired is deleted."""

_LONG = 60.0
"""Seconds from which on somebody should know that a question waits: its customer looks at an empty page."""

log = structlog.get_logger(__name__)


class Backlog:
    """What waits: for the metrics, and for the operator where it has waited for too long.

    It is looked at from outside, in the tables, so that it shows whatever the cause may be: too few workers,
    one that stands still, one that finds nothing though there is something.
    """

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._last: Waiting | None = None

    async def look(self) -> None:
        """Count.

        Raises:
            StoreUnavailable: it cannot be read; what was known stands.
        """
        waiting = await waiting_counts(self._store)
        self._metrics.waiting(
            turns=waiting.turns,
            longest=waiting.longest,
            deliveries=waiting.deliveries,
            withdrawals=await self._store.read(withdrawals.standing),
        )
        self._last = waiting

    def problems(self) -> dict[str, str]:
        """Return what ``/readyz`` has to say of it, as of the last look."""
        if self._last is None or self._last.longest < _LONG:
            return {}
        many, longest = self._last.turns, self._last.longest
        wait = "1 conversation waits" if many == 1 else f"{many:,} conversations wait"
        return {"turns": f"{wait} for an answer that nobody has begun, the first for {longest:.0f} s"}


async def keep_house(store: Store, limits: Limits, untold: Untold, backlog: Backlog) -> None:
    """Count what waits, look what the team was not told, and delete what has expired; for ever."""
    rounds = 0
    while True:
        try:
            await backlog.look()
            await untold.look()
            if rounds % 20 == 0:
                await records.purge_expired(store)
                await limits.purge()
        except Exception as error:  # noqa: BLE001 - housekeeping must never take the house down
            log.warning("housekeeping.failed", error=in_one_line(error))
        rounds += 1
        await asyncio.sleep(_EVERY)
