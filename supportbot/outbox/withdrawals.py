"""What the team was told of a conversation that was deleted: its posts say so, and hold no word of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import bindparam, delete, select, update

from supportbot.changes import Change
from supportbot.channel import CanFind, CanUpdate
from supportbot.errors import NeverClear, Refused, RetryAfter
from supportbot.ids import now_ms
from supportbot.log import in_one_line
from supportbot.messages import Contact, Notice, Outbound
from supportbot.storable import clean_text
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
_AT_ONCE = 8
"""Places whose posts are taken back at the same time; those of one place one after another."""

_MARGIN = 15_000
"""Milliseconds for which one that is tried is nobody else's, beyond what trying it may take."""

_LONGEST_PAUSE = 600_000
"""Milliseconds between two tries at most, unless the platform asks for more."""

_ELSEWHERE = 60_000
"""Milliseconds that one waits whose channel this process does not have: another one may."""

_LOOKS = 2
"""Tries after which one of which nobody knows whether it was posted, and that was not found, was not."""

_GIVE_UP = 30 * 24 * 3_600_000
"""Milliseconds after which nobody tries any more."""

_DUE = Statement(
    select(withdrawals.c.delivery_id, withdrawals.c.channel, withdrawals.c.address, withdrawals.c.deleted_at)
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
_UNTRIED = Statement(
    update(withdrawals)
    .where(withdrawals.c.delivery_id == bindparam("delivery"), withdrawals.c.due_at <= bindparam("now"))
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
                await self._sweep()
            except Exception as error:  # noqa: BLE001 - whatever it was must not end the search
                log.warning("withdrawals.sweep_failed", error=in_one_line(error))
            await asyncio.sleep(_SWEEP)

    async def _sweep(self) -> None:
        """Try what is due, place by place: one that does not answer holds up no other."""
        places: dict[tuple[str, str], list[Any]] = {}
        for row in await self._store.read(lambda tx: tx.rows(_DUE, until=now_ms(), most=_BATCH)):
            places.setdefault((row.channel, str(row.address)), []).append(row)
        few = asyncio.Semaphore(_AT_ONCE)

        async def one(rows: list[Any]) -> None:
            async with few:
                await self._withdraw_all(rows)

        ended = await asyncio.gather(*map(one, places.values()), return_exceptions=True)
        for error in ended:
            if error is not None:
                log.warning("withdrawals.sweep_failed", error=in_one_line(error))

    async def _withdraw_all(self, rows: list[Any]) -> None:
        """Take the posts of one place back; where one has to wait, those behind it wait as long."""
        due = 0
        for row in rows:
            if due:
                await self._leave(row.delivery_id, due)
            elif row.channel not in self._channels:
                await self._leave_to_others(row)
            else:
                due = await self._withdraw(row.delivery_id)

    async def _leave(self, delivery_id: str, due: int) -> None:
        now = now_ms()
        await self._store.write(lambda tx: tx.run(_UNTRIED, delivery=delivery_id, now=now, due=due))

    async def _leave_to_others(self, row: Any) -> None:
        """Leave one to a process that has its channel, or to this one with another bot.yaml."""
        now = now_ms()
        if now - row.deleted_at > _GIVE_UP:
            await self._give_up(row.delivery_id, f"bot.yaml has no channel '{row.channel}' any more")
        else:
            await self._leave(row.delivery_id, now + _ELSEWHERE)

    async def _withdraw(self, delivery_id: str) -> int:
        """Try one; returns when it is tried again, in Unix milliseconds, and 0 when it is done."""
        now = now_ms()
        lease = now + int(2000 * self._timeout) + _MARGIN  # it may be looked for, and then be updated
        row: Any = await self._store.write(
            lambda tx: tx.row(_CLAIM, delivery=delivery_id, now=now, lease=lease)
        )
        if row is None:
            return 0
        pause: int = min(_LONGEST_PAUSE, 1000 * 2 ** min(row.tries, 20))
        try:
            is_done = await self._take_back(self._channels[row.channel], row)
            reason = "" if is_done else "not found on the platform yet"
        except (Refused, NeverClear) as error:
            log.warning("withdrawal.refused", delivery=delivery_id, reason=in_one_line(error))
            reason = ""
        except RetryAfter as error:
            reason = in_one_line(error)
            if error.seconds is not None:
                pause = int(1000 * min(max(0.0, error.seconds), _GIVE_UP / 1000))
        except Exception as error:  # noqa: BLE001 - the same again does no harm, whatever it was
            reason = in_one_line(error)
        if not reason:
            await self._store.write(lambda tx: tx.run(_DONE, delivery=delivery_id))
            return 0
        if now - row.deleted_at > _GIVE_UP:
            await self._give_up(delivery_id, reason)
            return 0
        due = now_ms() + pause
        await self._store.write(lambda tx: tx.run(_AGAIN, delivery=delivery_id, due=due))
        return due

    async def _take_back(self, channel: Channel, row: Any) -> bool:
        """Bring one post up to date; says whether there is no more to do.

        Of one without a receipt nobody knows whether it was posted: it is looked for first.
        """
        if not isinstance(channel, CanUpdate):
            log.warning("withdrawal.impossible", delivery=row.delivery_id, channel=row.channel)
            return True
        notice = _notice(row)
        if not row.external_id:
            if not isinstance(channel, CanFind):
                log.warning("withdrawal.impossible", delivery=row.delivery_id, channel=row.channel)
                return True
            async with asyncio.timeout(self._timeout):
                found = await channel.find(notice)
            if found is None:
                return bool(row.tries >= _LOOKS)
            assert notice.notice is not None
            notice = notice.evolve(notice=notice.notice.evolve(standing=clean_text(found.external_id)))
        async with asyncio.timeout(self._timeout):
            await channel.update(notice)
        return True

    async def _give_up(self, delivery_id: str, reason: str) -> None:
        log.error("withdrawal.given_up", delivery=delivery_id, reason=reason)
        await self._store.write(lambda tx: tx.run(_DONE, delivery=delivery_id))


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
        created_at=row.created_at,  # from then on it is looked for
    )
