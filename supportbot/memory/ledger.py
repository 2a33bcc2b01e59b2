"""What is written about memories: kept with an answer, then claimed, summarised, put off, given up.

A summary is due when the history of a conversation begins behind what its summary tells of.
``memories.due_at`` is when somebody should next look at it, and ``fence`` grows with every claim:
whoever was overtaken changes nothing any more. As with turns, the row is the whole work list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, bindparam, case, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_change

from supportbot.journal import note
from supportbot.messages import Turn
from supportbot.store import Statement
from supportbot.store.values import contact_from, from_json, memory_from, message_from, to_json
from supportbot.tables import contacts, conversations, memories, messages

if TYPE_CHECKING:
    from supportbot.messages import Memory
    from supportbot.store import Tx

MOST = 60
"""Most messages that one summary is asked of; what is beyond is the next one's."""

_HELD = (memories.c.conversation_id == bindparam("conversation"), memories.c.fence == bindparam("held"))

_new = insert_or_change(memories).inline()
_KEEP = Statement(
    _new.on_conflict_do_update(
        index_elements=[memories.c.conversation_id],
        set_={
            "from_seq": _new.excluded.from_seq,
            "pinned": _new.excluded.pinned,
            "updated_at": _new.excluded.updated_at,
            "attempt": case((memories.c.owner.is_(None), 0), else_=memories.c.attempt),
            # Whoever is writing a summary will see that there is more.
            "due_at": case((memories.c.owner.is_(None), _new.excluded.due_at), else_=memories.c.due_at),
        },
        where=memories.c.from_seq < _new.excluded.from_seq,
    )
)
_CLAIM = Statement(
    update(memories)
    .where(memories.c.conversation_id == bindparam("conversation"), memories.c.due_at <= bindparam("now"))
    .values(
        fence=memories.c.fence + 1,
        attempt=memories.c.attempt + 1,
        owner=bindparam("new_owner"),
        due_at=bindparam("lease"),
    )
    .returning(memories)
)
_LEFT_OUT = Statement(
    select(messages)
    .where(
        messages.c.conversation_id == bindparam("conversation"),
        messages.c.seq > bindparam("after"),
        messages.c.seq < bindparam("before"),
        messages.c.state != literal_column("'ignored'"),
        messages.c.author != literal_column("'system'"),
    )
    .order_by(messages.c.seq)
    .limit(bindparam("most"))
)
_CONVERSATION = Statement(
    select(
        conversations.c.tenant_id,
        conversations.c.channel,
        conversations.c.external_id.label("conversation_external_id"),
        conversations.c.address,
        contacts,
    )
    .join(contacts, contacts.c.id == conversations.c.contact_id)
    .where(conversations.c.id == bindparam("conversation"))
)
_SUMMARISED = Statement(
    update(memories)
    .where(*_HELD)
    .values(
        summary=bindparam("new_summary"),
        summary_seq=bindparam("up_to"),
        model=bindparam("new_model"),
        attempt=0,
        owner=None,
        reason="",
        due_at=case(
            (memories.c.from_seq - 1 > bindparam("up_to"), bindparam("now", type_=BigInteger)), else_=None
        ),
        updated_at=bindparam("now"),
    )
    .returning(memories.c.due_at)
)
_PUT_OFF = Statement(
    update(memories)
    .where(*_HELD)
    .values(
        attempt=bindparam("new_attempt"),
        owner=None,
        reason=bindparam("why"),
        due_at=bindparam("again_at"),
        updated_at=bindparam("now"),
    )
)
_DUE = Statement(
    select(memories.c.conversation_id)
    .join(conversations, conversations.c.id == memories.c.conversation_id)
    .where(
        memories.c.due_at <= bindparam("now"),
        or_(
            bindparam("only", type_=Text) == literal_column("''"),
            conversations.c.channel == bindparam("only"),
        ),
    )
    .order_by(memories.c.due_at)
    .limit(bindparam("most"))
)
_ABANDONED = Statement(
    update(memories)
    .where(memories.c.due_at.is_not(None), memories.c.owner != bindparam("me"))
    .values(due_at=bindparam("now"), owner=None)
)


def keep(tx: Tx, turn: Turn, memory: Memory, *, now: int, due: int | None) -> None:
    """Keep what a cut of the history leaves, in the transaction that records the answer.

    Args:
        tx: the transaction.
        turn: what was answered.
        memory: the conversation's from now on.
        now: in Unix milliseconds.
        due: when a summary should be written; None when nobody writes any.
    """
    tx.send(
        _KEEP,
        conversation_id=turn.conversation_id,
        from_seq=memory.from_seq,
        pinned=to_json(memory.pinned),
        summary="",
        summary_seq=0,
        model="",
        fence=0,
        owner=None,
        attempt=0,
        due_at=due,
        reason="",
        updated_at=now,
    )
    note(tx, turn.conversation_id, "memory.cut", at=now, turn_id=turn.id, history_from=memory.from_seq)


def claim(tx: Tx, conversation_id: str, *, now: int, owner: str, lease_until: int) -> Turn | None:
    """Claim a summary that is due, if it is and nobody holds it.

    Returns what it is to be made of, as a turn that nobody answers: ``messages`` are the next ones to be
    summarised, ``memory`` holds the summary so far, ``fence`` and ``attempt`` are the claim's. It has no
    messages when there is nothing left to tell.
    """
    row = tx.row(_CLAIM, conversation=conversation_id, now=now, new_owner=owner, lease=lease_until)
    if row is None:
        return None
    conversation = tx.row(_CONVERSATION, conversation=conversation_id)
    assert conversation is not None
    said = tx.rows(
        _LEFT_OUT, conversation=conversation_id, after=row.summary_seq, before=row.from_seq, most=MOST
    )
    return Turn(
        id="",
        conversation_id=conversation_id,
        tenant=conversation.tenant_id,
        channel=conversation.channel,
        external_id=conversation.conversation_external_id,
        address=from_json(conversation.address),
        contact=contact_from(conversation),
        fence=row.fence,
        attempt=row.attempt,
        messages=tuple(message_from(message) for message in said),
        memory=memory_from(row),
        created_at=now,
    )


def summarised(tx: Tx, turn: Turn, *, text: str, up_to: int, model: str, now: int) -> bool:
    """Record a summary in the place of the one before. Says whether more is due at once.

    ``turn`` is what ``claim`` returned; nothing is recorded when somebody else holds the claim by now.
    """
    held = {"conversation": turn.conversation_id, "held": turn.fence}
    row = tx.row(_SUMMARISED, new_summary=text, up_to=up_to, new_model=model, now=now, **held)
    if row is None:
        return False
    if up_to > turn.memory.summary_seq and model:
        note(tx, turn.conversation_id, "memory.summarised", at=now, actor="bot", up_to=up_to, model=model)
    return row.due_at is not None


def put_off(tx: Tx, turn: Turn, *, reason: str, now: int, again_at: int | None, counts: bool = True) -> None:
    """Record that a try failed, and when the next one is; None when it was the last.

    ``counts`` is False when the try was cut short by a clean stop and must not be held against it.
    """
    held = {"conversation": turn.conversation_id, "held": turn.fence}
    attempt = turn.attempt if counts else turn.attempt - 1
    changed = tx.run(_PUT_OFF, new_attempt=attempt, why=reason, again_at=again_at, now=now, **held)
    if changed and counts:
        kind = "memory.given_up" if again_at is None else "memory.failed"
        note(tx, turn.conversation_id, kind, at=now, attempt=turn.attempt, reason=reason)


def due(tx: Tx, now: int, most: int, only: str = "") -> list[str]:
    """Return the conversations whose summary is due, most urgent first.

    Args:
        only: those of this channel; of all channels when empty.
    """
    return [row.conversation_id for row in tx.rows(_DUE, now=now, most=most, only=only)]


def reclaim(tx: Tx, owner: str, now: int) -> int:
    """Make every summary due whose writer is not ``owner``; for a process that knows it is alone."""
    return tx.run(_ABANDONED, me=owner, now=now)
