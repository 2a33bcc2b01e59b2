"""What is written about withdrawals: posts that told the team of conversations which were deleted since.

    planned -> delivered | unknown | dead

A conversation that is deleted takes its deliveries with it. So what is to be done about them on their
platforms moves here, and is listed, retried and settled like a delivery. A row is here as long as its post
may hold words of the conversation: what is ``delivered`` is not.

``fence`` grows with every claim, and whoever records what came of one names it. Twice the same does no harm,
so there is no ``sending``: one whose process died is due again when its lease ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import (
    BigInteger,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from supportbot.store import Statement
from supportbot.tables import deliveries, withdrawals

if TYPE_CHECKING:
    from supportbot.store import Tx

Outcome = Literal["delivered", "unknown", "dead"]
"""How a withdrawal ends."""

_now = bindparam("now", type_=BigInteger)
_PLAN = Statement(
    insert(withdrawals).from_select(
        [
            *("delivery_id", "channel", "external_id", "address", "state", "fence", "tries", "looks"),
            *("reason", "due_at", "planned_at", "deleted_at", "created_at", "updated_at"),
        ],
        select(
            deliveries.c.id,
            deliveries.c.channel,
            deliveries.c.external_id,
            deliveries.c.address,
            literal_column("'planned'"),
            *(literal_column("0"),) * 3,
            literal_column("''"),
            # one that is just being told, or brought up to date, is taken back behind that
            case((deliveries.c.state == literal_column("'sending'"), deliveries.c.due_at), else_=_now),
            _now,
            _now,
            deliveries.c.created_at,
            _now,
        ).where(
            deliveries.c.conversation_id == bindparam("conversation"),
            deliveries.c.kind == literal_column("'notice'"),
            or_(
                deliveries.c.external_id != literal_column("''"),
                # Nobody knows yet, or will ever know, whether these were posted, or only a person does: they
                # are looked for.
                deliveries.c.state.in_(
                    [literal_column(state) for state in ("'sending'", "'unknown'", "'delivered'")]
                ),
                # Nor of the first post of one that was to be sent again (``SendUnseen``).
                and_(deliveries.c.state == literal_column("'planned'"), deliveries.c.sends > 0),
                and_(
                    deliveries.c.death.in_(
                        [literal_column(death) for death in ("'refused'", "'expired'", "'no_channel'")]
                    ),
                    deliveries.c.sends > 1,
                ),
            ),
        ),
    )
)
_DUE = Statement(
    select(withdrawals)
    .where(withdrawals.c.due_at <= bindparam("until"))  # what has ended is never due
    # behind one that fails those of its place wait as long, and are first then
    .order_by(withdrawals.c.due_at, withdrawals.c.tries)
    .limit(bindparam("most"))
)
_CLAIM = Statement(
    update(withdrawals)
    .where(withdrawals.c.delivery_id == bindparam("delivery"), withdrawals.c.due_at <= bindparam("now"))
    .values(
        due_at=bindparam("lease"),
        fence=withdrawals.c.fence + 1,
        tries=withdrawals.c.tries + 1,
        updated_at=bindparam("now"),
    )
    .returning(withdrawals)
)
_MINE = (withdrawals.c.delivery_id == bindparam("delivery"), withdrawals.c.fence == bindparam("claim"))
_RECORD = Statement(
    update(withdrawals)
    .where(*_MINE)
    .values(
        state=bindparam("new_state"),
        external_id=bindparam("receipt"),
        looks=bindparam("new_looks"),
        reason=bindparam("why"),
        due_at=bindparam("due"),
        updated_at=bindparam("now"),
    )
)
_DONE = Statement(delete(withdrawals).where(*_MINE))
_THIS = withdrawals.c.delivery_id == bindparam("delivery")
_ENDED = withdrawals.c.state.in_((literal_column("'unknown'"), literal_column("'dead'")))
_RETRY = Statement(
    update(withdrawals)
    .where(_THIS, _ENDED)
    .values(
        state="planned",
        tries=0,
        looks=0,
        reason="planned anew by the operator",
        due_at=bindparam("now"),
        planned_at=bindparam("now"),
        updated_at=bindparam("now"),
    )
)
_IS_GONE = Statement(delete(withdrawals).where(_THIS, _ENDED))
_IS_DEAD = Statement(
    update(withdrawals)
    .where(_THIS, withdrawals.c.state == literal_column("'unknown'"))
    .values(state="dead", reason=bindparam("why"), updated_at=bindparam("now"))
)
_OLD = Statement(
    select(withdrawals.c.channel, withdrawals.c.state)
    .where(withdrawals.c.deleted_at < bindparam("since"))
    .order_by(withdrawals.c.deleted_at)
    .limit(bindparam("most"))
)
_FIRST = select(withdrawals.c.state).order_by(withdrawals.c.state).limit(bindparam("most")).subquery()
_STANDING = Statement(select(_FIRST.c.state, func.count().label("number")).group_by(_FIRST.c.state))
_MOST = 100_000
"""So many of them are counted."""


def plan(tx: Tx, conversation_id: str, now: int) -> None:
    """Plan that what the team was told of a conversation is taken back.

    Args:
        tx: the transaction that is about to delete it.
        conversation_id: which.
        now: Unix milliseconds.
    """
    tx.send(_PLAN, conversation=conversation_id, now=now)


def due(tx: Tx, until: int, most: int) -> list[Any]:
    """Return the rows of those to be tried by then, most urgent first; of two, the one tried less often."""
    return tx.rows(_DUE, until=until, most=most)


def claim(tx: Tx, delivery_id: str, *, now: int, lease_until: int) -> Any | None:
    """Claim one that is due, and count its try; returns its row, None when it is not due any more."""
    return tx.row(_CLAIM, delivery=delivery_id, now=now, lease=lease_until)


def wait(
    tx: Tx,
    row: Any,
    due_at: int,
    *,
    reason: str,
    now: int,
    receipt: str | None = None,
    looks: int | None = None,
) -> None:
    """Let one wait, if it was not claimed since.

    Args:
        tx: the transaction.
        row: the withdrawal, as it was claimed or found due.
        due_at: when it is tried next, in Unix milliseconds.
        reason: why it waits.
        now: Unix milliseconds.
        receipt: the post's, once it was found; as it was, if that is not given.
        looks: how often the post was not found; likewise.
    """
    post = {
        "receipt": row.external_id if receipt is None else receipt,
        "new_looks": row.looks if looks is None else looks,
    }
    this = {"delivery": row.delivery_id, "claim": row.fence}
    tx.send(_RECORD, **this, **post, new_state="planned", due=due_at, why=reason, now=now)


def end(tx: Tx, row: Any, state: Outcome, *, reason: str, now: int, receipt: str) -> bool:
    """Record how one ended, if it was not claimed since; says whether that is so. Arguments as of ``wait``.

    ``delivered`` is one whose post holds no word any more, or is not there: nothing is left of it here.
    """
    this = {"delivery": row.delivery_id, "claim": row.fence}
    if state == "delivered":
        return tx.run(_DONE, **this) == 1
    ended = {"new_state": state, "receipt": receipt, "why": reason, "due": None, "new_looks": row.looks}
    return tx.run(_RECORD, **this, **ended, now=now) == 1


def retry(tx: Tx, delivery_id: str, now: int) -> bool:
    """Plan one anew that is dead or unknown; says whether there is such a one."""
    return tx.run(_RETRY, delivery=delivery_id, now=now) == 1


def settle(tx: Tx, delivery_id: str, outcome: Literal["delivered", "dead"], *, reason: str, now: int) -> bool:
    """Record what an operator found in the channel; says whether there is one of which that is news.

    ``delivered``: the post of one that is unknown or dead is gone, or never was. ``dead``: that of one that
    is unknown is there.
    """
    if outcome == "delivered":
        return tx.run(_IS_GONE, delivery=delivery_id) == 1
    return tx.run(_IS_DEAD, delivery=delivery_id, why=reason, now=now) == 1


def older(tx: Tx, since: int, most: int) -> list[Any]:
    """Return (channel, state) of up to ``most`` whose conversations were deleted before ``since``."""
    return tx.rows(_OLD, since=since, most=most)


def standing(tx: Tx) -> dict[str, int]:
    """Return how many there are, by state; no more than a hundred thousand are counted."""
    return {row.state: row.number for row in tx.rows(_STANDING, most=_MOST)}
