"""Deliveries that a platform gives back after it had taken them, such as mail that bounces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from supportbot.ids import now_ms
from supportbot.outbox import ledger
from supportbot.storable import clean_text

if TYPE_CHECKING:
    from supportbot.store import Store, Tx

_LONGEST_REASON = 300

log = structlog.get_logger(__name__)


class Counts(Protocol):
    """What returns tell of themselves."""

    def delivery(self, channel: str, state: str) -> None:
        """A delivery reached a state."""


class ChannelReturns:
    """Takes one channel's deliveries back; see ``supportbot.channel.Returned``."""

    def __init__(self, store: Store, channel: str, counts: Counts) -> None:
        self._store = store
        self._channel = channel
        self._counts = counts

    async def __call__(self, delivery_id: str, /, *, reason: str) -> bool:
        """Record that a delivery did not arrive; says whether that is news."""
        why = clean_text(reason)[:_LONGEST_REASON]

        def unit(tx: Tx) -> bool:
            return ledger.give_back(tx, delivery_id, channel=self._channel, reason=why, now=now_ms())

        returned = await self._store.write(unit)
        if returned:
            log.warning("delivery.returned", delivery=delivery_id, reason=why)
            self._counts.delivery(self._channel, "dead")
        return returned
