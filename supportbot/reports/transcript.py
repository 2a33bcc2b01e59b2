"""What was said in conversations, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, literal, select

from supportbot.errors import NotFound
from supportbot.reports.rows import (
    MEMORY,
    TRIAGES,
    ConversationRow,
    MemoryRow,
    MessageRow,
    TriageRow,
    check_id,
    conversation_row,
    memory_row,
    message_row,
    select_conversations,
    select_messages,
    triage_row,
)
from supportbot.store import Statement
from supportbot.tables import conversations, triages
from supportbot.tables import messages as messages_table

if TYPE_CHECKING:
    from supportbot.store import Store, Tx

_CONVERSATION = Statement(select_conversations().where(conversations.c.id == bindparam("conversation")))
_NEWEST = Statement(
    select_messages()
    .where(
        messages_table.c.conversation_id == bindparam("conversation"),
        messages_table.c.seq < bindparam("before"),
    )
    .order_by(messages_table.c.seq.desc())
    .limit(bindparam("most"))
)
_NEXT = Statement(
    select_messages()
    .where(
        messages_table.c.conversation_id == bindparam("conversation"),
        messages_table.c.seq > bindparam("after"),
    )
    .order_by(messages_table.c.seq)
    .limit(bindparam("most"))
)
_IDS = Statement(
    select(conversations.c.id)
    .where(conversations.c.id > bindparam("after"))
    .order_by(conversations.c.id)
    .limit(bindparam("most"))
)

_END = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A conversation with a part of what was said in it."""

    conversation: ConversationRow
    memory: MemoryRow | None
    """What models are told instead of its oldest messages; None as long as they get to read all."""
    messages: tuple[MessageRow, ...]
    """Oldest first."""
    triages: dict[str, TriageRow]
    """What a model says about the newest questions, by turn."""
    more: bool
    """Something was said before the first of them."""


async def transcript(
    store: Store, conversation_id: str, *, limit: int = 50, before: int | None = None
) -> Transcript:
    """Return a conversation with its newest messages, or those before number ``before``.

    Raises:
        NotFound: there is no such conversation.
    """
    check_id(conversation_id, "conversation")

    def unit(tx: Tx) -> Transcript:
        conversation = tx.row(_CONVERSATION, conversation=conversation_id)
        if conversation is None:
            raise NotFound(what="conversation", id=conversation_id)
        found = tx.rows(
            _NEWEST,
            conversation=conversation_id,
            before=_END if before is None else min(before, _END),
            most=limit + 1,
        )
        newest = tuple(message_row(row) for row in reversed(found[:limit]))
        return Transcript(
            conversation=conversation_row(conversation),
            memory=memory_row(tx.row(MEMORY, conversation=conversation_id)),
            messages=newest,
            triages=_triages(tx, newest),
            more=len(found) > limit,
        )

    return await store.read(unit)


def _triages(tx: Tx, shown: tuple[MessageRow, ...]) -> dict[str, TriageRow]:
    turns = {message.turn_id for message in shown if message.turn_id}
    rows = tx.rows(
        Statement(TRIAGES.where(triages.c.turn_id.in_([literal(each) for each in ["", *sorted(turns)]])))
    )
    found = ((row.turn_id, triage_row(row)) for row in rows)
    return {turn: triage for turn, triage in found if triage is not None}


async def messages(
    store: Store, conversation_id: str, *, after: int = 0, limit: int = 500
) -> tuple[MessageRow, ...]:
    """Return messages after number ``after``, oldest first; none when the conversation is not there."""
    check_id(conversation_id, "conversation")
    rows = await store.read(lambda tx: tx.rows(_NEXT, conversation=conversation_id, after=after, most=limit))
    return tuple(message_row(row) for row in rows)


async def conversation_ids(store: Store, *, after: str = "", limit: int = 500) -> tuple[str, ...]:
    """Return ids of conversations, oldest first, behind the id ``after``: for going through all of them."""
    rows = await store.read(lambda tx: tx.rows(_IDS, after=after, most=limit))
    return tuple(row.id for row in rows)
