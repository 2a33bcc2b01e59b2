"""What the team was told of a conversation that was deleted is taken back: no post holds a word of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from supportbot import withdrawals as ledger
from supportbot.changes import Withdrawn, sought
from supportbot.channel import CanFind, CanWithdraw
from supportbot.errors import NeverClear, Refused, RetryAfter
from supportbot.ids import now_ms
from supportbot.log import in_one_line
from supportbot.outbox.causes import cause_of
from supportbot.storable import clean_text
from supportbot.store.values import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.channel import Channel
    from supportbot.outbox.deliveries import Counts
    from supportbot.store import Store, Tx

_SWEEP = 5.0
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
"""How often a post must not be found before there is none."""

_PATIENCE = 30 * 24 * 3_600_000
"""Milliseconds after which one is dead that could only ever wait."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Ended:
    """There is nothing more to try."""

    state: ledger.Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Again:
    """It is to be tried again."""

    reason: str
    pause: int | None = None
    """Milliseconds; None for our own pauses."""
    looks: int = 0
    """How often the post was looked for by now, and not found."""


class TakingBack:
    """Takes such posts back, each until its platform has done it, or will never."""

    def __init__(self, store: Store, *, counts: Counts, timeout: float) -> None:
        """``timeout``: seconds that one call of a channel may take."""
        self._store = store
        self._counts = counts
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

    # -- finding work ---------------------------------------------------------------------------

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
        for row in await self._store.read(lambda tx: ledger.due(tx, now_ms(), _BATCH)):
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
        due_at = 0
        for row in rows:
            if due_at:
                await self._wait(row, due_at, row.reason)
            elif row.channel not in self._channels:
                await self._leave_to_others(row)
            else:
                due_at = await self._withdraw(row)

    # -- a withdrawal ---------------------------------------------------------------------------

    async def _withdraw(self, due: Any) -> int:
        """Try one; returns when it is tried again, in Unix milliseconds, and 0 when it has ended."""
        now = now_ms()
        lease = now + int(2000 * self._timeout) + _MARGIN  # it may be looked for, and then be taken back
        row = await self._store.write(
            lambda tx: ledger.claim(tx, due.delivery_id, now=now, lease_until=lease)
        )
        if row is None:
            return 0
        receipt, outcome = await self._try(self._channels[row.channel], row)
        if isinstance(outcome, _Again) and now - row.planned_at > _PATIENCE:
            outcome = _Ended("dead", f"tried for thirty days: {outcome.reason}")
        if isinstance(outcome, _Ended):
            await self._end(row, outcome, receipt)
            return 0
        ours = min(_LONGEST_PAUSE, 1000 * 2 ** min(row.tries, 20))
        due_at: int = now_ms() + (ours if outcome.pause is None else outcome.pause)
        await self._wait(row, due_at, outcome.reason, receipt=receipt, looks=outcome.looks)
        return due_at

    async def _try(self, channel: Channel, row: Any) -> tuple[str, _Ended | _Again]:
        """Take a post back, looking for it first where nobody knows whether it is there; returns its receipt,
        as far as that is known then, and what came of it."""
        receipt, address = str(row.external_id), _address(row)
        in_vain: ledger.Outcome = "dead" if receipt else "unknown"
        if address is None:
            return receipt, _Ended(in_vain, "what is stored cannot be read")
        if not isinstance(channel, CanWithdraw):
            return receipt, _Ended(in_vain, "its channel cannot take back what it told")
        if not receipt:
            found = await self._look(channel, row, address)
            if not isinstance(found, str):
                return receipt, found
            receipt = found
        withdrawn = Withdrawn(
            delivery_id=row.delivery_id, address=address, external_id=receipt, deleted_at=row.deleted_at
        )
        return receipt, await self._take_back(channel, withdrawn)

    async def _look(self, channel: Channel, row: Any, address: Mapping[str, Any]) -> str | _Ended | _Again:
        """Return the receipt of a post of which nobody knows whether it is there, or what follows."""
        if not isinstance(channel, CanFind):
            return _Ended("unknown", "its channel cannot look whether it was posted")
        notice = sought(row.delivery_id, channel=row.channel, address=address, created_at=row.created_at)
        try:
            async with asyncio.timeout(self._timeout):
                found = await channel.find(notice)
        except (Refused, NeverClear) as error:
            return _Ended("unknown", cause_of(error))
        except Exception as error:  # noqa: BLE001 - looking failed, whyever: look again
            return _put_off(error, looks=row.looks)
        if found is not None:
            return clean_text(found.external_id)
        looks = row.looks + 1
        if looks < _LOOKS:
            return _Again("not found on the platform yet", looks=looks)
        return _Ended("delivered")

    async def _take_back(self, channel: CanWithdraw, withdrawn: Withdrawn) -> _Ended | _Again:
        try:
            async with asyncio.timeout(self._timeout):
                await channel.withdraw(withdrawn)
        except Refused as error:
            return _Ended("dead", cause_of(error))
        except Exception as error:  # noqa: BLE001 - the same again does no harm, whatever it was
            return _put_off(error)
        return _Ended("delivered")

    # -- outcomes -------------------------------------------------------------------------------

    async def _leave_to_others(self, row: Any) -> None:
        """Leave one to a process that has its channel, or to this one with another bot.yaml."""
        now, reason = now_ms(), f"bot.yaml has no channel '{row.channel}'"
        if now - row.planned_at > _PATIENCE:
            await self._end(row, _Ended("dead", f"{reason} any more"), row.external_id)
        else:
            await self._wait(row, now + _ELSEWHERE, reason)

    async def _wait(self, row: Any, due_at: int, reason: str, **post: Any) -> None:
        await self._store.write(lambda tx: ledger.wait(tx, row, due_at, reason=reason, now=now_ms(), **post))

    async def _end(self, row: Any, ended: _Ended, receipt: str) -> None:
        """Record the end of one: it is done, or stays in sight of the operator."""

        def unit(tx: Tx) -> bool:
            return ledger.end(tx, row, ended.state, reason=ended.reason, now=now_ms(), receipt=receipt)

        if ended.state != "delivered":
            told = {"delivery": row.delivery_id, "channel": row.channel, "reason": ended.reason}
            log.warning("withdrawal.ended", state=ended.state, **told)
        if await self._store.write(unit):
            self._counts.delivery(row.channel, "withdrawal", ended.state)


def _address(row: Any) -> Mapping[str, Any] | None:
    """Return where the team was told; None when what is stored is no address."""
    try:
        address = from_json(row.address)
    except ValueError:
        return None
    return address if isinstance(address, dict) else None


def _put_off(error: Exception, *, looks: int = 0) -> _Again:
    seconds = error.seconds if isinstance(error, RetryAfter) else None
    pause = None if seconds is None else int(1000 * min(max(0.0, seconds), _PATIENCE / 1000))
    return _Again(cause_of(error), pause=pause, looks=looks)
