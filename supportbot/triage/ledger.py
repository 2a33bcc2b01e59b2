"""What is written about triages: one row for each turn that had one, done or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, update
from sqlalchemy.dialects.postgresql import insert as insert_or_change

from supportbot.store import Statement
from supportbot.tables import triages, turns

if TYPE_CHECKING:
    from supportbot.messages import Turn
    from supportbot.model.structured import Structured
    from supportbot.store import Tx
    from supportbot.triage.values import Triage

_new = insert_or_change(triages).inline()
_KEEP = Statement(
    _new.on_conflict_do_update(
        index_elements=[triages.c.turn_id],
        set_={
            column.key: _new.excluded[column.key] for column in triages.c if column is not triages.c.turn_id
        },
    )
)
_HOLD = Statement(
    update(turns)
    .where(turns.c.id == bindparam("turn"), turns.c.fence == bindparam("held"))
    .values(fence=bindparam("held"))
)


def keep(tx: Tx, turn: Turn, found: Structured[Triage] | None, *, now: int, reason: str = "") -> bool:
    """Keep what a model said about a turn; says whether that was kept.

    It is not when the turn was claimed anew meanwhile, and so is being sorted anew, or is gone. That the turn
    was answered in the meantime, or taken over by a person, is no hindrance.

    Args:
        found: None when there is nothing, for this ``reason``.
    """
    if tx.run(_HOLD, turn=turn.id, held=turn.fence) == 0:
        return False
    said = found.value if found else None
    usage = found.usage if found else None
    tx.send(
        _KEEP,
        turn_id=turn.id,
        conversation_id=turn.conversation_id,
        state="done" if said else "failed",
        topic=said.topic if said else "",
        language=said.language if said else "",
        sentiment=said.sentiment if said else "",
        urgency=said.urgency if said else "",
        wants_person=int(said.wants_person) if said else 0,
        model=found.model if found else "",
        prompt_tokens=usage.prompt_tokens if usage else None,
        completion_tokens=usage.completion_tokens if usage else None,
        reason=reason,
        created_at=now,
    )
    return True
