"""What is written about turns: claim, renew, fail, bury, hand over. Shared by every driver.

A claim gives its holder a *fencing token*, a number that grows with every claim. Every later
write of the turn names the token in the same statement, so a holder that was overtaken (its lease
ran out while it slept, a person took over) changes nothing any more. Neither does a holder that
has ended its turn already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, bindparam, func, insert, literal_column, or_, select, update

from supportbot.errors import Fenced
from supportbot.ids import new_id
from supportbot.journal import note
from supportbot.store import Statement
from supportbot.tables import conversations, messages, tool_calls, turns
from supportbot.turns.opening import Opening, Rules, Unreadable, opened, unreadable
from supportbot.turns.suspects import IN_COMPANY, SUSPECT

if TYPE_CHECKING:
    from supportbot.messages import Turn
    from supportbot.store import Tx

_PENDING = messages.c.state == literal_column("'pending'")
_IN_CONVERSATION = messages.c.conversation_id == bindparam("conversation")
_THIS_CONVERSATION = conversations.c.id == bindparam("conversation")
_FENCED = and_(_THIS_CONVERSATION, conversations.c.fence == bindparam("held"))
# An answer leaves the fence as it is, so the open turn says whether the work was ended already: by a commit
# whose outcome its writer never heard (it was cancelled, its connection broke) and now records another one.
_HELD = and_(_FENCED, conversations.c.open_turn_id == bindparam("turn"))

_UNFINISHED = turns.c.state.in_((literal_column("'running'"), literal_column("'waiting'")))
_claim = (
    update(conversations)
    .where(
        _THIS_CONVERSATION,
        conversations.c.state == literal_column("'bot'"),
        conversations.c.due_at <= bindparam("now"),
    )
    .values(
        fence=conversations.c.fence + 1,
        owner=bindparam("new_owner"),
        due_at=bindparam("lease"),
        open_turn_id=func.coalesce(conversations.c.open_turn_id, bindparam("new_turn")),
    )
    .returning(conversations)
)
_CLAIM = Statement(_claim)
_CLAIM_UNSUSPECTED = Statement(_claim.where(~SUSPECT))
_take = (
    update(messages)
    .where(
        messages.c.id.in_(
            select(messages.c.id)
            .where(_IN_CONVERSATION, _PENDING, messages.c.turn_id.is_(None))
            .order_by(messages.c.seq)
            .limit(bindparam("most"))
        )
    )
    .values(turn_id=bindparam("turn"))
)
# With the conversation: the server may go by the index of all that is pending, and that may be much.
_of_turn = (messages.c.turn_id == bindparam("turn"), _IN_CONVERSATION, _PENDING)
_PLAIN = (messages.c.id, messages.c.seq, messages.c.created_at, messages.c.client_key)
_TAKE_INTO_TURN = Statement(_take.returning(messages))
_OF_TURN = Statement(select(messages).where(*_of_turn).order_by(messages.c.seq))
_TAKE_UNREAD = Statement(_take.returning(*_PLAIN))
_OF_TURN_UNREAD = Statement(select(*_PLAIN).where(*_of_turn).order_by(messages.c.seq))
_PUT_BACK = Statement(
    update(messages).where(*_of_turn, messages.c.seq > bindparam("first")).values(turn_id=None)
)
_ADD_TURN = Statement(insert(turns).inline())
_TURN = Statement(select(turns).where(turns.c.id == bindparam("turn")))
_TRY_AGAIN = Statement(
    update(turns)
    .where(turns.c.id == bindparam("turn"))
    .values(
        state="running",
        attempt=bindparam("new_attempt"),
        deaths=bindparam("new_deaths"),
        company=bindparam("new_company"),
        fence=bindparam("new_fence"),
    )
)
_WAIT = Statement(
    update(turns)
    .where(turns.c.id == bindparam("turn"))
    .values(state="waiting", reason=bindparam("why"), attempt=bindparam("new_attempt"))
)
_END_TURN = Statement(
    update(turns)
    .where(turns.c.id == bindparam("turn"), _UNFINISHED)
    .values(state=bindparam("new_state"), reason=bindparam("why"), finished_at=bindparam("now"))
)
_SETTLE_MESSAGES = Statement(
    update(messages).where(*_of_turn).values(state=bindparam("new_state"), reason=bindparam("why"))
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
_CLOSE = Statement(
    update(conversations)
    .where(_HELD)
    .values(
        open_turn_id=None,
        owner=None,
        due_at=None,
        last_seq=conversations.c.last_seq + bindparam("replies"),
        updated_at=bindparam("now"),
    )
    .returning(conversations.c.last_seq)
)
_SET_DUE = Statement(update(conversations).where(_FENCED).values(owner=None, due_at=bindparam("due")))
_NOTHING_DUE = Statement(
    update(conversations).where(_FENCED).values(owner=None, due_at=None, open_turn_id=None)
)
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
        conversations.c.state == literal_column("'bot'"),
        or_(
            bindparam("only", type_=Text) == literal_column("''"),
            conversations.c.channel == bindparam("only"),
        ),
        conversations.c.due_at <= bindparam("until"),
        ~SUSPECT,
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

_MOST_MESSAGES = 100
"""Most messages one turn answers together; what is beyond is the next turn's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buried:
    """A turn that was claimed once too often: whoever works on it dies."""

    turn: Turn
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A conversation whose turn has ended."""

    last_seq: int
    """The number of its newest message, those included that ``close`` took numbers for."""
    more: bool
    """Messages wait that no turn has taken yet."""


def claim(
    tx: Tx, conversation_id: str, now: int, rules: Rules, *, company: int = 1, unread: str = ""
) -> Turn | Buried | Unreadable | None:
    """Claim what is due in a conversation, if anything is and nobody holds it.

    Returns the opened turn, counted as one more attempt unless its process died in the last one. One that has
    used up its attempts comes as ``Buried`` and must be given to ``bury`` in the same transaction; one that
    cannot be read as ``Unreadable``, and must be given to ``fail`` or ``bury``.

    A death is not held against a turn that merely was at work when it happened. After the second one it is a
    *suspect* (see ``suspects``), and the death of a process that had no other one at work is a failed try.

    Args:
        tx, conversation_id, now: where, which, and when it is.
        rules: how turns are claimed.
        company: how many suspects are begun together, where this one is; 0 leaves suspects alone.
        unread: why to read nothing of the turn, and call it ``Unreadable``; empty to open it.
    """
    new_turn = new_id("turn")
    conversation = tx.row(
        _CLAIM if company else _CLAIM_UNSUSPECTED,
        conversation=conversation_id,
        now=now,
        new_owner=rules.owner,
        new_turn=new_turn,
        lease=now + rules.lease_ms,
    )
    if conversation is None:
        return None
    if conversation.open_turn_id == new_turn:
        return _begin(tx, conversation, now, rules, unread)
    return _resume(tx, conversation, now, rules, company=company, unread=unread)


def _begin(tx: Tx, conversation: Any, now: int, rules: Rules, unread: str) -> Turn | Unreadable | None:
    turn_id = conversation.open_turn_id
    take = _TAKE_UNREAD if unread else _TAKE_INTO_TURN
    # The last try is one message's, see ``_resume``; here it may be the first.
    most = 1 if rules.attempts == 1 else _MOST_MESSAGES
    rows = tx.rows(take, conversation=conversation.id, most=most, turn=turn_id)
    if not rows:
        tx.send(_NOTHING_DUE, conversation=conversation.id, held=conversation.fence)
        return None
    rows.sort(key=lambda row: row.seq)
    _add(tx, conversation, now)
    note(tx, conversation.id, "turn.claimed", at=now, turn_id=turn_id, attempt=1, messages=len(rows))
    opening = Opening(conversation=conversation, turn_id=turn_id, attempt=1, created_at=now)
    return unreadable(opening, rows, unread) if unread else opened(tx, opening, rules, rows)


def _add(tx: Tx, conversation: Any, now: int) -> None:
    tx.send(
        _ADD_TURN,
        id=conversation.open_turn_id,
        conversation_id=conversation.id,
        state="running",
        fence=conversation.fence,
        attempt=1,
        deaths=0,
        company=0,
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


def _resume(
    tx: Tx, conversation: Any, now: int, rules: Rules, *, company: int, unread: str
) -> Turn | Buried | Unreadable:
    turn_id = conversation.open_turn_id
    row = tx.row(_TURN, turn=turn_id)
    assert row is not None
    died = row.state == "running"  # whoever worked on it never said how that ended
    witnessed = died and row.company != 1
    attempt, deaths = row.attempt + (not witnessed), row.deaths + witnessed
    suspect = deaths >= IN_COMPANY
    asked = tx.rows(_OF_TURN_UNREAD if unread else _OF_TURN, conversation=conversation.id, turn=turn_id)
    opening = Opening(
        conversation=conversation,
        turn_id=turn_id,
        attempt=attempt,
        created_at=row.created_at,
        suspect=suspect,
    )
    if attempt > rules.attempts:
        last = replace(opening, attempt=row.attempt)
        turn = unreadable(last, asked, unread) if unread else opened(tx, last, rules, asked)
        reason = row.reason or unread or "the process died on every try"
        return Buried(turn=turn.turn if isinstance(turn, Unreadable) else turn, reason=reason)
    last_try = attempt == rules.attempts
    if last_try and len(asked) > 1 and not tx.rows(_ANY_TOOL_CALL, turn=turn_id, most=1):
        # The last try takes the oldest message alone: the poison must not take its neighbours with it. Not
        # where tools were run for all of them: another turn would not know of that.
        tx.send(_PUT_BACK, conversation=conversation.id, turn=turn_id, first=asked[0].seq)
        asked = asked[:1]
    tx.send(
        _TRY_AGAIN,
        turn=turn_id,
        new_attempt=attempt,
        new_deaths=deaths,
        new_company=company if suspect else 0,
        new_fence=conversation.fence,
    )
    note(tx, conversation.id, "turn.claimed", at=now, turn_id=turn_id, attempt=attempt, messages=len(asked))
    return unreadable(opening, asked, unread) if unread else opened(tx, opening, rules, asked)


def hold(tx: Tx, turn: Turn) -> None:
    """Lock a turn's conversation until the transaction ends, so that nobody takes it over meanwhile.

    Raises:
        Fenced: it is no longer ours.
    """
    held = tx.run(_HOLD, conversation=turn.conversation_id, held=turn.fence, turn=turn.id)
    check(held == 1, turn)


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
    tx.send(_WAIT, turn=turn.id, why=reason, new_attempt=turn.attempt if counts else turn.attempt - 1)
    kind = "turn.failed" if counts else "turn.released"
    note(tx, turn.conversation_id, kind, at=now, turn_id=turn.id, attempt=turn.attempt, reason=reason)
    return True


def bury(tx: Tx, turn: Turn, *, reason: str, now: int) -> Closed:
    """Put a turn aside as dead, for ``supportbot dead list``.

    Raises:
        Fenced: it is no longer ours.
    """
    closed = close(tx, turn, now)
    tx.send(_END_TURN, turn=turn.id, new_state="dead", why=reason, now=now)
    tx.send(_SETTLE_MESSAGES, conversation=turn.conversation_id, turn=turn.id, new_state="dead", why=reason)
    note(tx, turn.conversation_id, "turn.dead", at=now, turn_id=turn.id, attempt=turn.attempt, reason=reason)
    return closed


def close(tx: Tx, turn: Turn, now: int, *, replies: int = 0) -> Closed:
    """End the work on a turn. What arrived meanwhile is due now.

    Args:
        replies: how many messages will be written into the conversation in this transaction: so many numbers
            are taken for them.

    Raises:
        Fenced: it is no longer ours.
    """
    held = {"conversation": turn.conversation_id, "held": turn.fence}
    closed = tx.ask(_CLOSE, **held, turn=turn.id, replies=replies, now=now)
    # Only then, with the row locked, is it certain that nobody adds a message who saw the turn still open.
    unclaimed = tx.ask(_ANY_UNCLAIMED, conversation=turn.conversation_id, most=1)
    row = closed.row()
    if row is None:
        raise Fenced(turn=turn.id)
    more = unclaimed.row() is not None
    if more:
        tx.send(_SET_DUE, **held, due=now)
    return Closed(last_seq=row.last_seq, more=more)


def settle_messages(tx: Tx, turn: Turn, *, state: str, reason: str = "") -> None:
    """Give the turn's messages their terminal state."""
    tx.send(_SETTLE_MESSAGES, conversation=turn.conversation_id, turn=turn.id, new_state=state, why=reason)


def hand_over_pending(tx: Tx, conversation_id: str, now: int, *, cause: str) -> tuple[str, ...]:
    """Take everything unanswered away from the bot, a running turn included; returns the messages' ids."""
    waiting = tuple(row.id for row in tx.rows(_ALL_PENDING, conversation=conversation_id))
    open_turn = tx.row(_OPEN_TURN, conversation=conversation_id)
    tx.send(_TAKE_AWAY, conversation=conversation_id)
    tx.send(_HAND_OVER, conversation=conversation_id, why=cause)
    if open_turn is not None and open_turn.open_turn_id is not None:
        tx.send(_END_TURN, turn=open_turn.open_turn_id, new_state="handed_over", why=cause, now=now)
        note(tx, conversation_id, "turn.discarded", at=now, turn_id=open_turn.open_turn_id, cause=cause)
    return waiting


def due(tx: Tx, until: int, most: int, only: str = "") -> list[Any]:
    """Return (id, due_at) of the conversations to be looked at by then, most urgent first; without suspects.

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
