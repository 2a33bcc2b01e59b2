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

from supportbot.model.allowance import MINUTE, Allowance, Spent, standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_SOONEST = 0.001  # seconds; a timer that rounds down must not look again for nothing


class Busy(Exception):
    """No place comes free in time."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` that the wait would have taken at least; 0 when it was waited for in vain."""
        super().__init__(seconds)
        self.seconds = seconds


class Place:
    """The right to send one request."""

    __slots__ = ("_entries",)

    def __init__(self, requests: tuple[Allowance, Spent], tokens: tuple[Allowance, Spent]) -> None:
        """Made by the gate: the two books, and the entry in each."""
        self._entries = requests, tokens

    def used(self, tokens: int) -> None:
        """Tell how many tokens the request cost, once that is known."""
        allowance, spent = self._entries[1]
        allowance.correct(spent, tokens)

    def unused(self) -> None:
        """Tell that no request was sent after all."""
        for allowance, spent in self._entries:
            allowance.correct(spent, 0)


@dataclass(slots=True, eq=False)
class _Waiter:
    tokens: float
    until: float
    turn: asyncio.Future[Place | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """Its place, or None when there will be none in time."""


class Gate:
    """Lets requests through: so many at once, so many and so many tokens a minute, none while it is closed.

    All times are those of the event loop's clock.
    """

    def __init__(
        self,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        concurrency: int | None = None,
        minute: float = MINUTE,
    ) -> None:
        """Take the limits; None is none until the endpoint names one. ``minute``: how many seconds it has."""
        self._requests = Allowance(requests_per_minute, window=minute)
        self._tokens = Allowance(tokens_per_minute, window=minute)
        self._minute = minute
        self._free: float = concurrency or math.inf
        self._closed_until = 0.0
        self._queue: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def place(self, tokens: int, *, until: float) -> AsyncIterator[Place]:
        """Wait for a place for a request of about so many tokens, and give it back on leaving.

        Raises:
            Busy: none comes before ``until``; at once where that can be foreseen.
        """
        place = self._enter(tokens) or await self._wait_in_line(tokens, until)
        try:
            yield place
        finally:
            self._leave()

    def heed(self, headers: Mapping[str, str]) -> None:
        """Take over what an answer of the endpoint says about its limits."""
        now = asyncio.get_running_loop().time()
        for kind, allowance in (("requests", self._requests), ("tokens", self._tokens)):
            said = standing(headers, kind)
            allowance.told(said, now)
            if said.remaining == 0 and allowance.limit == math.inf:
                self.pause(self._minute if said.reset is None else min(said.reset, self._minute))

    def pause(self, seconds: float) -> None:
        """Let nobody through for so long: the endpoint asked for it."""
        self._closed_until = max(self._closed_until, asyncio.get_running_loop().time() + seconds)
        for waiter in self._queue:
            if waiter.until < self._closed_until and not waiter.turn.done():
                waiter.turn.set_result(None)

    # -- the queue -----------------------------------------------------------------------------------

    def _enter(self, tokens: float) -> Place | None:
        """Go through, if nobody waits and nothing stands in the way."""
        if self._queue or self._free < 1 or self._wait(1, self._need(tokens)) > 0:
            return None
        return self._admitted(tokens)

    async def _wait_in_line(self, tokens: float, until: float) -> Place:
        ahead = sum(self._need(waiter.tokens) for waiter in self._queue)
        wait = self._wait(len(self._queue) + 1, ahead + self._need(tokens))
        loop = asyncio.get_running_loop()
        if loop.time() + wait > until:
            raise Busy(wait)
        waiter = _Waiter(tokens, until)
        self._queue.append(waiter)
        self._look()
        try:
            async with asyncio.timeout_at(until):
                place = await waiter.turn
        except TimeoutError:
            self._step_out(waiter)
            raise Busy(0.0) from None
        except asyncio.CancelledError:
            self._step_out(waiter)
            raise
        if place is None:
            self._step_out(waiter)
            raise Busy(self._closed_until - loop.time())
        return place

    def _step_out(self, waiter: _Waiter) -> None:
        """Leave the queue; or, when a place had been given at the last moment, give it back."""
        if waiter in self._queue:
            self._queue.remove(waiter)
            self._look()
        elif waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.result() is not None:
            self._leave()

    def _look(self) -> None:
        """Let through whoever can go, and look again when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queue and self._free >= 1:
            head = self._queue[0]
            if head.turn.done():  # it gave up, and will step out
                self._queue.popleft()
                continue
            wait = self._wait(1, self._need(head.tokens))
            if wait > 0:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(wait + _SOONEST, self._look)
                return
            self._queue.popleft()
            head.turn.set_result(self._admitted(head.tokens))

    def _admitted(self, tokens: float) -> Place:
        now = asyncio.get_running_loop().time()
        self._free -= 1
        return Place(
            (self._requests, self._requests.spend(1, now)),
            (self._tokens, self._tokens.spend(self._need(tokens), now)),
        )

    def _leave(self) -> None:
        self._free += 1
        if self._queue:
            self._look()

    def _wait(self, requests: int, tokens: float) -> float:
        """Return for how many seconds at least so much cannot go through."""
        now = asyncio.get_running_loop().time()
        return max(
            self._closed_until - now, self._requests.wait(requests, now), self._tokens.wait(tokens, now), 0.0
        )

    def _need(self, tokens: float) -> float:
        """A request larger than all that is allowed in a minute goes alone, or it would never go."""
        return min(tokens, self._tokens.limit)
