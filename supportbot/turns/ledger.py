"""What is written about turns: claim, renew, fail, bury, hand over. Shared by every driver.

A claim gives its holder a *fencing token*, a number that grows with every claim. Every later
write of the turn names the token in the same statement, so a holder that was overtaken (its lease
ran out while it slept, a person took over) changes nothing any more. Neither does a holder that
has ended its turn already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import (
    Text,
    and_,
    bindparam,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from supportbot.errors import Fenced
from supportbot.ids import new_id
from supportbot.journal import note
from supportbot.messages import Assurance, Memory, Message, Turn
from supportbot.store import Statement
from supportbot.store.values import contact_from, from_json, memory_from, message_from
from supportbot.tables import contacts, conversations, messages, tool_calls, turns
from supportbot.turns.known import KNOWN, KNOWN_AND_SPENT

if TYPE_CHECKING:
    from supportbot.messages import Contact
    from supportbot.store import Tx

_PENDING = messages.c.state == literal_column("'pending'")
_IN_CONVERSATION = messages.c.conversation_id == bindparam("conversation")
_THIS_CONVERSATION = conversations.c.id == bindparam("conversation")
_FENCED = and_(_THIS_CONVERSATION, conversations.c.fence == bindparam("held"))
# An answer leaves the fence as it is, so the open turn says whether the work was ended already: by a commit
# whose outcome its writer never heard (it was cancelled, its connection broke) and now records another one.
_HELD = and_(_FENCED, conversations.c.open_turn_id == bindparam("turn"))

_CLAIM = Statement(
    update(conversations)
    .where(
        _THIS_CONVERSATION,
        conversations.c.state == literal_column("'bot'"),
        conversations.c.due_at <= bindparam("now"),
    )
    .values(fence=conversations.c.fence + 1, owner=bindparam("new_owner"), due_at=bindparam("lease"))
    .returning(conversations)
)
_SET_OPEN_TURN = Statement(
    update(conversations).where(_THIS_CONVERSATION).values(open_turn_id=bindparam("turn"))
)
_UNCLAIMED = Statement(
    select(messages)
    .where(_IN_CONVERSATION, _PENDING, messages.c.turn_id.is_(None))
    .order_by(messages.c.seq)
    .limit(bindparam("most"))
)
_TAKE_INTO_TURN = Statement(
    update(messages)
    .where(_IN_CONVERSATION, _PENDING, messages.c.turn_id.is_(None), messages.c.seq <= bindparam("last"))
    .values(turn_id=bindparam("turn"))
)
_OF_TURN = Statement(
    select(messages).where(messages.c.turn_id == bindparam("turn"), _PENDING).order_by(messages.c.seq)
)
_PUT_BACK = Statement(
    update(messages)
    .where(messages.c.turn_id == bindparam("turn"), _PENDING, messages.c.seq > bindparam("first"))
    .values(turn_id=None)
)
_WINDOW = Statement(
    select(messages)
    .where(
        _IN_CONVERSATION,
        messages.c.seq >= bindparam("first"),
        messages.c.state != literal_column("'pending'"),
        messages.c.state != literal_column("'ignored'"),
    )
    .order_by(messages.c.seq.desc())
    .limit(bindparam("most"))
)
_left_out = select(messages).where(
    _IN_CONVERSATION,
    messages.c.seq > bindparam("after"),
    messages.c.seq < bindparam("before"),
    messages.c.author.in_((literal_column("'customer'"), literal_column("'person'"))),
    messages.c.state != literal_column("'ignored'"),
)
_FIRST_LEFT_OUT = Statement(_left_out.order_by(messages.c.seq).limit(bindparam("most")))
_LAST_LEFT_OUT = Statement(_left_out.order_by(messages.c.seq.desc()).limit(bindparam("most")))
_CONTACT = Statement(select(contacts).where(contacts.c.id == bindparam("contact")))
_ADD_TURN = Statement(insert(turns).inline())
_TURN = Statement(select(turns).where(turns.c.id == bindparam("turn")))
_TRY_AGAIN = Statement(
    update(turns)
    .where(turns.c.id == bindparam("turn"))
    .values(state="running", attempt=bindparam("new_attempt"), fence=bindparam("new_fence"))
)
_WAIT = Statement(
    update(turns)
    .where(turns.c.id == bindparam("turn"))
    .values(state="waiting", reason=bindparam("why"), attempt=bindparam("new_attempt"))
)
_END_TURN = Statement(
    update(turns)
    .where(
        turns.c.id == bindparam("turn"),
        turns.c.state.in_((literal_column("'running'"), literal_column("'waiting'"))),
    )
    .values(state=bindparam("new_state"), reason=bindparam("why"), finished_at=bindparam("now"))
)
_SETTLE_MESSAGES = Statement(
    update(messages)
    .where(messages.c.turn_id == bindparam("turn"), _PENDING)
    .values(state=bindparam("new_state"), reason=bindparam("why"))
)
_DUE_AGAIN = Statement(update(conversations).where(_HELD).values(owner=None, due_at=bindparam("due")))
_RENEW = Statement(update(conversations).where(_HELD).values(due_at=bindparam("lease")))
_HOLD = Statement(
    update(conversations)
    .where(_FENCED, conversations.c.open_turn_id == bindparam("turn"))
    .values(fence=bindparam("held"))
)
_ANY_TOOL_CALL = Statement(
    select(tool_calls.c.tool).where(tool_calls.c.turn_id == bindparam("turn")).limit(bindparam("most"))
)
_CLOSE = Statement(update(conversations).where(_HELD).values(open_turn_id=None, owner=None, due_at=None))
_SET_DUE = Statement(update(conversations).where(_FENCED).values(owner=None, due_at=bindparam("due")))
_ANY_UNCLAIMED = Statement(
    select(messages.c.id)
    .where(_IN_CONVERSATION, _PENDING, messages.c.turn_id.is_(None))
    .limit(bindparam("most"))
)
_ALL_PENDING = Statement(select(messages.c.id).where(_IN_CONVERSATION, _PENDING).order_by(messages.c.seq))
_HAND_OVER = Statement(
    update(messages).where(_IN_CONVERSATION, _PENDING).values(state="handed_over", reason=bindparam("why"))
)
_TAKE_AWAY = Statement(
    update(conversations)
    .where(_THIS_CONVERSATION)
    .values(fence=conversations.c.fence + 1, open_turn_id=None, owner=None, due_at=None)
)
_OPEN_TURN = Statement(select(conversations.c.open_turn_id).where(_THIS_CONVERSATION))
_DUE = Statement(
    select(conversations.c.id, conversations.c.due_at)
    .where(
        conversations.c.due_at <= bindparam("until"),
        conversations.c.state == literal_column("'bot'"),
        or_(
            bindparam("only", type_=Text) == literal_column("''"),
            conversations.c.channel == bindparam("only"),
        ),
    )
    .order_by(conversations.c.due_at)
    .limit(bindparam("most"))
)
_ABANDONED = Statement(
    update(conversations)
    .where(
        conversations.c.due_at.is_not(None),
        conversations.c.open_turn_id.is_not(None),
        or_(conversations.c.owner.is_(None), conversations.c.owner != bindparam("me")),
    )
    .values(due_at=bindparam("now"), owner=None)
)

_LEFT_OUT = 12
"""So many messages are read of what neither the history nor the summary holds, the newest; and the first."""

_MOST_MESSAGES = 100
"""Most messages one turn answers together; what is beyond is the next turn's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How turns are claimed (bot.yaml, ``turns`` and ``prompts``)."""

    owner: str
    """Names this process among those that may claim."""
    lease_ms: int
    attempts: int
    history: int
    """How many earlier messages a turn is opened with."""
    only: str = ""
    """Look for work in this channel alone; in all of them when empty."""
    capped: bool = False
    """Also read what the conversation has used of models: there is a cap on that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buried:
    """A turn that was claimed once too often: whoever works on it dies."""

    turn: Turn
    reason: str


def claim(tx: Tx, conversation_id: str, now: int, rules: Rules) -> Turn | Buried | None:
    """Claim what is due in a conversation, if anything is and nobody holds it.

    Returns the opened turn, counted as one more attempt; a turn that has used up its attempts comes as
    ``Buried`` and must be given to ``bury`` in the same transaction.
    """
    conversation = tx.row(
        _CLAIM, conversation=conversation_id, now=now, new_owner=rules.owner, lease=now + rules.lease_ms
    )
    if conversation is None:
        return None
    if conversation.open_turn_id is None:
        return _begin(tx, conversation, now, rules)
    return _resume(tx, conversation, now, rules)


def _begin(tx: Tx, conversation: Any, now: int, rules: Rules) -> Turn | None:
    rows = tx.rows(_UNCLAIMED, conversation=conversation.id, most=_MOST_MESSAGES)
    if not rows:
        tx.run(_SET_DUE, conversation=conversation.id, held=conversation.fence, due=None)
        return None
    turn_id = new_id("turn")
    tx.run(
        _ADD_TURN,
        id=turn_id,
        conversation_id=conversation.id,
        state="running",
        fence=conversation.fence,
        attempt=1,
        reason="",
        model="",
        template_hash="",
        prompt_tokens=None,
        completion_tokens=None,
        estimated=0,
        cost=None,
        currency="",
        created_at=now,
        finished_at=None,
    )
    tx.run(_TAKE_INTO_TURN, conversation=conversation.id, last=rows[-1].seq, turn=turn_id)
    tx.run(_SET_OPEN_TURN, conversation=conversation.id, turn=turn_id)
    note(tx, conversation.id, "turn.claimed", at=now, turn_id=turn_id, attempt=1, messages=len(rows))
    asked = tuple(message_from(row).evolve(turn_id=turn_id) for row in rows)
    return _opened(tx, conversation, rules, turn_id=turn_id, attempt=1, created_at=now, asked=asked)


def _resume(tx: Tx, conversation: Any, now: int, rules: Rules) -> Turn | Buried:
    turn_id = conversation.open_turn_id
    row = tx.row(_TURN, turn=turn_id)
    assert row is not None
    attempt = row.attempt + 1
    asked = tuple(message_from(m) for m in tx.rows(_OF_TURN, turn=turn_id))
    if attempt > rules.attempts:
        turn = _opened(
            tx,
            conversation,
            rules,
            turn_id=turn_id,
            attempt=row.attempt,
            created_at=row.created_at,
            asked=asked,
        )
        return Buried(turn=turn, reason=row.reason or "the process died on every try")
    if attempt == rules.attempts and len(asked) > 1 and not tx.rows(_ANY_TOOL_CALL, turn=turn_id, most=1):
        # The last try takes the oldest message alone: the poison must not take its neighbours with it. Not
        # where tools were run for all of them: another turn would not know of that.
        tx.run(_PUT_BACK, turn=turn_id, first=asked[0].seq)
        asked = asked[:1]
    tx.run(_TRY_AGAIN, turn=turn_id, new_attempt=attempt, new_fence=conversation.fence)
    note(tx, conversation.id, "turn.claimed", at=now, turn_id=turn_id, attempt=attempt, messages=len(asked))
    return _opened(
        tx, conversation, rules, turn_id=turn_id, attempt=attempt, created_at=row.created_at, asked=asked
    )


def _opened(
    tx: Tx,
    conversation: Any,
    rules: Rules,
    *,
    turn_id: str,
    attempt: int,
    created_at: int,
    asked: tuple[Message, ...],
) -> Turn:
    query = KNOWN_AND_SPENT if rules.capped else KNOWN
    known = tx.row(query, conversation=conversation.id, contact=conversation.contact_id)
    memory = _remembered(tx, conversation.id, known)
    earlier = tx.rows(_WINDOW, conversation=conversation.id, first=memory.from_seq, most=rules.history)
    return Turn(
        id=turn_id,
        conversation_id=conversation.id,
        tenant=conversation.tenant_id,
        channel=conversation.channel,
        external_id=conversation.external_id,
        address=from_json(conversation.address),
        contact=_asker(tx, conversation, known, asked),
        fence=conversation.fence,
        attempt=attempt,
        messages=asked,
        history=tuple(message_from(row) for row in reversed(earlier)),
        memory=memory,
        created_at=created_at,
        spent_tokens=getattr(known, "spent_tokens", 0),
        spent_cost=getattr(known, "spent_cost", 0),
    )


def _asker(tx: Tx, conversation: Any, known: Any, asked: tuple[Message, ...]) -> Contact:
    """Return who wrote the newest message, only as surely as every message of the turn is theirs.

    A contact's own assurance is the best that was ever seen: a mail with a forged sender must not profit by
    it.
    """
    author = asked[-1].contact_id if asked else None
    beginner = author in {None, conversation.contact_id}
    contact = contact_from(known if beginner else tx.row(_CONTACT, contact=author))
    if any(message.contact_id != contact.id for message in asked):
        return contact.evolve(assurance="anonymous")
    levels: tuple[Assurance, ...] = get_args(Assurance)
    return contact.evolve(
        assurance=min((message.assurance for message in asked), key=levels.index, default="anonymous")
    )


def hold(tx: Tx, turn: Turn) -> None:
    """Lock a turn's conversation until the transaction ends, so that nobody takes it over meanwhile.

    Raises:
        Fenced: it is no longer ours.
    """
    held = tx.run(_HOLD, conversation=turn.conversation_id, held=turn.fence, turn=turn.id)
    check(held == 1, turn)


def _remembered(tx: Tx, conversation_id: str, known: Any) -> Memory:
    """Read what is known of the conversation before its history begins."""
    if known.from_seq is None:
        return Memory()
    memory = memory_from(known)
    if memory.summary_seq >= memory.from_seq - 1:
        return memory
    between = {"conversation": conversation_id, "after": memory.summary_seq, "before": memory.from_seq}
    last = tx.rows(_LAST_LEFT_OUT, most=_LEFT_OUT, **between)
    first = tx.rows(_FIRST_LEFT_OUT, most=1, **between) if len(last) == _LEFT_OUT else []
    by_seq = {row.seq: row for row in (*first, *reversed(last))}
    return memory.evolve(left_out=tuple(message_from(row) for row in by_seq.values()))


def renew(tx: Tx, turn: Turn, lease_until: int) -> bool:
    """Move the end of a turn's lease; says whether the turn is still ours."""
    renewed = tx.run(
        _RENEW, conversation=turn.conversation_id, held=turn.fence, turn=turn.id, lease=lease_until
    )
    return renewed == 1


def fail(tx: Tx, turn: Turn, *, reason: str, now: int, again_at: int, counts: bool = True) -> bool:
    """Put a turn back for another try; says whether it was still ours.

    Args:
        counts: False when the try was cut short by a clean stop and must not be held against the turn.
    """
    held = {"conversation": turn.conversation_id, "held": turn.fence, "turn": turn.id}
    if tx.run(_DUE_AGAIN, **held, due=again_at) == 0:
        return False
    tx.run(_WAIT, turn=turn.id, why=reason, new_attempt=turn.attempt if counts else turn.attempt - 1)
    kind = "turn.failed" if counts else "turn.released"
    note(tx, turn.conversation_id, kind, at=now, turn_id=turn.id, attempt=turn.attempt, reason=reason)
    return True


def bury(tx: Tx, turn: Turn, *, reason: str, now: int) -> bool:
    """Put a turn aside as dead, for ``supportbot dead list``; says whether it was still ours."""
    if not close(tx, turn, now):
        return False
    tx.run(_END_TURN, turn=turn.id, new_state="dead", why=reason, now=now)
    tx.run(_SETTLE_MESSAGES, turn=turn.id, new_state="dead", why=reason)
    note(tx, turn.conversation_id, "turn.dead", at=now, turn_id=turn.id, attempt=turn.attempt, reason=reason)
    return True


def close(tx: Tx, turn: Turn, now: int) -> bool:
    """End the work on a turn if it is still ours; say whether it was. What arrived meanwhile is due now."""
    held = {"conversation": turn.conversation_id, "held": turn.fence}
    if tx.run(_CLOSE, **held, turn=turn.id) == 0:
        return False
    # Only now, with the row locked, is it certain that nobody adds a message who saw the turn still open.
    if has_unclaimed(tx, turn.conversation_id):
        tx.run(_SET_DUE, **held, due=now)
    return True


def has_unclaimed(tx: Tx, conversation_id: str) -> bool:
    """Say whether messages wait that no turn has taken yet."""
    return tx.row(_ANY_UNCLAIMED, conversation=conversation_id, most=1) is not None


def settle_messages(tx: Tx, turn: Turn, *, state: str, reason: str = "") -> None:
    """Give the turn's messages their terminal state."""
    tx.run(_SETTLE_MESSAGES, turn=turn.id, new_state=state, why=reason)


def hand_over_pending(tx: Tx, conversation_id: str, now: int, *, cause: str) -> tuple[str, ...]:
    """Take everything unanswered away from the bot, a running turn included; returns the messages' ids."""
    waiting = tuple(row.id for row in tx.rows(_ALL_PENDING, conversation=conversation_id))
    open_turn = tx.row(_OPEN_TURN, conversation=conversation_id)
    tx.run(_TAKE_AWAY, conversation=conversation_id)
    tx.run(_HAND_OVER, conversation=conversation_id, why=cause)
    if open_turn is not None and open_turn.open_turn_id is not None:
        tx.run(_END_TURN, turn=open_turn.open_turn_id, new_state="handed_over", why=cause, now=now)
        note(tx, conversation_id, "turn.discarded", at=now, turn_id=open_turn.open_turn_id, cause=cause)
    return waiting


def due(tx: Tx, until: int, most: int, only: str = "") -> list[Any]:
    """Return (id, due_at) of the conversations to be looked at by then, most urgent first.

    Args:
        only: those of this channel; of all channels when empty.
    """
    return tx.rows(_DUE, until=until, most=most, only=only)


def reclaim(tx: Tx, owner: str, now: int) -> int:
    """Make every turn due whose holder is not ``owner``; returns how many. For a process that is alone."""
    return tx.run(_ABANDONED, me=owner, now=now)


def check(held: bool, turn: Turn) -> None:
    """Raise ``Fenced`` unless the turn is still ours."""
    if not held:
        raise Fenced(turn=turn.id)
