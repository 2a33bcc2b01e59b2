"""The turn engine of one process: tasks, timers, and a sweep that finds what they missed."""

from __future__ import annotations

import asyncio

import structlog

from supportbot.ids import now_ms
from supportbot.log import in_one_line
from supportbot.turns import ledger
from supportbot.turns.engine import Engine

_SWEEP = 1.0
"""Seconds between two looks at the table: finds what no timer of this process knows of."""

_BATCH = 200
"""Most conversations one sweep claims."""

log = structlog.get_logger(__name__)


class LocalEngine(Engine):
    """Works on the turns of a store that no other process works on, or shares it by leases."""

    async def _find_forever(self) -> None:
        while True:
            try:
                full = await self._sweep()
            except Exception as error:  # noqa: BLE001 - whatever it was must not end the search for work
                log.warning("turns.sweep_failed", error=in_one_line(error))
                full = False
            self._more.clear()
            try:
                # With more waiting than there was room for, the next free place starts the next sweep.
                async with asyncio.timeout(_SWEEP):
                    if full and self._has_room():
                        continue
                    await self._more.wait() if full else await asyncio.sleep(_SWEEP)
            except TimeoutError:
                continue

    async def _sweep(self) -> bool:
        room = min(_BATCH, self._concurrency - len(self._running))
        if room <= 0:
            return True
        rows = await self._store.read(lambda tx: ledger.due(tx, now_ms(), room, self._rules.only))
        claimed = await self._claim_all([row.id for row in rows])
        return claimed and len(rows) == room  # when nothing can be written, do not ask again at once
