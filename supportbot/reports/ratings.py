"""What people think of answers and of conversations: what each of them said, and what it adds up to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import BigInteger, Text, bindparam, case, cast, func, literal_column, or_, select

from supportbot.store import Statement
from supportbot.tables import conversations, messages, ratings, surveys, triages, turns

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table

    from supportbot.host import Verdict
    from supportbot.store import Store, Tx

RatingGrouping = Literal["topic", "channel", "model"]

_SNIPPET = 200  # characters of a question
_EVER = 1 << 62
_LOW = 2  # a score that counts as bad, of 5
_COLUMNS: dict[str, ColumnElement[str]] = {
    "topic": func.coalesce(triages.c.topic, literal_column("''")),
    "channel": conversations.c.channel,
    "model": func.coalesce(turns.c.model, literal_column("''")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionRow:
    """What somebody said of an answer (``verdict``) or of a whole conversation (``score``)."""

    conversation_id: str
    channel: str
    rated_at: int
    turn_id: str | None = None
    """Whose answer; None for the conversation."""
    verdict: Verdict | None = None
    score: int | None = None
    """1 (bad) to 5 (good)."""
    text: str = ""
    """How the question began, of an answer; what they wrote to it, of a conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingRow:
    """Verdicts on the answers to one topic, of one channel or model."""

    key: str
    """The topic, or the name in bot.yaml; empty where the question was not sorted."""
    good: int
    bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingSums:
    """What was said of answers, by group, and of conversations, all together."""

    rows: tuple[RatingRow, ...]
    scored: int
    """Conversations that were given a score."""
    score: float | None
    """Its mean, 1 to 5; None without any."""


def _within(query: Any, table: Table) -> Any:
    """Return a query of what was said in a time, of one channel or of all."""
    only = bindparam("only", type_=Text)
    return query.join(conversations, conversations.c.id == table.c.conversation_id).where(
        table.c.rated_at >= bindparam("since"),
        table.c.rated_at < bindparam("until"),
        or_(only == literal_column("''"), conversations.c.channel == only),
    )


def _newest(query: Any, table: Table, bad: ColumnElement[bool]) -> Statement:
    every = bindparam("every", type_=BigInteger)
    return Statement(
        _within(query, table)
        .where(or_(every == literal_column("1"), bad))
        .order_by(table.c.rated_at.desc(), table.c.conversation_id)
        .limit(bindparam("most"))
    )


_QUESTION = (
    select(func.substr(messages.c.text, 1, _SNIPPET))
    .where(messages.c.turn_id == ratings.c.turn_id, messages.c.author == literal_column("'customer'"))
    .order_by(messages.c.seq)
    .limit(1)
    .scalar_subquery()
)
_VERDICTS = _newest(
    select(ratings, conversations.c.channel, _QUESTION.label("text")).select_from(ratings),
    ratings,
    ratings.c.verdict == literal_column("'bad'"),
)
_SCORES = _newest(
    select(surveys, conversations.c.channel).select_from(surveys),
    surveys,
    surveys.c.score <= literal_column(str(_LOW)),
)
_MEAN = Statement(
    _within(
        select(
            func.count().label("scored"),
            cast(func.coalesce(func.sum(surveys.c.score), 0), BigInteger).label("total"),
        ).select_from(surveys),
        surveys,
    )
)


def _grouped(by: str) -> Statement:
    def count(verdict: str) -> ColumnElement[int]:
        return cast(func.sum(case((ratings.c.verdict == verdict, 1), else_=0)), BigInteger).label(verdict)

    query = (
        select(_COLUMNS[by].label("key"), count("good"), count("bad"))
        .select_from(ratings)
        .join(turns, turns.c.id == ratings.c.turn_id, isouter=True)
        .join(triages, triages.c.turn_id == ratings.c.turn_id, isouter=True)
    )
    return Statement(
        _within(query, ratings).group_by(_COLUMNS[by]).order_by(func.count().desc(), _COLUMNS[by])
    )


_SUMS = {by: _grouped(by) for by in _COLUMNS}


async def opinions(
    store: Store,
    *,
    limit: int = 50,
    since: int = 0,
    until: int = _EVER,
    channel: str = "",
    only_bad: bool = False,
) -> tuple[OpinionRow, ...]:
    """Return what people said from ``since`` (included) to ``until`` (not), newest first.

    Times are in Unix milliseconds.

    ``only_bad``: thumbs down, and scores of 1 and 2. It reads all rows of that time.
    """
    where = {"since": since, "until": until, "only": channel, "every": int(not only_bad), "most": limit}

    def unit(tx: Tx) -> tuple[OpinionRow, ...]:
        verdicts = (
            OpinionRow(
                conversation_id=row.conversation_id,
                channel=row.channel,
                rated_at=row.rated_at,
                turn_id=row.turn_id,
                verdict=row.verdict,
                text=row.text or "",
            )
            for row in tx.rows(_VERDICTS, **where)
        )
        scores = (
            OpinionRow(
                conversation_id=row.conversation_id,
                channel=row.channel,
                rated_at=row.rated_at,
                score=row.score,
                text=row.comment,
            )
            for row in tx.rows(_SCORES, **where)
        )
        newest = sorted(chain(verdicts, scores), key=lambda row: row.rated_at, reverse=True)
        return tuple(newest[:limit])

    return await store.read(unit)


async def ratings_by(
    store: Store, *, by: RatingGrouping = "topic", since: int = 0, until: int = _EVER, channel: str = ""
) -> RatingSums:
    """Add up what people said from ``since`` (included) to ``until`` (not), in Unix milliseconds.

    The group with most verdicts comes first. It reads all rows of that time.
    """
    where = {"since": since, "until": until, "only": channel}

    def unit(tx: Tx) -> RatingSums:
        [mean] = tx.rows(_MEAN, **where)
        return RatingSums(
            rows=tuple(
                RatingRow(key=row.key, good=row.good, bad=row.bad) for row in tx.rows(_SUMS[by], **where)
            ),
            scored=mean.scored,
            score=mean.total / mean.scored if mean.scored else None,
        )

    return await store.read(unit)
