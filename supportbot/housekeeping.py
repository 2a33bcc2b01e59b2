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

_EVERY = 15.0
"""Seconds between two counts of what waits; every 20th time what has expired is deleted."""

log = structlog.get_logger(__name__)


async def keep_house(store: Store, metrics: Metrics, limits: Limits, untold: Untold) -> None:
    """Count what waits, look what the team was not told, and delete what has expired; for ever."""
    rounds = 0
    while True:
        try:
            metrics.waiting(*await waiting_counts(store), await store.read(withdrawals.standing))
            await untold.look()
            if rounds % 20 == 0:
                await records.purge_expired(store)
                await limits.purge()
        except Exception as error:  # noqa: BLE001 - housekeeping must never take the house down
            log.warning("housekeeping.failed", error=in_one_line(error))
        rounds += 1
        await asyncio.sleep(_EVERY)
