"""The whole story of one message: what was asked, tried, answered, delivered, and what happened when.

A story begins with any of its identifiers. A message leads to the turn that answers it; a turn to its
messages and deliveries; a turn that was put aside and given back leads to the one that came after it
through the journal, which names both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, literal, or_, select

from supportbot.errors import ConversationDeleted, NotFound
from supportbot.ids import now_ms
from supportbot.reports.rows import (
    MEMORY,
    ConversationRow,
    DeliveryRow,
    MemoryRow,
    MessageRow,
    ToolCallRow,
    TurnRow,
    conversation_row,
    delivery_row,
    kind_of,
    memory_row,
    message_row,
    select_conversations,
    select_deliveries,
    select_messages,
    select_turns,
    tool_call_row,
    turn_row,
)
from supportbot.store import Statement
from supportbot.store.values import from_json
from supportbot.tables import conversations, deliveries, events, messages, tool_calls, turns, withdrawals

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement

    from supportbot.store import Store, Tx

_MOST_EVENTS = 200
_MOST = 100
"""Most messages, turns, tool calls or deliveries of one story; a turn answers at most so many messages."""

_RECENT = 10
"""So many messages and turns of a conversation are shown when the whole conversation is asked for."""

_CONVERSATION = Statement(select_conversations().where(conversations.c.id == bindparam("conversation")))
_MESSAGE = Statement(
    select(messages.c.conversation_id, messages.c.id, messages.c.turn_id).where(
        messages.c.id == bindparam("asked")
    )
)
_TURN = Statement(select(turns.c.conversation_id).where(turns.c.id == bindparam("asked")))
_DELIVERY = Statement(
    select(deliveries.c.conversation_id, deliveries.c.message_id, deliveries.c.turn_id).where(
        deliveries.c.id == bindparam("asked")
    )
)
_WITHDRAWAL = Statement(
    select(withdrawals.c.delivery_id).where(withdrawals.c.delivery_id == bindparam("asked"))
)
_REPLAYS = Statement(
    select(events.c.turn_id, events.c.message_id)
    .where(
        events.c.conversation_id == bindparam("conversation"),
        events.c.kind == "turn.replayed",
        events.c.message_id.is_not(None),
    )
    .order_by(events.c.id.desc())
    .limit(1000)
)
_RECENT_MESSAGES = Statement(
    select(messages.c.id)
    .where(messages.c.conversation_id == bindparam("conversation"))
    .order_by(messages.c.seq.desc())
    .limit(_RECENT)
)
_RECENT_TURNS = Statement(
    select(turns.c.id)
    .where(turns.c.conversation_id == bindparam("conversation"))
    .order_by(turns.c.created_at.desc())
    .limit(_RECENT)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One line of the journal; docs/storage.md lists the kinds."""

    at: int
    kind: str
    actor: str
    message_id: str | None
    turn_id: str | None
    delivery_id: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything about one message, or about the newest messages of a conversation."""

    asked: str
    """The identifier it was asked for by."""
    conversation: ConversationRow
    memory: MemoryRow | None
    """What models are told instead of its oldest messages; None as long as they get to read all."""
    messages: tuple[MessageRow, ...]
    """The customer's and the bot's, in order."""
    turns: tuple[TurnRow, ...]
    """Oldest first."""
    tool_calls: tuple[ToolCallRow, ...]
    """In the order in which the model asked for them."""
    deliveries: tuple[DeliveryRow, ...]
    """Oldest first."""
    events: tuple[EventRow, ...]
    """Oldest first."""
    more_events: bool
    """There are older events than these."""


@dataclass(slots=True)
class _Thread:
    """What belongs to the story, as far as it is known."""

    conversation_id: str
    message_ids: set[str] = field(default_factory=set)
    turn_ids: set[str] = field(default_factory=set)


async def explain(store: Store, identifier: str) -> Story:
    """Return the story of a message, turn, delivery or conversation.

    Raises:
        NotFound: there is nothing of this id.
        ConversationDeleted: there was, and what the team was told of it is still being taken back.
    """
    kind = kind_of(identifier)

    def unit(tx: Tx) -> Story:
        return _told(tx, identifier, _begun(tx, kind, identifier), whole=kind == "conversation")

    return await store.read(unit)


def _begun(tx: Tx, kind: str, identifier: str) -> _Thread:
    """Find the thread's end that the identifier names."""
    if kind == "conversation":
        thread = _Thread(identifier)
        thread.message_ids.update(row.id for row in tx.rows(_RECENT_MESSAGES, conversation=identifier))
        thread.turn_ids.update(row.id for row in tx.rows(_RECENT_TURNS, conversation=identifier))
        return thread
    query = {"message": _MESSAGE, "turn": _TURN, "delivery": _DELIVERY}[kind]
    row = tx.row(query, asked=identifier)
    if row is None and kind == "delivery" and tx.row(_WITHDRAWAL, asked=identifier) is not None:
        raise ConversationDeleted(id=identifier)
    if row is None:
        raise NotFound(what=kind, id=identifier)
    thread = _Thread(row.conversation_id)
    match kind:
        case "message":
            thread.message_ids.add(identifier)
            thread.turn_ids.update({row.turn_id} - {None})
        case "turn":
            thread.turn_ids.add(identifier)
        case _:
            thread.message_ids.add(row.message_id)
            thread.turn_ids.update({row.turn_id} - {""})  # what tells of missed messages has none
    _follow(tx, thread)
    return thread


def _follow(tx: Tx, thread: _Thread) -> None:
    """Follow messages to their turns and turns to their messages, until nothing new is found."""
    replays = tx.rows(_REPLAYS, conversation=thread.conversation_id)
    known = -1
    while known != (known := len(thread.message_ids) + len(thread.turn_ids)):
        for replay in replays:
            if replay.turn_id in thread.turn_ids or replay.message_id in thread.message_ids:
                thread.turn_ids.add(replay.turn_id)
                thread.message_ids.add(replay.message_id)
        related = or_(_among(messages.c.id, thread.message_ids), _among(messages.c.turn_id, thread.turn_ids))
        for row in tx.rows(Statement(select(messages.c.id, messages.c.turn_id).where(related).limit(_MOST))):
            thread.message_ids.add(row.id)
            thread.turn_ids.update({row.turn_id} - {None})


def _told(tx: Tx, asked: str, thread: _Thread, *, whole: bool) -> Story:
    conversation = tx.row(_CONVERSATION, conversation=thread.conversation_id)
    if conversation is None:
        raise NotFound(what="conversation", id=thread.conversation_id)
    said = tx.rows(
        Statement(
            select_messages()
            .where(_among(messages.c.id, thread.message_ids))
            .order_by(messages.c.seq)
            .limit(_MOST)
        )
    )
    worked = tx.rows(
        Statement(
            select_turns()
            .where(_among(turns.c.id, thread.turn_ids))
            .order_by(turns.c.created_at, turns.c.id)
            .limit(_MOST)
        )
    )
    called = tx.rows(
        Statement(
            select(tool_calls)
            .where(_among(tool_calls.c.turn_id, thread.turn_ids))
            .order_by(tool_calls.c.turn_id, tool_calls.c.step, tool_calls.c.ordinal)
            .limit(_MOST)
        )
    )
    sent = tx.rows(
        Statement(
            select_deliveries()
            .where(
                deliveries.c.conversation_id == thread.conversation_id,
                or_(
                    _among(deliveries.c.message_id, thread.message_ids),
                    and_(deliveries.c.turn_id != "", _among(deliveries.c.turn_id, thread.turn_ids)),
                ),
            )
            .order_by(deliveries.c.seq, deliveries.c.kind.desc(), deliveries.c.id)  # a reply, then notices
            .limit(_MOST)
        )
    )
    journal = _journal(tx, thread, said, worked, whole=whole)
    return Story(
        asked=asked,
        conversation=conversation_row(conversation),
        memory=memory_row(tx.row(MEMORY, conversation=thread.conversation_id)),
        messages=tuple(message_row(row) for row in said),
        turns=tuple(turn_row(row) for row in worked),
        tool_calls=tuple(tool_call_row(row) for row in called),
        deliveries=tuple(delivery_row(row) for row in sent),
        events=tuple(_event_row(row) for row in reversed(journal[:_MOST_EVENTS])),
        more_events=len(journal) > _MOST_EVENTS,
    )


def _journal(tx: Tx, thread: _Thread, said: list[Any], worked: list[Any], *, whole: bool) -> list[Any]:
    """Read the newest events of the story. It costs a walk through the conversation's part of the journal."""
    query = select(events).where(events.c.conversation_id == thread.conversation_id)
    if not whole:
        query = query.where(
            or_(
                _among(events.c.message_id, thread.message_ids),
                _among(events.c.turn_id, thread.turn_ids),
                and_(events.c.kind == "state.changed", events.c.at.between(*_span(said, worked))),
            )
        )
    return tx.rows(Statement(query.order_by(events.c.id.desc()).limit(_MOST_EVENTS + 1)))


def _among(column: Column[Any], ids: set[str]) -> ColumnElement[bool]:
    """Return "is one of these", a parameter each; an empty text is no id, so that there is always one."""
    return column.in_([literal(each) for each in ["", *sorted(ids)]])


def _span(said: list[Any], worked: list[Any]) -> tuple[int, int]:
    """Return from when to when a change of who speaks is part of the story: to now while it has not ended."""
    begun = min((row.created_at for row in said), default=0)
    if any(row.state in {"pending", "handed_over"} for row in said) or not worked:
        return begun, now_ms()
    return begun, max(row.finished_at or now_ms() for row in worked)


def _event_row(row: Any) -> EventRow:
    return EventRow(
        at=row.at,
        kind=row.kind,
        actor=row.actor,
        message_id=row.message_id,
        turn_id=row.turn_id,
        delivery_id=row.delivery_id,
        data=from_json(row.data),
    )
