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
from supportbot.tables import withdrawals as withdrawals_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Column, Select

    from supportbot.messages import DeliveryKind, DeliveryState, State
    from supportbot.store import Store, Tx

Row = TypeVar("Row")

_WITHDRAWAL = Statement(
    select(withdrawals_table).where(withdrawals_table.c.delivery_id == bindparam("asked"))
)
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
    newest = _Query(query, conversation_row, conversations_table.c.id, conversations_table.c.updated_at)
    return await _page(store, newest, noun="conversation", before=before, limit=limit)


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
    newest = _Query(query, turn_row, turns_table.c.id)
    return await _page(store, newest, noun="turn", before=before, limit=limit)


async def dead(store: Store, *, limit: int = 50, before: str = "", channel: str = "") -> Page[TurnRow]:
    """List the turns that were put aside, by when that happened.

    Raises:
        NotFound: there is no turn ``before``.
    """
    query = _of_channel(select_turns(), channel).where(_DEAD)
    newest = _Query(query, turn_row, turns_table.c.id, turns_table.c.finished_at)
    return await _page(store, newest, noun="turn", before=before, limit=limit)


async def deliveries(
    store: Store,
    *,
    limit: int = 50,
    before: str = "",
    channel: str = "",
    state: DeliveryState | None = None,
    kind: DeliveryKind | None = None,
) -> Page[DeliveryRow]:
    """List deliveries: of one state by when they reached it, else by when they were planned.

    Among them what is taken back of conversations that were deleted (``withdrawal``), until that is done.

    Raises:
        NotFound: there is no delivery ``before``.
    """
    sent = select_deliveries()
    taken_back = select(withdrawals_table)
    if channel:
        sent = sent.where(deliveries_table.c.channel == channel)
        taken_back = taken_back.where(withdrawals_table.c.channel == channel)
    if state:
        sent = sent.where(deliveries_table.c.state == state)
        taken_back = taken_back.where(withdrawals_table.c.state == state)
    if kind:
        sent = sent.where(deliveries_table.c.kind == kind)
    by_state = state is not None
    queries = {
        "sent": _Query(
            sent, delivery_row, deliveries_table.c.id, deliveries_table.c.updated_at if by_state else None
        ),
        "withdrawal": _Query(
            taken_back,
            _withdrawal_row,
            withdrawals_table.c.delivery_id,
            withdrawals_table.c.updated_at if by_state else None,
        ),
    }
    if kind:
        queries.pop("sent" if kind == "withdrawal" else "withdrawal")
    return await _page(store, *queries.values(), noun="delivery", before=before, limit=limit)


async def withdrawal(store: Store, delivery_id: str) -> DeliveryRow | None:
    """Return what is taken back of a deleted conversation, by its notice's id; None if nothing is."""
    row = await store.read(lambda tx: tx.row(_WITHDRAWAL, asked=delivery_id))
    return None if row is None else _withdrawal_row(row)


def _withdrawal_row(row: Any) -> DeliveryRow:
    return DeliveryRow(
        id=row.delivery_id,
        conversation_id="",
        message_id="",
        turn_id="",
        channel=row.channel,
        kind="withdrawal",
        state=row.state,
        sends=row.tries,
        receipt=row.external_id,
        reason=row.reason,
        death="",
        handoff="",
        due_at=row.due_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _of_channel(query: Select[Any], channel: str) -> Select[Any]:
    return query.where(conversations_table.c.channel == channel) if channel else query


@dataclass(frozen=True, slots=True)
class _Query(Generic[Row]):
    """What a list, or a part of it, is read with."""

    rows: Select[Any]
    read: Callable[[Any], Row]
    key: Column[str]
    """The id's column. Ids sort by the time they were made, so its index serves where there is no other."""
    order: Column[int] | None = None
    """The column of the time that the list goes by; None: it goes by the id alone."""

    def place(self, row: Any) -> tuple[int, str]:
        """Return where in the list a row stands."""
        return 0 if self.order is None else getattr(row, self.order.name), getattr(row, self.key.name)


async def _page(store: Store, *queries: _Query[Row], noun: str, before: str, limit: int) -> Page[Row]:
    """Read one page, of one query or of several together, in descending order of a time, then of the id."""

    def unit(tx: Tx) -> list[tuple[tuple[int, str], Row]]:
        found = []
        at = _time_of(tx, queries, noun, before) if before else 0
        for query in queries:
            order, key = query.order, query.key
            bounded = query.rows.where(*_behind(order, key, at, before)) if before else query.rows
            by = (key.desc(),) if order is None else (order.desc(), key.desc())
            rows = tx.rows(Statement(bounded.order_by(*by).limit(limit + 1)))
            found += [(query.place(row), query.read(row)) for row in rows]
        return sorted(found, key=lambda each: each[0], reverse=True)

    newest = [row for _, row in await store.read(unit)]
    return Page(tuple(newest[:limit]), more=len(newest) > limit)


def _time_of(tx: Tx, queries: Sequence[_Query[Any]], noun: str, before: str) -> int:
    """Return the time of the last row seen; 0 where the list goes by the id alone."""
    check_id(before, noun)
    for query in queries:
        if query.order is None:
            return 0
        at = select(query.order.label("at")).where(query.key == bindparam("seen"))
        seen = tx.row(Statement(at), seen=before)
        if seen is not None:
            return int(seen.at)
    raise NotFound(what=noun, id=before)


def _behind(order: Column[int] | None, key: Column[str], at: int, before: str) -> tuple[Any, ...]:
    if order is None:
        return (key < before,)
    return (order <= at, or_(order < at, key < before))  # the first alone is what an index can do
