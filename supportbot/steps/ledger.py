"""What is written about tool calls: before they are run, and after.

A step is recorded as a whole, under the turn's fence, before anything of it is done. So whoever takes the
turn up again finds in ``started`` what may have been run, and need not ask the model again what it wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, literal_column, select, update

from supportbot.journal import note
from supportbot.messages import ToolCall
from supportbot.readable import one_line
from supportbot.steps.values import Call, Step
from supportbot.store import Statement
from supportbot.tables import tool_calls
from supportbot.turns import ledger as turn_ledger

if TYPE_CHECKING:
    from supportbot.messages import Turn
    from supportbot.steps.values import CallState
    from supportbot.store import Tx

_THIS = (
    tool_calls.c.turn_id == bindparam("turn"),
    tool_calls.c.step == bindparam("number"),
    tool_calls.c.ordinal == bindparam("at"),
)
_OF_TURN = Statement(
    select(tool_calls)
    .where(tool_calls.c.turn_id == bindparam("turn"))
    .order_by(tool_calls.c.step, tool_calls.c.ordinal)
)
_ASKED = Statement(
    select(tool_calls).where(
        tool_calls.c.turn_id == bindparam("turn"),
        tool_calls.c.conversation_id == bindparam("conversation"),
        tool_calls.c.state == literal_column("'asked'"),
    )
)
_ADD = Statement(insert(tool_calls).inline())
_AGAIN = Statement(
    update(tool_calls)
    .where(*_THIS, tool_calls.c.state == literal_column("'started'"))
    .values(fence=bindparam("new_fence"))
)
_END = Statement(
    update(tool_calls)
    .where(
        *_THIS,
        tool_calls.c.fence == bindparam("held"),
        tool_calls.c.state.in_((literal_column("'started'"), literal_column("'unknown'"))),
    )
    .values(state=bindparam("new_state"), result=bindparam("new_result"), finished_at=bindparam("now"))
)
_GIVE_UP = Statement(
    update(tool_calls)
    .where(*_THIS, tool_calls.c.state == literal_column("'started'"))
    .values(state="unknown", result=bindparam("new_result"), finished_at=bindparam("now"))
)
_SETTLE = Statement(
    update(tool_calls)
    .where(*_THIS, tool_calls.c.state == literal_column("'asked'"))
    .values(state=bindparam("new_state"), finished_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call that a customer was asked about in an earlier turn, and did not answer yet."""

    turn_id: str
    step: int
    call: Call
    contact_id: str
    """Who was asked."""
    asked_at: int


def read(tx: Tx, turn: Turn, question_of: str) -> tuple[list[Step], Question | None]:
    """Return the steps that were recorded of a turn, and the open question of an earlier turn, if it has one.

    Args:
        question_of: the earlier turn; empty for none.
    """
    rows = tx.rows(_OF_TURN, turn=turn.id)
    steps = [_step(number, list(of_step)) for number, of_step in groupby(rows, key=lambda row: row.step)]
    asked = (
        tx.row(_ASKED, turn=question_of, conversation=turn.conversation_id)
        if question_of and not steps
        else None
    )
    if asked is None:
        return steps, None
    return steps, Question(
        turn_id=asked.turn_id,
        step=asked.step,
        call=_call(asked),
        contact_id=asked.contact_id,
        asked_at=asked.started_at,
    )


def begin(tx: Tx, turn: Turn, step: Step, now: int) -> None:
    """Record a step, before anything of it is done.

    Raises:
        Fenced: the turn is no longer ours; nothing may be done.
    """
    turn_ledger.hold(tx, turn)
    for call in step.calls:
        tx.send(
            _ADD,
            turn_id=turn.id,
            step=step.number,
            ordinal=call.ordinal,
            conversation_id=turn.conversation_id,
            contact_id=turn.contact.id,
            call_id=call.call.id,
            tool=call.call.name,
            arguments=call.call.arguments,
            said=step.said if call.ordinal == 0 else "",
            state=call.state,
            result=call.result,
            fence=turn.fence,
            started_at=now,
            finished_at=None if call.state in {"started", "asked"} else now,
        )
        _note(tx, turn, step.number, call, now)


def resume(tx: Tx, turn: Turn, step: Step, ordinals: set[int], now: int) -> None:
    """Record that these calls, which another try had started, are run again.

    Raises:
        Fenced: the turn is no longer ours; nothing may be done.
    """
    turn_ledger.hold(tx, turn)
    for call in step.calls:
        if call.ordinal in ordinals:
            tx.send(_AGAIN, turn=turn.id, number=step.number, at=call.ordinal, new_fence=turn.fence)
            _note(tx, turn, step.number, call, now)


def give_up(tx: Tx, turn: Turn, step: Step, call: Call, now: int) -> None:
    """Record that nobody knows what became of a call which another try had started.

    The row keeps that try's fence: should it still be running, it may yet say.

    Raises:
        Fenced: the turn is no longer ours.
    """
    turn_ledger.hold(tx, turn)
    where = {"turn": turn.id, "number": step.number, "at": call.ordinal}
    tx.send(_GIVE_UP, **where, new_result=call.result, now=now)
    _note(tx, turn, step.number, call, now)


def end(tx: Tx, turn: Turn, number: int, call: Call, now: int) -> None:
    """Record what became of a call that this try has run, whoever has the turn by now: it did happen."""
    ended = tx.run(
        _END,
        turn=turn.id,
        number=number,
        at=call.ordinal,
        held=turn.fence,
        new_state=call.state,
        new_result=call.result,
        now=now,
    )
    if ended:
        _note(tx, turn, number, call, now)


def answer(tx: Tx, turn: Turn, question: Question, state: CallState, step: Step | None, *, now: int) -> bool:
    """Settle a question, once, and record the step that follows from it; returns whether it was still open.

    Args:
        state: ``confirmed``, ``cancelled`` or ``expired``.
        step: what is done now that it is confirmed.

    Raises:
        Fenced: the turn is no longer ours.
    """
    turn_ledger.hold(tx, turn)
    where = {"turn": question.turn_id, "number": question.step, "at": question.call.ordinal}
    if tx.run(_SETTLE, **where, new_state=state, now=now) == 0:
        return False
    settled = question.call.ended(state, "")
    _note(tx, turn, question.step, settled, now, actor="customer", asked_in=question.turn_id)
    if step is not None:
        begin(tx, turn, step, now)
    return True


def _note(tx: Tx, turn: Turn, number: int, call: Call, now: int, *, actor: Any = "bot", **data: str) -> None:
    note(
        tx,
        turn.conversation_id,
        f"tool.{call.state}",
        at=now,
        actor=actor,
        turn_id=turn.id,
        tool=one_line(call.call.name, 64),
        call=f"{number}.{call.ordinal}",
        **data,
    )


def _step(number: int, rows: list[Any]) -> Step:
    return Step(number=number, said=rows[0].said, calls=tuple(map(_call, rows)))


def _call(row: Any) -> Call:
    return Call(
        ordinal=row.ordinal,
        call=ToolCall(id=row.call_id, name=row.tool, arguments=row.arguments),
        state=row.state,
        result=row.result,
    )
