"""Lets work begin a little at a time, so that everything else in the event loop has its turn between."""

from __future__ import annotations

import asyncio
from collections import deque

_AT_ONCE = 16
"""So many may pass between two rounds of the event loop."""


class Turnstile:
    """What comes in a crowd passes in small groups, in its order; who comes alone does not wait.

    Tasks that become ready together all run in one round of the event loop, and nothing else does until the
    last of them waits for something. After a burst of messages that would be seconds, in which nobody's
    message could be taken.
    """

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._at_once = at_once
        self._left = at_once
        self._turning = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def pass_through(self) -> None:
        """Wait for one's turn."""
        loop = asyncio.get_running_loop()
        if not self._turning:
            self._turning = True
            loop.call_soon(self._turn)
        if self._left > 0 and not self._waiting:
            self._left -= 1
            return
        place = loop.create_future()
        self._waiting.append(place)
        await place

    def _turn(self) -> None:
        """Begin a new round: let the next ones pass."""
        self._left = self._at_once
        while self._waiting and self._left:
            place = self._waiting.popleft()
            if not place.done():  # else whoever waited there has gone
                place.set_result(None)
                self._left -= 1
        self._turning = bool(self._waiting) or self._left < self._at_once
        if self._turning:
            asyncio.get_running_loop().call_soon(self._turn)
