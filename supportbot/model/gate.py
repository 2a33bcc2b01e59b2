"""The gate before an endpoint, shared by all turns: no more goes through than the endpoint allows.

Whoever must wait waits in a queue, first come, first served. Whoever would wait too long is told at once,
so that the next model can be asked.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supportbot.model.quota import Need, OwnQuota

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from supportbot.model.quota import Permit, Quota


class Busy(Exception):
    """No place comes free in time."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` that the wait would have taken at least; 0 when it was waited for in vain."""
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(slots=True, eq=False)
class _Waiter:
    tokens: float
    until: float
    since: float
    turn: asyncio.Future[Permit | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """Its permit, or None when there will be none in time."""
    foreseen: float = 0.0
    """Seconds that the wait would have taken, when there will be none."""


class Gate:
    """Lets requests through: so many at once, and as many a minute as the quota allows.

    All times are those of the event loop's clock.
    """

    def __init__(self, quota: Quota | None = None, *, concurrency: int | None = None) -> None:
        """``quota``: by default none but what the endpoint names. ``concurrency``: None is no limit."""
        self._quota = quota or OwnQuota()
        self._free: float = concurrency or math.inf
        self._queue: deque[_Waiter] = deque()

    @asynccontextmanager
    async def place(self, tokens: int, *, until: float) -> AsyncIterator[Permit]:
        """Wait for a place for a request of about so many tokens, and give it back on leaving.

        Raises:
            Busy: none comes before ``until``; at once where that can be foreseen.
        """
        permit = self._enter(tokens) or await self._wait_in_line(tokens, until)
        try:
            yield permit
        finally:
            self._leave()

    def heed(self, headers: Mapping[str, str]) -> None:
        """Take over what an answer of the endpoint says about its limits."""
        self._quota.heed(headers)

    def pause(self, seconds: float) -> None:
        """Let nobody through for so long: the endpoint asked for it."""
        self._quota.pause(seconds)
        self._dismiss()

    def close(self) -> None:
        """Stop: nobody will ask for a place any more."""
        self._quota.close()

    def closed_for(self) -> float:
        """Return for how many more seconds nobody is let through, whatever it is that they need."""
        return self._quota.wait(0, 0.0)

    # -- the queue -----------------------------------------------------------------------------------

    def _enter(self, tokens: float) -> Permit | None:
        """Go through, if nobody waits and nothing stands in the way."""
        if self._queue or self._free < 1:
            return None
        permit = self._quota.take(tokens)
        if permit is not None:
            self._free -= 1
        return permit

    async def _wait_in_line(self, tokens: float, until: float) -> Permit:
        loop = asyncio.get_running_loop()
        ahead = sum(self._quota.need(waiter.tokens) for waiter in self._queue)
        wait = self._quota.wait(len(self._queue) + 1, ahead + self._quota.need(tokens))
        if loop.time() + wait > until:
            raise Busy(wait)
        waiter = _Waiter(tokens, until, loop.time())
        self._queue.append(waiter)
        self._look()
        try:
            async with asyncio.timeout_at(until):
                permit = await waiter.turn
        except TimeoutError:
            self._step_out(waiter)
            raise Busy(0.0) from None
        except asyncio.CancelledError:
            self._step_out(waiter)
            raise
        if permit is None:
            self._step_out(waiter)
            raise Busy(waiter.foreseen)
        return permit

    def _step_out(self, waiter: _Waiter) -> None:
        """Leave the queue; or, when a place had been given at the last moment, give it back."""
        if waiter in self._queue:
            self._queue.remove(waiter)
            self._look()
        elif waiter.turn.done() and not waiter.turn.cancelled():
            permit = waiter.turn.result()
            if permit is not None:
                permit.unused()
                self._leave()

    def _look(self, *, revised: bool = False) -> None:
        """Let through whoever can go; who cannot in time is told, and the rest is looked at again."""
        while self._queue and self._free >= 1:
            head = self._queue[0]
            if head.turn.done():  # it gave up, and will step out
                self._queue.popleft()
                continue
            permit = self._quota.take(head.tokens)
            if permit is None:
                break
            self._queue.popleft()
            self._free -= 1
            head.turn.set_result(permit)
        if revised:
            self._dismiss()
        if self._queue and self._free >= 1:
            self._quota.seek(self._needs, self._look)

    def _dismiss(self) -> None:
        """Tell those whose wait will be too long, as far as that is known now."""
        now = asyncio.get_running_loop().time()
        requests, needed = 0, 0.0
        for waiter in self._queue:
            need = self._quota.need(waiter.tokens)
            wait = self._quota.wait(requests + 1, needed + need)
            if waiter.turn.done():
                continue
            if now + wait > waiter.until:
                waiter.foreseen = wait
                waiter.turn.set_result(None)
            else:
                requests, needed = requests + 1, needed + need

    def _needs(self) -> Sequence[Need]:
        """Return what could go now, but for the quota."""
        waiting = [waiter for waiter in self._queue if not waiter.turn.done()]
        may_go = len(waiting) if self._free == math.inf else int(self._free)
        return [Need(waiter.tokens, waiter.since) for waiter in waiting[:may_go]]

    def _leave(self) -> None:
        self._free += 1
        if self._queue:
            self._look()
