"""What people think of answers and of conversations: one verdict per person and turn, one score per person
and conversation; the newest counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert as insert_or_replace  # both databases speak its ON CONFLICT

from supportbot.host import Opinion
from supportbot.ids import now_ms
from supportbot.journal import note
from supportbot.storable import clean_key, clean_text
from supportbot.store import Statement
from supportbot.tables import conversations, messages, ratings, surveys, turns

if TYPE_CHECKING:
    from supportbot.host import Verdict
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
_CONVERSATION = Statement(
    select(conversations.c.id).where(
        conversations.c.tenant_id == bindparam("tenant"),
        conversations.c.channel == bindparam("of"),
        conversations.c.external_id == bindparam("external"),
    )
)
_VERDICTS = Statement(
    select(messages.c.seq, ratings.c.verdict)
    .join(messages, messages.c.turn_id == ratings.c.turn_id)
    .where(
        ratings.c.conversation_id == bindparam("conversation"),
        ratings.c.rater == bindparam("by"),
        messages.c.author == "bot",
    )
)
_SURVEY = Statement(
    select(surveys.c.score, surveys.c.comment).where(
        surveys.c.conversation_id == bindparam("conversation"), surveys.c.rater == bindparam("by")
    )
)
_score = insert_or_replace(surveys).inline()
_SCORE = Statement(
    _score.on_conflict_do_update(
        index_elements=[surveys.c.conversation_id, surveys.c.rater],
        set_={
            "score": _score.excluded.score,
            "comment": _score.excluded.comment,
            "rated_at": _score.excluded.rated_at,
        },
    )
)
_LONGEST = 2000  # characters of a comment


class Counts(Protocol):
    """What ratings tell of themselves."""

    def answer_rated(self, channel: str, verdict: str) -> None:
        """Somebody rated an answer, or changed their mind."""

    def conversation_scored(self, channel: str, score: int) -> None:
        """Somebody scored a conversation, or changed their mind."""


class ChannelRatings:
    """One channel's ratings; see ``supportbot.host.Ratings``."""

    def __init__(self, store: Store, channel: str, counts: Counts, tenant: str = "default") -> None:
        self._store = store
        self._channel = channel
        self._tenant = tenant
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

    async def score(self, external_id: str, *, rater: str, score: int, comment: str = "") -> bool:
        """Store what somebody thinks of a conversation, 1 to 5; says whether there is such a one."""
        by, words = clean_key(rater), clean_text(comment)[:_LONGEST]

        def unit(tx: Tx) -> bool | None:
            conversation = self._conversation(tx, external_id)
            if conversation is None:
                return None
            before = tx.row(_SURVEY, conversation=conversation, by=by)
            if before is not None and (before.score, before.comment) == (score, words):
                return False
            now = now_ms()
            tx.run(_SCORE, conversation_id=conversation, rater=by, score=score, comment=words, rated_at=now)
            note(tx, conversation, "conversation.scored", at=now, actor="customer", score=score)
            return True

        changed = await self._store.write(unit)
        if changed:
            self._counts.conversation_scored(self._channel, score)
        return changed is not None

    async def given(self, external_id: str, *, rater: str) -> Opinion:
        """Return what somebody said of a conversation and its answers."""
        by = clean_key(rater)

        def unit(tx: Tx) -> Opinion:
            conversation = self._conversation(tx, external_id)
            if conversation is None:
                return Opinion(verdicts={})
            rows = tx.rows(_VERDICTS, conversation=conversation, by=by)
            survey = tx.row(_SURVEY, conversation=conversation, by=by)
            return Opinion(
                verdicts={row.seq: row.verdict for row in rows},
                score=None if survey is None else survey.score,
            )

        return await self._store.read(unit)

    def _conversation(self, tx: Tx, external_id: str) -> str | None:
        row = tx.row(_CONVERSATION, external=clean_key(external_id), of=self._channel, tenant=self._tenant)
        return None if row is None else str(row.id)
