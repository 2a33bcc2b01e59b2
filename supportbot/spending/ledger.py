"""What is written about spending: one row for a conversation, a day, a model and what it was asked for.

A conversation is worked on by one turn at a time, so no two transactions want the same row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, bindparam, cast, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_change

from supportbot.store import Statement
from supportbot.tables import spending, turns

if TYPE_CHECKING:
    from supportbot.messages import Turn
    from supportbot.store import Tx
    from supportbot.usage import Spent

_COUNTED = ("requests", "estimated", "prompt_tokens", "cached_tokens", "completion_tokens", "cost")

_new = insert_or_change(spending).inline()
_ADD = Statement(
    _new.on_conflict_do_update(
        index_elements=list(spending.primary_key.columns),
        set_={name: spending.c[name] + _new.excluded[name] for name in _COUNTED},
    )
)
_OF_DAY = Statement(
    select(
        cast(
            func.coalesce(func.sum(spending.c.prompt_tokens + spending.c.completion_tokens), 0), BigInteger
        ).label("tokens"),
        cast(func.coalesce(func.sum(spending.c.cost), 0), BigInteger).label("cost"),
    ).where(spending.c.day == bindparam("today"))
)
_ANSWERED = Statement(
    select(turns.c.id).where(
        turns.c.id == bindparam("turn"),
        turns.c.fence == bindparam("held"),
        turns.c.state == literal_column("'answered'"),
    )
)
_more_cost = bindparam("more_cost", type_=BigInteger)
_ADD_TO_TURN = Statement(
    update(turns)
    .where(turns.c.id == bindparam("turn"))
    .values(
        prompt_tokens=func.coalesce(turns.c.prompt_tokens, 0) + bindparam("more_prompt", type_=BigInteger),
        completion_tokens=func.coalesce(turns.c.completion_tokens, 0)
        + bindparam("more_completion", type_=BigInteger),
        estimated=turns.c.estimated + bindparam("more_estimated"),
        cost=func.coalesce(turns.c.cost + _more_cost, turns.c.cost, _more_cost),
        currency=bindparam("new_currency"),
    )
)


def add(tx: Tx, spent: Spent, *, conversation_id: str, day: str, purpose: str, currency: str) -> None:
    """Add what one model was asked for to the day's row."""
    tx.send(
        _ADD,
        conversation_id=conversation_id,
        day=day,
        model=spent.model,
        purpose=purpose,
        currency=currency,
        requests=spent.requests,
        estimated=spent.estimated,
        prompt_tokens=spent.prompt_tokens,
        cached_tokens=spent.cached_tokens,
        completion_tokens=spent.completion_tokens,
        cost=spent.cost or 0,
    )


def add_to_turn(tx: Tx, turn_id: str, currency: str, spent: Spent) -> None:
    """Add to a turn what it had asked for without an answer coming of it."""
    tx.send(
        _ADD_TO_TURN,
        turn=turn_id,
        more_prompt=spent.prompt_tokens,
        more_completion=spent.completion_tokens,
        more_estimated=spent.estimated,
        more_cost=spent.cost,
        new_currency=currency,
    )


def is_charged(tx: Tx, turn: Turn) -> bool:
    """Say whether this try was answered: then its answer was charged, though who waited never heard of it."""
    return tx.row(_ANSWERED, turn=turn.id, held=turn.fence) is not None


def of_day(tx: Tx, day: str) -> tuple[int, int]:
    """Return the tokens and the billionths of money that a day has used so far."""
    row = tx.row(_OF_DAY, today=day)
    assert row is not None
    return int(row.tokens), int(row.cost)
