"""Conversations as exchanges, newest first: what a customer asked, and what the bot answered to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, literal_column, select

from supportbot.authorship import is_fixed
from supportbot.store import Statement
from supportbot.tables import contacts, conversations, messages, turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from supportbot.store import Store

_PAGE = 100
_END = 2**31 - 1

_NEWEST = Statement(
    select(
        messages.c.seq,
        messages.c.author,
        messages.c.text,
        messages.c.state,
        messages.c.turn_id,
        messages.c.citations,
        turns.c.state.label("turn_state"),
        turns.c.reason.label("turn_reason"),
        turns.c.model,
    )
    .select_from(messages.outerjoin(turns, turns.c.id == messages.c.turn_id))
    .where(messages.c.conversation_id == bindparam("conversation"), messages.c.seq < bindparam("before"))
    .order_by(messages.c.seq.desc())
    .limit(bindparam("most"))
)
_CALLED = Statement(
    select(contacts.c.name)
    .distinct()
    .select_from(messages.join(contacts, contacts.c.id == messages.c.contact_id))
    .where(messages.c.conversation_id == bindparam("conversation"), contacts.c.name != literal_column("''"))
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A customer's words, and the bot's answer to them."""

    asked: tuple[str, ...]
    answered: tuple[str, ...]
    teaches: bool
    """The bot answered by itself: not a person, no fixed text, not given up, not handed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationKey:
    """Where to go on, and what to look at."""

    id: str
    channel: str


async def conversation_keys(
    store: Store,
    *,
    states: Collection[str],
    channel: str = "",
    since: int = 0,
    after: str = "",
    limit: int = 500,
) -> tuple[ConversationKey, ...]:
    """Return conversations in one of these states, oldest first, behind the id ``after``.

    ``since`` is when they must have been begun or later, in Unix milliseconds. A filter reads past what it
    leaves out.
    """
    query = select(conversations.c.id, conversations.c.channel).where(
        conversations.c.id > after,
        conversations.c.state.in_([literal_column(f"'{state}'") for state in states]),
        conversations.c.created_at >= since,
    )
    if channel:
        query = query.where(conversations.c.channel == channel)
    rows = await store.read(lambda tx: tx.rows(Statement(query.order_by(conversations.c.id).limit(limit))))
    return tuple(ConversationKey(id=row.id, channel=row.channel) for row in rows)


async def names(store: Store, conversation_id: str) -> tuple[str, ...]:
    """Return what those are called who wrote in a conversation."""
    rows = await store.read(lambda tx: tx.rows(_CALLED, conversation=conversation_id, most=_PAGE))
    return tuple(row.name for row in rows)


async def exchanges(store: Store, conversation_id: str) -> AsyncIterator[Exchange]:
    """Yield a conversation's exchanges, newest first, reading a page at a time as they are wanted.

    What nobody answered is an exchange that does not teach; what was ignored is left out.
    """
    answered: list[Any] = []
    asked: list[Any] = []
    before = _END
    while rows := await _before(store, conversation_id, before):
        before = rows[-1].seq
        for row in rows:
            if row.state == "ignored" or row.author == "system":
                continue
            if row.author == "customer":
                asked.append(row)
                continue
            if asked:
                yield _exchange(asked, answered)
                answered, asked = [], []
            answered.append(row)
    if asked:
        yield _exchange(asked, answered)


async def _before(store: Store, conversation_id: str, seq: int) -> list[Any]:
    return await store.read(lambda tx: tx.rows(_NEWEST, conversation=conversation_id, before=seq, most=_PAGE))


def _exchange(asked: list[Any], answered: list[Any]) -> Exchange:
    """Make one of rows that stand newest first."""
    bare = Exchange(
        asked=tuple(row.text for row in reversed(asked)),
        answered=tuple(row.text for row in reversed(answered)),
        teaches=False,
    )
    fine = answered and all(row.state == "answered" for row in asked) and all(map(_teaches, answered))
    return replace(bare, teaches=bool(fine))


def _teaches(row: Any) -> bool:
    """Say whether an answer is one to learn from.

    The knowledge's are where it quotes an article. Without a model's name it is a fixed text.
    """
    if row.author != "bot" or row.turn_state != "answered" or row.turn_reason:
        return False
    return not is_fixed(row.model, cites=row.citations != "[]")
