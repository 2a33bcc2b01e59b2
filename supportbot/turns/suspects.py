"""Turns whose processes died: which of them are worked on together, so that the cause is found soon.

Of many turns that were at work when a process died, one may be what it died of. After the second such death
they are *suspects*, and are begun in *batches*: the first is half of them, and after each that the process
survives the next one may be twice as large. With a batch that it does not survive, each of its turns goes on
in one of half the size. So those that are innocent wait for a few batches, not for each other, and the cause
is alone after log2(n) deaths.

Only then does a death count against a turn: as a try that failed. How many were begun together stands in
their rows (``company``), since whoever begins the next batch is another process.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Text, bindparam, case, exists, literal_column, or_, select

from supportbot.ids import now_ms
from supportbot.log import in_one_line
from supportbot.store import Statement
from supportbot.tables import conversations, turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from supportbot.store import Store, Tx

IN_COMPANY = 2
"""So many deaths of its process a turn is allowed among others before it is a suspect."""

_LOOK = 2.0
"""Seconds between two looks for suspects when there was none."""

_MOST = 200
"""So many are begun together at most: each is claimed in a transaction of its own, beside all other work."""

log = structlog.get_logger(__name__)

_UNFINISHED = turns.c.state.in_((literal_column("'running'"), literal_column("'waiting'")))
_died = case((turns.c.state == literal_column("'running'"), 1), else_=0)  # of one that is due: nobody has it
_suspected = turns.c.deaths + _died >= literal_column(str(IN_COMPANY))

SUSPECT = exists().where(turns.c.id == conversations.c.open_turn_id, _suspected).correlate(conversations)
"""A condition: what is due in a conversation is a suspect."""

_DUE = Statement(
    select(conversations.c.id, turns.c.state, turns.c.company)
    .join_from(turns, conversations, conversations.c.id == turns.c.conversation_id)
    .where(
        # By the index of the few turns that outlived a process, not by that of all that is due.
        turns.c.deaths > literal_column("0"),
        _UNFINISHED,
        _suspected,
        conversations.c.open_turn_id == turns.c.id,
        conversations.c.state == literal_column("'bot'"),
        conversations.c.due_at + literal_column("0") <= bindparam("until"),
        or_(
            bindparam("only", type_=Text) == literal_column("''"),
            conversations.c.channel == bindparam("only"),
        ),
    )
    # The least suspicious first: the innocent do not wait until the cause is found.
    .order_by(turns.c.deaths + turns.c.attempt + _died, conversations.c.due_at)
    .limit(bindparam("most"))
)


class Suspects:
    """Has the suspects worked on in one process, one batch after the other."""

    def __init__(
        self, store: Store, only: str, *, room: Callable[[], int], work: Callable[[str, int], Awaitable[bool]]
    ) -> None:
        """Wire it.

        Args:
            store: where turns are.
            only: look in this channel alone; in all of them when empty.
            room: so many suspects there are places for, at least one.
            work: claims what is due in a conversation, given how many are begun together, and returns when
                that is done; False when there was nothing to claim.
        """
        self._store = store
        self._only = only
        self._room = room
        self._work = work

    async def examine_forever(self) -> None:
        """Work on whatever becomes a suspect."""
        survived = 0
        while True:
            try:
                batch = await self._next(survived)
                if batch:
                    survived = await self._examine(batch) or survived
                    continue
            except Exception as error:  # noqa: BLE001 - whatever it was must not end the search for work
                log.warning("turns.suspects_not_seen", error=in_one_line(error))
            survived = 0
            await asyncio.sleep(_LOOK)

    async def _next(self, survived: int) -> list[str]:
        room, only = min(_MOST, self._room()), self._only
        return await self._store.read(
            lambda tx: next_batch(tx, now_ms(), most=room, survived=survived, only=only)
        )

    async def _examine(self, batch: list[str]) -> int:
        """Have all of them worked on at once; returns how many there were after all."""
        work = (self._work(conversation_id, len(batch)) for conversation_id in batch)
        done = await asyncio.gather(*work, return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, BaseException):
                raise outcome
        return sum(outcome is True for outcome in done)


def next_batch(tx: Tx, until: int, *, most: int, survived: int = 0, only: str = "") -> list[str]:
    """Return the conversations whose suspects are to be begun together.

    Args:
        tx: where.
        until: those that are due by then.
        most: so many there is room for.
        survived: how many this process began together before, and lived on.
        only: those of this channel; of all channels when empty.
    """
    waiting = tx.rows(_DUE, until=until, most=2 * most, only=only)
    return batch_of(waiting, min(most, max(2 * survived, (len(waiting) + 1) // 2)))


def batch_of(waiting: Sequence[Any], size: int) -> list[str]:
    """Return the first of those that wait: so many, or fewer where one of them allows no more beside it."""
    batch: list[str] = []
    for row in waiting:
        size = min(size, _most_with(row) or size)
        if len(batch) >= size:
            break
        batch.append(row.id)
    return batch


def _most_with(row: Any) -> int:
    """Return how many may be in a batch with this one, itself included; 0: any number."""
    died = row.state == "running"
    return max(1, row.company // 2) if died and row.company else int(row.company)
