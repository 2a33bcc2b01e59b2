"""What people think of answers: one verdict per person and turn, the newest counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert as insert_or_replace  # both databases speak its ON CONFLICT

from supportbot.ids import now_ms
from supportbot.journal import note
from supportbot.messages import clean_key
from supportbot.store import Statement
from supportbot.tables import conversations, ratings, turns

if TYPE_CHECKING:
    from supportbot.channel import Verdict
    from supportbot.store import Store, Tx

_TURN = Statement(
    select(turns.c.conversation_id)
    .join(conversations, conversations.c.id == turns.c.conversation_id)
    .where(turns.c.id == bindparam("turn"), conversations.c.channel == bindparam("of"))
)
_BEFORE = Statement(
    select(ratings.c.verdict).where(
        ratings.c.turn_id == bindparam("turn"), ratings.c.rater == bindparam("by")
    )
)
_rate = insert_or_replace(ratings).inline()
_RATE = Statement(
    _rate.on_conflict_do_update(
        index_elements=[ratings.c.turn_id, ratings.c.rater],
        set_={"verdict": _rate.excluded.verdict, "rated_at": _rate.excluded.rated_at},
    )
)


class Counts(Protocol):
    """What ratings tell of themselves."""

    def answer_rated(self, channel: str, verdict: str) -> None:
        """Somebody rated an answer, or changed their mind."""


class ChannelRatings:
    """One channel's ratings; see ``supportbot.channel.Ratings``."""

    def __init__(self, store: Store, channel: str, counts: Counts) -> None:
        self._store = store
        self._channel = channel
        self._counts = counts

    async def rate(self, turn_id: str, *, rater: str, verdict: Verdict) -> bool:
        """Store what somebody thinks of the answer of a turn; says whether there is such a turn."""
        key = clean_key(rater)

        def unit(tx: Tx) -> bool | None:
            row = tx.row(_TURN, turn=turn_id, of=self._channel)
            if row is None:
                return None
            before = tx.row(_BEFORE, turn=turn_id, by=key)
            if before is not None and before.verdict == verdict:
                return False
            now = now_ms()
            tx.send(
                _RATE,
                turn_id=turn_id,
                rater=key,
                conversation_id=row.conversation_id,
                verdict=verdict,
                rated_at=now,
            )
            note(
                tx,
                row.conversation_id,
                "turn.rated",
                at=now,
                actor="customer",
                turn_id=turn_id,
                verdict=verdict,
            )
            return True

        changed = await self._store.write(unit)
        if changed:
            self._counts.answer_rated(self._channel, verdict)
        return changed is not None
