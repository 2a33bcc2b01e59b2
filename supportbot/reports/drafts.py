"""What people made of drafts, added up by topic, channel or model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import BigInteger, Text, bindparam, case, cast, func, literal_column, or_, select

from supportbot.store import Statement
from supportbot.tables import drafts, triages, turns

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from supportbot.store import Store

DraftGrouping = Literal["topic", "channel", "model"]

_OUTCOMES = ("open", "used", "edited", "ignored", "deleted", "replaced")
_COLUMNS: dict[str, ColumnElement[str]] = {
    "topic": func.coalesce(triages.c.topic, literal_column("''")),
    "channel": drafts.c.channel,
    "model": func.coalesce(turns.c.model, literal_column("''")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRow:
    """What became of the drafts of one topic, channel or model."""

    key: str
    """The topic, or the name in bot.yaml; empty where the question was not sorted."""
    drafts: int
    open: int
    used: int
    edited: int
    ignored: int
    deleted: int
    replaced: int
    sent_length: int
    """Characters of the drafts that were sent, as they were left."""
    changed: int
    """How many of them were inserted, deleted or replaced before that."""


def _sum(value: Any, name: str) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(value), 0), BigInteger).label(name)


def _grouped(by: str) -> Statement:
    key, total = _COLUMNS[by].label("key"), func.count().label("drafts")
    only = bindparam("only", type_=Text)
    return Statement(
        select(
            key,
            total,
            *(_sum(case((drafts.c.outcome == outcome, 1), else_=0), outcome) for outcome in _OUTCOMES),
            _sum(case((drafts.c.changed.is_not(None), drafts.c.length), else_=0), "sent_length"),
            _sum(drafts.c.changed, "changed"),
        )
        .join_from(drafts, turns, turns.c.id == drafts.c.turn_id, isouter=True)
        .join(triages, triages.c.turn_id == drafts.c.turn_id, isouter=True)
        .where(
            drafts.c.left_at >= bindparam("since"),
            drafts.c.left_at < bindparam("until"),
            or_(only == literal_column("''"), drafts.c.channel == only),
        )
        .group_by(_COLUMNS[by])
        .order_by(total.desc(), _COLUMNS[by])
    )


_DRAFTS = {by: _grouped(by) for by in _COLUMNS}
_EVER = 1 << 62


async def drafts_by(
    store: Store, *, by: DraftGrouping = "topic", since: int = 0, until: int = _EVER, channel: str = ""
) -> tuple[DraftRow, ...]:
    """Add up what became of the drafts that were left from ``since`` (included) to ``until`` (not).

    Times are in Unix milliseconds. The group with most drafts comes first. It reads all rows of that time:
    one for each draft.
    """
    where = {"since": since, "until": until, "only": channel}
    rows = await store.read(lambda tx: tx.rows(_DRAFTS[by], **where))
    return tuple(
        DraftRow(
            key=row.key,
            drafts=row.drafts,
            **{outcome: getattr(row, outcome) for outcome in _OUTCOMES},
            sent_length=row.sent_length,
            changed=row.changed,
        )
        for row in rows
    )
