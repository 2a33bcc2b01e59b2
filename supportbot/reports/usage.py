"""What models were asked for and what it cost, added up by day, model, purpose or conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import BigInteger, bindparam, cast, func, select

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


def _grouped(by: str) -> Statement:
    key, cost = _COLUMNS[by].label("key"), _sum("cost")
    order = [_COLUMNS[by]] if by == "day" else [cost.desc(), _sum("prompt_tokens").desc(), _COLUMNS[by]]
    return Statement(
        select(
            key,
            spending.c.currency,
            *(_sum(name) for name in ("requests", "estimated", "prompt_tokens", "cached_tokens")),
            _sum("completion_tokens"),
            cost,
        )
        .where(spending.c.day >= bindparam("since"), spending.c.day <= bindparam("until"))
        .group_by(_COLUMNS[by], spending.c.currency)
        .order_by(*order)
        .limit(bindparam("most"))
    )


_USAGE = {by: _grouped(by) for by in _COLUMNS}


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
