"""What models were asked for and what it cost, added up by day, model, purpose or conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import BigInteger, bindparam, cast, func, literal_column, select

from supportbot.store import Statement
from supportbot.tables import spending

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from supportbot.store import Store

Grouping = Literal["day", "model", "purpose", "conversation"]

_FIRST, _LAST = "0000-00-00", "9999-99-99"
_COLUMNS = {
    "day": spending.c.day,
    "model": spending.c.model,
    "purpose": spending.c.purpose,
    "conversation": spending.c.conversation_id,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """What one day, model, purpose or conversation used; one row for each currency."""

    key: str
    """The day as ``2026-11-25``, the model's name in bot.yaml, ``answer`` and the like, or the conversation's
    id."""
    currency: str
    """Empty where the models have no price."""
    requests: int
    estimated: int
    """So many of the requests did not say what they used: our estimate stands for it."""
    prompt_tokens: int
    cached_tokens: int
    """Part of ``prompt_tokens``."""
    completion_tokens: int
    cost: int
    """In billionths of the currency."""


def _sum(name: str) -> ColumnElement[int]:
    return cast(func.sum(spending.c[name]), BigInteger).label(name)


_SUMS = tuple(
    _sum(name)
    for name in ("requests", "estimated", "prompt_tokens", "cached_tokens", "completion_tokens", "cost")
)
_DAYS = (spending.c.day >= bindparam("since"), spending.c.day <= bindparam("until"))


def _grouped(by: str) -> Statement:
    column, cost = _COLUMNS[by], _sum("cost")
    order = [column] if by == "day" else [cost.desc(), _sum("prompt_tokens").desc(), column]
    return Statement(
        select(column.label("key"), spending.c.currency, *_SUMS)
        .where(*_DAYS)
        .group_by(column, spending.c.currency)
        .order_by(*order)
        .limit(bindparam("most"))
    )


_USAGE = {by: _grouped(by) for by in _COLUMNS}
_TOTALS = Statement(
    select(literal_column("'all'").label("key"), spending.c.currency, *_SUMS)
    .where(*_DAYS)
    .group_by(spending.c.currency)
    .order_by(spending.c.currency)
)


async def usage(
    store: Store, *, by: Grouping = "day", since: str = "", until: str = "", limit: int = 1000
) -> tuple[UsageRow, ...]:
    """Add up what was used on the days from ``since`` to ``until``, both included, as ``2026-11-25``.

    Days stand in their order; models and conversations by cost, dearest first. It reads all rows of these
    days: one for each conversation and model.
    """
    days = {"since": since or _FIRST, "until": until or _LAST}
    rows = await store.read(lambda tx: tx.rows(_USAGE[by], most=limit, **days))
    return tuple(_usage_row(row) for row in rows)


async def usage_totals(store: Store, *, since: str = "", until: str = "") -> tuple[UsageRow, ...]:
    """Add up everything that was used on these days: one row, named ``all``, for each currency."""
    days = {"since": since or _FIRST, "until": until or _LAST}
    rows = await store.read(lambda tx: tx.rows(_TOTALS, **days))
    return tuple(_usage_row(row) for row in rows)


def _usage_row(row: Any) -> UsageRow:
    return UsageRow(
        key=row.key,
        currency=row.currency,
        requests=row.requests,
        estimated=row.estimated,
        prompt_tokens=row.prompt_tokens,
        cached_tokens=row.cached_tokens,
        completion_tokens=row.completion_tokens,
        cost=row.cost,
    )
