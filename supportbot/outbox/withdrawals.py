"""What the team was told of a conversation that was deleted: its posts say so, and hold no word of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import bindparam, delete, select, update

from supportbot.changes import Change
from supportbot.channel import CanUpdate
from supportbot.errors import Refused
from supportbot.ids import now_ms
from supportbot.log import in_one_line
from supportbot.messages import Contact, Notice, Outbound
from supportbot.store import Statement
from supportbot.store.values import from_json
from supportbot.tables import withdrawals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.channel import Channel
    from supportbot.store import Store

_SWEEP = 2.0
"""Seconds between two looks."""

_BATCH = 100
_LEASE = 60_000
"""Milliseconds for which one that is tried is nobody else's."""

_LONGEST_PAUSE = 600_000
"""Milliseconds between two tries at most."""

_GIVE_UP = 7 * 24 * 3_600_000
"""Milliseconds after which nobody tries any more."""

_DUE = Statement(
    select(withdrawals.c.delivery_id)
    .where(withdrawals.c.due_at <= bindparam("until"))
    .order_by(withdrawals.c.due_at)
    .limit(bindparam("most"))
)
_CLAIM = Statement(
    update(withdrawals)
    .where(withdrawals.c.delivery_id == bindparam("delivery"), withdrawals.c.due_at <= bindparam("now"))
    .values(due_at=bindparam("lease"), tries=withdrawals.c.tries + 1)
    .returning(withdrawals)
)
_AGAIN = Statement(
    update(withdrawals)
    .where(withdrawals.c.delivery_id == bindparam("delivery"))
    .values(due_at=bindparam("due"))
)
_DONE = Statement(delete(withdrawals).where(withdrawals.c.delivery_id == bindparam("delivery")))

log = structlog.get_logger(__name__)


class Withdrawals:
    """Brings such posts up to date, each until its platform has it."""

    def __init__(self, store: Store, *, timeout: float) -> None:
        """``timeout``: seconds that one update may take."""
        self._store = store
        self._timeout = timeout
        self._channels: Mapping[str, Channel] = {}
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, channels: Mapping[str, Channel]) -> None:
        """Begin to look."""
        self._channels = channels
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep_forever())

    async def stop(self) -> None:
        """Look no more: what is under way is tried again by the next start."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])

    async def _sweep_forever(self) -> None:
        while True:
            try:
                due = await self._store.read(lambda tx: tx.rows(_DUE, until=now_ms(), most=_BATCH))
                for row in due:
                    await self._withdraw(row.delivery_id)
            except Exception as error:  # noqa: BLE001 - whatever it was must not end the search
                log.warning("withdrawals.sweep_failed", error=in_one_line(error))
            await asyncio.sleep(_SWEEP)

    async def _withdraw(self, delivery_id: str) -> None:
        now = now_ms()
        row: Any = await self._store.write(
            lambda tx: tx.row(_CLAIM, delivery=delivery_id, now=now, lease=now + _LEASE)
        )
        if row is None:
            return
        channel, reason = self._channels.get(row.channel), ""
        try:
            if isinstance(channel, CanUpdate):
                async with asyncio.timeout(self._timeout):
                    await channel.update(_notice(row))
        except Refused as error:
            log.warning("withdrawal.refused", delivery=delivery_id, reason=in_one_line(error))
        except Exception as error:  # noqa: BLE001 - the same again does no harm, whatever it was
            reason = in_one_line(error)
        if not reason:
            await self._store.write(lambda tx: tx.run(_DONE, delivery=delivery_id))
        elif now - row.deleted_at > _GIVE_UP:
            log.warning("withdrawal.given_up", delivery=delivery_id, reason=reason)
            await self._store.write(lambda tx: tx.run(_DONE, delivery=delivery_id))
        else:
            due = now + min(_LONGEST_PAUSE, 1000 * 2 ** min(row.tries, 20))
            await self._store.write(lambda tx: tx.run(_AGAIN, delivery=delivery_id, due=due))


def _notice(row: Any) -> Outbound:
    """Return the notice as it is to stand from now on."""
    return Outbound(
        delivery_id=row.delivery_id,
        conversation_id="",
        message_id="",
        turn_id="",
        tenant="",
        channel=row.channel,
        external_id="",
        address=from_json(row.address),
        text="",
        seq=0,
        notice=Notice(
            channel="",
            address={},
            contact=Contact(id="", external_id=""),
            text="",
            change=Change(state="deleted", actor="operator", at=row.deleted_at),
            standing=row.external_id,
        ),
        created_at=row.deleted_at,
    )
