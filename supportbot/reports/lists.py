"""Lists, newest first. ``before`` is the id of the last row seen: the list goes on behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import bindparam, literal_column, or_, select

from supportbot.errors import NotFound
from supportbot.reports.rows import (
    ConversationRow,
    DeliveryRow,
    TurnRow,
    check_id,
    conversation_row,
    delivery_row,
    select_conversations,
    select_deliveries,
    select_turns,
    turn_row,
)
from supportbot.store import Statement
from supportbot.tables import conversations as conversations_table
from supportbot.tables import deliveries as deliveries_table
from supportbot.tables import turns as turns_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Column, Select

    from supportbot.messages import DeliveryState, State
    from supportbot.store import Store, Tx

Row = TypeVar("Row")

_DEAD = turns_table.c.state == literal_column("'dead'")  # spelled out, for the partial index


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A part of a list."""

    rows: tuple[Row, ...]
    more: bool
    """There are older ones: ask again with ``before`` the last row's id."""


async def conversations(
    store: Store, *, limit: int = 50, before: str = "", channel: str = "", state: State | None = None
) -> Page[ConversationRow]:
    """List conversations by when something last happened in them. A filter reads past what it leaves out.

    Raises:
        NotFound: there is no conversation ``before``.
    """
    query = select_conversations()
    if channel:
        query = query.where(conversations_table.c.channel == channel)
    if state:
        query = query.where(conversations_table.c.state == state)
    return await _page(
        store,
        query,
        conversation_row,
        order=conversations_table.c.updated_at,
        key=conversations_table.c.id,
        noun="conversation",
        before=before,
        limit=limit,
    )


async def turns(
    store: Store, *, limit: int = 50, before: str = "", channel: str = "", state: str = ""
) -> Page[TurnRow]:
    """List turns by when they were begun. A filter reads past what it leaves out, but for dead ones.

    Raises:
        NotFound: ``before`` has not the form of a turn's id.
    """
    if state == "dead":
        return await dead(store, limit=limit, before=before, channel=channel)
    query = _of_channel(select_turns(), channel)
    if state:
        query = query.where(turns_table.c.state == state)
    return await _page(
        store,
        query,
        turn_row,
        order=None,
        key=turns_table.c.id,
        noun="turn",
        before=before,
        limit=limit,
    )


async def dead(store: Store, *, limit: int = 50, before: str = "", channel: str = "") -> Page[TurnRow]:
    """List the turns that were put aside, by when that happened.

    Raises:
        NotFound: there is no turn ``before``.
    """
    return await _page(
        store,
        _of_channel(select_turns(), channel).where(_DEAD),
        turn_row,
        order=turns_table.c.finished_at,
        key=turns_table.c.id,
        noun="turn",
        before=before,
        limit=limit,
    )


async def deliveries(
    store: Store,
    *,
    limit: int = 50,
    before: str = "",
    channel: str = "",
    state: DeliveryState | None = None,
) -> Page[DeliveryRow]:
    """List deliveries: of one state by when they reached it, else by when they were planned.

    Raises:
        NotFound: there is no delivery ``before``.
    """
    query = select_deliveries()
    if channel:
        query = query.where(deliveries_table.c.channel == channel)
    if state:
        query = query.where(deliveries_table.c.state == state)
    return await _page(
        store,
        query,
        delivery_row,
        order=deliveries_table.c.updated_at if state else None,
        key=deliveries_table.c.id,
        noun="delivery",
        before=before,
        limit=limit,
    )


def _of_channel(query: Select[Any], channel: str) -> Select[Any]:
    return query.where(conversations_table.c.channel == channel) if channel else query


async def _page(
    store: Store,
    query: Select[Any],
    read: Callable[[Any], Row],
    *,
    order: Column[int] | None,
    key: Column[str],
    noun: str,
    before: str,
    limit: int,
) -> Page[Row]:
    """Read one page in descending order of a time and then of the id; of the id alone without a time.

    Ids sort by the time they were made, so the primary key's index serves where there is no other.
    """

    def unit(tx: Tx) -> list[Any]:
        bounded = query.where(*_behind(tx, order, key, noun, before)) if before else query
        by = (key.desc(),) if order is None else (order.desc(), key.desc())
        return tx.rows(Statement(bounded.order_by(*by).limit(limit + 1)))

    found = await store.read(unit)
    return Page(tuple(read(row) for row in found[:limit]), more=len(found) > limit)


def _behind(tx: Tx, order: Column[int] | None, key: Column[str], noun: str, before: str) -> tuple[Any, ...]:
    check_id(before, noun)
    if order is None:
        return (key < before,)
    seen = tx.row(Statement(select(order.label("at")).where(key == bindparam("seen"))), seen=before)
    if seen is None:
        raise NotFound(what=noun, id=before)
    return (order <= seen.at, or_(order < seen.at, key < before))  # the first alone is what an index can do
