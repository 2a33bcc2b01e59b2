"""What became of drafts: how each stands, and how much of it was changed before it was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert as insert_or_replace  # both databases speak its ON CONFLICT

from supportbot.ids import now_ms
from supportbot.journal import note
from supportbot.store import Statement
from supportbot.tables import deliveries, drafts, triages

if TYPE_CHECKING:
    from supportbot.host import DraftOutcome
    from supportbot.store import Store, Tx

_DELIVERY = Statement(
    select(
        deliveries.c.conversation_id,
        deliveries.c.turn_id,
        deliveries.c.message_id,
        triages.c.topic,
        drafts.c.outcome,
        drafts.c.changed,
        drafts.c.length,
        drafts.c.left_at,
    )
    .join_from(deliveries, triages, triages.c.turn_id == deliveries.c.turn_id, isouter=True)
    .join(drafts, drafts.c.delivery_id == deliveries.c.id, isouter=True)
    .where(deliveries.c.id == bindparam("delivery"), deliveries.c.channel == bindparam("of"))
)
_record = insert_or_replace(drafts).inline()
_RECORD = Statement(
    _record.on_conflict_do_update(
        index_elements=[drafts.c.delivery_id],
        set_={name: _record.excluded[name] for name in ("outcome", "length", "changed", "ended_at")},
    )
)


class Counts(Protocol):
    """What drafts tell of themselves."""

    def draft(self, channel: str, topic: str, outcome: str, changed: float | None) -> None:
        """A draft was left, or it ended, or what had been said of its end was put right."""


class ChannelDrafts:
    """One channel's drafts; see ``supportbot.host.Drafts``."""

    def __init__(self, store: Store, channel: str, counts: Counts) -> None:
        self._store = store
        self._channel = channel
        self._counts = counts

    async def record(
        self, delivery_id: str, outcome: DraftOutcome, *, length: int = 0, changed: int | None = None
    ) -> bool:
        """Store how a draft stands; says whether there is such a delivery. One word twice counts once."""

        def unit(tx: Tx) -> bool:
            row = tx.row(_DELIVERY, delivery=delivery_id, of=self._channel)
            if row is None:
                return False
            if (row.outcome, row.changed) == (outcome, changed):
                return True
            now, before = now_ms(), row.outcome
            tx.run(
                _RECORD,
                delivery_id=delivery_id,
                conversation_id=row.conversation_id,
                turn_id=row.turn_id,
                channel=self._channel,
                outcome=outcome,
                length=length or row.length or 0,
                changed=changed,
                left_at=now if row.left_at is None else row.left_at,
                ended_at=None if outcome == "open" else now,
            )
            note(
                tx,
                row.conversation_id,
                f"draft.{outcome}",
                at=now,
                actor="bot" if outcome in {"open", "replaced"} else "person",
                message_id=row.message_id,
                turn_id=row.turn_id,
                delivery_id=delivery_id,
                **({} if changed is None else {"changed": changed, "length": length}),
                **({"before": before} if before not in {None, "open"} else {}),
            )
            part = None if changed is None else changed / max(1, length)
            tx.after_commit(lambda: self._counts.draft(self._channel, row.topic or "", outcome, part))
            return True

        return await self._store.write(unit)
