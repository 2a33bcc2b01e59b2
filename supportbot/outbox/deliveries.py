"""Deliveries at work: handed to their channels, settled when unclear, found again when somebody died."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol

import structlog

from supportbot import speaking
from supportbot.channel import CanFind, CanUpdate
from supportbot.errors import NeverClear, Refused, RetryAfter, SendUnseen, StoreUnavailable
from supportbot.ids import now_ms
from supportbot.log import in_one_line
from supportbot.outbox import ledger
from supportbot.outbox.causes import cause_of
from supportbot.outbox.claims import Claimed, Death, Unreadable
from supportbot.storable import clean_text

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from supportbot.channel import Channel
    from supportbot.store import Store, Tx

_SWEEP = 1.0
"""Seconds between two looks at the table for deliveries that are due; twice that where others look too."""

_BATCH = 200
_MARGIN = 15.0
"""Seconds a delivery's lease outlives its time-out, for recording the outcome."""

_LOOKS = 2
"""How often a delivery must not be found before it is sent again."""

_LONGEST_PAUSE = 600.0
"""Seconds between two tries at most, before jitter, unless the platform asks for more."""

_GIVE_UP = 24 * 3600 * 1000
"""Milliseconds after which a platform that only ever asks to wait has refused."""


log = structlog.get_logger(__name__)


class Counts(Protocol):
    """What the outbox tells of itself: of what it delivers, takes back, and is given back."""

    def delivery(self, channel: str, kind: str, state: str) -> None:
        """A delivery reached a state."""


class Deliveries:
    """Sends what was recorded."""

    def __init__(
        self,
        store: Store,
        *,
        owner: str,
        counts: Counts,
        alone: bool,
        attempts: int,
        retry_delay: float,
        timeout: float,
        settle_delay: float,
        only: str = "",
    ) -> None:
        """Wire them; the arguments are the outbox's."""
        self._store = store
        self._owner = owner
        self._counts = counts
        self._alone = alone
        self._attempts = attempts
        self._retry_delay = retry_delay
        self._timeout = timeout
        self._settle_delay = settle_delay
        self._only = only
        self._channels: Mapping[str, Channel] = {}
        self._open = False
        self._sending: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._sweeper: asyncio.Task[None] | None = None

    # -- start and stop -------------------------------------------------------------------------

    async def start(self, channels: Mapping[str, Channel]) -> None:
        """Begin to send, first what an earlier process left behind."""
        self._channels = channels
        if self._alone:
            await self._store.write(lambda tx: ledger.reclaim(tx, self._owner, now_ms()), patience=10)
        self._open = True
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep_forever())

    async def stop(self, grace: float) -> None:
        """Finish what is being sent within ``grace`` seconds; what is not is settled by the next start."""
        self._open = False
        for timer in self._timers:
            timer.cancel()
        tasks = set(self._sending)
        if tasks:
            _, tasks = await asyncio.wait(tasks, timeout=grace)
        if self._sweeper is not None:
            tasks.add(self._sweeper)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -- a delivery -----------------------------------------------------------------------------

    @property
    def lease_ms(self) -> int:
        """How long a claim lasts, in milliseconds."""
        return int((self._timeout + _MARGIN) * 1000)

    def begin(self, claimed: Claimed) -> None:
        """Send a delivery that was claimed for this process when it was planned, once that is on disk."""
        self._begin(self._send(claimed, until=claimed.since + self.lease_ms))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, claimed: Claimed, *, until: int) -> None:
        """Hand a claimed delivery to its channel, once, and record what came of it.

        A lease that does not last as long as a try may take (``until`` is its end, in Unix milliseconds) is
        given back: this process stood still meanwhile (a paused machine), and another one would send it.
        """
        if now_ms() + 1000 * self._timeout > until:
            unsent = replace(claimed, sends=claimed.sends - 1)
            await self._postpone(unsent, due=now_ms(), reason="the process stood still before it was sent")
            return
        outbound = claimed.outbound
        channel = self._channels.get(outbound.channel)
        if channel is None:
            await self._die(claimed, "no_channel", f"bot.yaml has no channel '{outbound.channel}' any more")
            return
        try:
            async with asyncio.timeout(self._timeout):
                if not claimed.is_update:
                    sent = await channel.send(outbound)
                elif isinstance(channel, CanUpdate):
                    sent = await channel.update(outbound)
                else:  # what was told stays as it is, and nothing is delivered
                    await self._record(lambda tx: _leave(tx, claimed), claimed)
                    return
        except Refused as error:
            await self._die(claimed, "refused", cause_of(error))
        except RetryAfter as error:
            await self._wait(claimed, error)
        except Exception as error:  # noqa: BLE001 - the channel may have sent it: whatever it was, it is unclear
            await self._unclear(claimed, looks=0, reason=cause_of(error))
        else:
            await self._end(claimed, "delivered", external_id=clean_text(sent.external_id))

    async def _wait(self, claimed: Claimed, error: RetryAfter) -> None:
        """The platform asked to wait: that is no failure, but neither may it go on for ever."""
        now, last = now_ms(), (claimed.since or claimed.outbound.created_at) + _GIVE_UP
        if now > last:
            await self._die(claimed, "expired", f"waited for a day: {cause_of(error)}")
            return
        waits, seconds = claimed.waits + 1, error.seconds
        # The platform's word stays a float: it may be infinite.
        pause = self._backoff_ms(waits) if seconds is None else max(0.0, seconds) * 1000
        waiting = replace(claimed, sends=claimed.sends - 1, looks=0, waits=waits)
        await self._postpone(waiting, due=int(min(last, now + pause)), reason=cause_of(error))

    async def _unclear(self, claimed: Claimed, *, looks: int, reason: str) -> None:
        if claimed.is_update:
            await self._send_again(replace(claimed, unclear=True), reason)
        elif isinstance(self._channels[claimed.outbound.channel], CanFind):
            due = now_ms() + int(self._settle_delay * 1000)
            sought = replace(claimed, unclear=True, looks=looks, waits=0)
            await self._postpone(sought, due=due, reason=reason)
        else:
            await self._end(claimed, "unknown", reason=reason)

    async def _settle(self, claimed: Claimed) -> None:
        """Look for a delivery whose outcome is unclear, before anything is sent again."""
        channel = self._channels.get(claimed.outbound.channel)
        if claimed.is_update:  # the same again does no harm
            await self._send_again(claimed, "the bot stopped while it was being sent")
            return
        if not isinstance(channel, CanFind):
            await self._end(claimed, "unknown", reason="the bot stopped while it was being sent")
            return
        try:
            async with asyncio.timeout(self._timeout):
                found = await channel.find(claimed.outbound)
        except SendUnseen as error:
            log.warning("delivery.unseen", delivery=claimed.outbound.delivery_id, reason=cause_of(error))
            await self._send_again(claimed, cause_of(error), last="unknown")
            return
        except NeverClear as error:
            await self._end(claimed, "unknown", reason=cause_of(error))
            return
        except Exception as error:  # noqa: BLE001 - looking failed, whyever: look again, not for ever
            await self._look_again(claimed, cause_of(error))
            return
        looks = claimed.looks + 1
        if found is not None:
            await self._end(claimed, "delivered", external_id=clean_text(found.external_id))
        elif looks < _LOOKS:
            await self._unclear(claimed, looks=looks, reason="not found on the platform yet")
        else:
            await self._send_again(claimed, "not found on the platform")

    async def _look_again(self, claimed: Claimed, reason: str) -> None:
        waits = claimed.waits + 1
        if waits >= self._attempts:
            await self._end(claimed, "unknown", reason=reason)
        else:
            due = now_ms() + self._backoff_ms(waits)
            await self._postpone(replace(claimed, waits=waits), due=due, reason=reason)

    async def _send_again(
        self, claimed: Claimed, reason: str, *, last: Literal["dead", "unknown"] = "dead"
    ) -> None:
        """It is certainly not there, or may be sent twice: plan it again, until the attempts are used up.

        ``last`` is how it stands then: ``unknown`` is one that may be there.
        """
        if claimed.sends < self._attempts:
            due = now_ms() + self._backoff_ms(claimed.sends)
            planned = replace(claimed, unclear=False, looks=0, waits=0)
            await self._postpone(planned, due=due, reason=reason)
        elif last == "unknown":
            await self._end(claimed, "unknown", reason=reason)
        else:
            await self._die(claimed, "failed", reason)

    def _backoff_ms(self, tries: int) -> int:
        """Return how long to pause after so many tries of one kind."""
        delay = self._retry_delay * 2 ** min(tries - 1, 32)  # more doublings than that fit into no float
        return int(1000 * min(_LONGEST_PAUSE, delay) * (0.75 + 0.5 * random.random()))  # noqa: S311

    # -- outcomes -------------------------------------------------------------------------------

    async def _die(self, claimed: Claimed, death: Death, reason: str) -> None:
        await self._end(claimed, "dead", reason=reason, death=death)

    async def _end(
        self,
        claimed: Claimed,
        state: str,
        *,
        external_id: str = "",
        reason: str = "",
        death: Death | None = None,
    ) -> None:
        outcome = {"external_id": external_id, "reason": reason}

        def unit(tx: Tx) -> None:
            following = ledger.end(tx, claimed, state=state, now=now_ms(), death=death, **outcome)
            if following is not None:
                self._claim(tx, following)

        if state != "delivered":
            log.warning("delivery.ended", state=state, delivery=claimed.outbound.delivery_id, reason=reason)
        await self._record(unit, claimed)
        self._counts.delivery(claimed.outbound.channel, claimed.kind, state)

    async def _postpone(self, claimed: Claimed, *, due: int, reason: str) -> None:
        delivery = claimed.outbound.delivery_id

        def unit(tx: Tx) -> None:
            now = now_ms()
            ledger.postpone(tx, claimed, due=due, now=now, reason=reason)
            tx.after_commit(lambda: self.look_at(delivery, due - now))

        log.info("delivery.postponed", delivery=delivery, reason=reason, looking=claimed.unclear)
        await self._record(unit, claimed)

    async def _record(self, unit: object, claimed: Claimed) -> None:
        """Write an outcome down while the delivery is ours; after that its lease says: unclear."""
        try:
            await self._store.write(unit, patience=_MARGIN)  # type: ignore[arg-type]
        except StoreUnavailable as error:
            # No traceback: the cause is known, and what happens next is that somebody looks for the delivery.
            log.error("delivery.unrecorded", id=claimed.outbound.delivery_id, error=str(error))  # noqa: TRY400

    # -- finding work ---------------------------------------------------------------------------

    def _claim(self, tx: Tx, delivery_id: str) -> None:
        if not self._open:
            return
        now = now_ms()
        until = now + self.lease_ms
        claimed = ledger.claim(tx, delivery_id, now=now, owner=self._owner, lease_until=until)
        match claimed:
            case Claimed(unclear=True):
                tx.after_commit(lambda: self._begin(self._settle(claimed)))
            case Claimed():
                tx.after_commit(lambda: self._begin(self._send(claimed, until=until)))
            case Unreadable(channel=channel, kind=kind, reason=reason, following=following):
                log.error("delivery.ended", state="dead", delivery=delivery_id, reason=reason)
                tx.after_commit(lambda: self._counts.delivery(channel, kind, "dead"))
                if following is not None:
                    tx.after_commit(lambda: self.look_at(following, 0))

    def look_at(self, delivery_id: str, in_ms: int = 0) -> None:
        """Claim a delivery when it is due: in so many milliseconds."""
        if not self._open or in_ms > 10_000 * _SWEEP:
            return  # far off: the sweep finds it

        def on_time() -> None:
            self._timers.discard(timer)
            self._begin(self._claim_all([delivery_id]))

        timer = asyncio.get_running_loop().call_later(max(0, in_ms) / 1000, on_time)
        self._timers.add(timer)

    async def _claim_all(self, delivery_ids: list[str]) -> None:
        """Claim what is due of these; whatever keeps one from it holds up no other. The sweep tries again."""
        claims = (
            self._store.write(lambda tx, name=name: self._claim(tx, name))  # type: ignore[misc]
            for name in delivery_ids
        )
        failed = [error for error in await asyncio.gather(*claims, return_exceptions=True) if error]
        if failed:
            log.warning("deliveries.not_claimed", error=in_one_line(failed[0]), count=len(failed))

    async def _sweep_forever(self) -> None:
        while True:
            try:
                rows = await self._store.read(lambda tx: ledger.due(tx, now_ms(), _BATCH, self._only))
                await self._claim_all([row.id for row in rows])
            except Exception as error:  # noqa: BLE001 - whatever it was must not end the search for work
                log.warning("deliveries.sweep_failed", error=in_one_line(error))
            await asyncio.sleep(_SWEEP if self._alone else 2 * _SWEEP)


def _leave(tx: Tx, claimed: Claimed) -> None:
    outbound = claimed.outbound
    speaking.leave(tx, outbound.delivery_id, outbound.conversation_id, claimed.fence)
