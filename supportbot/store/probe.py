"""Is the store writable, and how much waits in it?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, func, literal_column, select, update

from supportbot.errors import StoreUnavailable
from supportbot.ids import now_ms
from supportbot.store.statement import Statement
from supportbot.tables import conversations, deliveries, tenants

if TYPE_CHECKING:
    from supportbot.store.base import Store

_TOUCH = Statement(update(tenants).where(tenants.c.id == bindparam("tenant")).values(name=tenants.c.name))
_ONE = Statement(select(literal_column("1").label("one")))
_ANSWERS = 1.0
"""Seconds in which a store that does not hang answers."""

_TURNS = Statement(
    select(func.count().label("number"), func.min(conversations.c.due_at).label("since")).where(
        conversations.c.due_at <= bindparam("now"), conversations.c.state == literal_column("'bot'")
    )
)
_DELIVERIES = Statement(
    select(func.count().label("number"))
    .select_from(deliveries)
    .where(deliveries.c.state.in_((literal_column("'planned'"), literal_column("'sending'"))))
)


async def probe(store: Store) -> str:
    """Write without changing anything; return what is wrong in one line, or nothing."""
    try:
        await store.write(lambda tx: tx.run(_TOUCH, tenant="default"))
    except StoreUnavailable as error:
        return f"not writable: {error.what}"
    return ""


async def hangs(store: Store) -> bool:
    """Say whether it neither answers nor refuses: then nothing that waits for it is worth waiting for."""
    try:
        async with asyncio.timeout(_ANSWERS):
            await store.read(lambda tx: tx.row(_ONE))
    except TimeoutError:
        return True
    except StoreUnavailable:
        pass
    return False


class Waiting(NamedTuple):
    """How much waits."""

    turns: int
    """Conversations that are due."""
    longest: float
    """Seconds for which the first of them has been."""
    deliveries: int
    """Deliveries that are open."""


async def waiting_counts(store: Store) -> Waiting:
    """Return how much waits."""
    now = now_ms()
    turns = await store.read(lambda tx: tx.row(_TURNS, now=now))
    open_deliveries = await store.read(lambda tx: tx.row(_DELIVERIES))
    assert turns is not None
    assert open_deliveries is not None
    longest = (now - turns.since) / 1000 if turns.number else 0.0
    return Waiting(turns.number, longest, open_deliveries.number)
