"""Deliveries that a platform gives back after it had taken them, such as mail that bounces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from sqlalchemy import bindparam, literal_column, select, update

from supportbot.ids import now_ms
from supportbot.journal import note
from supportbot.outbox import ledger
from supportbot.storable import clean_text
from supportbot.store import Statement
from supportbot.tables import deliveries

if TYPE_CHECKING:
    from supportbot.outbox.deliveries import Counts
    from supportbot.store import Store, Tx

_LONGEST_REASON = 300

_GIVE_BACK = Statement(
    update(deliveries)
    .where(
        deliveries.c.id == bindparam("delivery"),
        deliveries.c.channel == bindparam("of"),
        deliveries.c.state.in_(
            (literal_column("'sending'"), literal_column("'delivered'"), literal_column("'unknown'"))
        ),
    )
    .values(
        state="dead",
        reason=bindparam("why"),
        death="returned",
        owner=None,
        due_at=None,
        updated_at=bindparam("now"),
    )
    .returning(deliveries.c.conversation_id, deliveries.c.message_id, deliveries.c.turn_id, deliveries.c.kind)
)
_CONVERSATION_OF = Statement(
    select(deliveries.c.conversation_id).where(deliveries.c.id == bindparam("delivery"))
)

log = structlog.get_logger(__name__)


class ChannelReturns:
    """Takes one channel's deliveries back; see ``supportbot.host.Returned``."""

    def __init__(self, store: Store, channel: str, counts: Counts) -> None:
        self._store = store
        self._channel = channel
        self._counts = counts

    async def __call__(self, delivery_id: str, /, *, reason: str) -> bool:
        """Record that a delivery did not arrive; says whether that is news."""
        why = clean_text(reason)[:_LONGEST_REASON]

        def unit(tx: Tx) -> str:
            return _give_back(tx, delivery_id, channel=self._channel, reason=why, now=now_ms())

        kind = await self._store.write(unit)
        if kind:
            log.warning("delivery.returned", delivery=delivery_id, reason=why)
            self._counts.delivery(self._channel, kind, "dead")
        return bool(kind)


def _give_back(tx: Tx, delivery_id: str, *, channel: str, reason: str, now: int) -> str:
    """Record that a delivery of a channel did not arrive after all; returns its kind, empty if that is no
    news.

    It may still be on its way, by our reckoning: whoever sends it then records nothing any more. What waits
    behind it is due.
    """
    found = tx.row(_CONVERSATION_OF, delivery=delivery_id)
    if found is None:
        return ""
    tx.lock(ledger.LOCK, conversation=found.conversation_id)
    row = tx.row(_GIVE_BACK, delivery=delivery_id, of=channel, why=reason, now=now)
    if row is None:
        return ""
    note(
        tx,
        row.conversation_id,
        "delivery.returned",
        at=now,
        message_id=row.message_id,
        turn_id=row.turn_id or None,
        delivery_id=delivery_id,
        reason=reason,
    )
    ledger.wake_next(tx, row.conversation_id, now)
    return str(row.kind)
