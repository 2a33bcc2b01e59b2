"""One turn that is being worked on in this process: the task, and how long its lease allows it."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import structlog

from supportbot.holding import Hold
from supportbot.ids import now_ms

if TYPE_CHECKING:
    from supportbot.messages import Turn

_SHARE = 0.9
"""How much of a lease is worked: ending takes a moment, and the clocks of two machines differ a little."""

log = structlog.get_logger(__name__)


class Running:
    """A turn being worked on."""

    __slots__ = ("_lapse", "claim", "interrupted", "lapsed", "task", "turn")

    def __init__(self, turn: Turn) -> None:
        """Begin with a claim; whoever makes the task sets ``task``."""
        self.turn = turn
        self.task: asyncio.Task[None]
        self.interrupted = False
        """The turn is no longer ours: whatever the task ends with, it is nobody's failure."""
        self.lapsed = False
        """Its lease ended under the work, since the database could not be reached to renew it."""
        self.claim = Hold()
        """For whoever works, to look whether they may still."""
        self._lapse: asyncio.TimerHandle | None = None

    def interrupt(self) -> None:
        """Stop the work: somebody else has the turn, or may have it."""
        self.interrupted = True
        self.task.cancel()

    def hold(self, until: int) -> None:
        """Go on until shortly before then, in Unix milliseconds, unless this is called again before.

        Then the lease ends, and another process may take the turn up (I4): that one may reach the database
        where this one cannot, and would call the model while this one still does.
        """
        if self.lapsed:
            return  # the work has ended, and what is being done is to give the turn back
        self.let_go()
        now = now_ms()
        left = _SHARE * (until - now)
        self.claim.until = now + left
        self._lapse = asyncio.get_running_loop().call_later(left / 1000, self._on_timer)

    def let_go(self) -> None:
        """Keep to no lease: the work has ended."""
        self.claim.until = math.inf
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._lapse is not None:
            self._lapse.cancel()

    @property
    def is_over(self) -> bool:
        """The lease ended under the work, whether that was noticed or not."""
        return now_ms() >= self.claim.until

    def lapse(self) -> None:
        """Say that the lease ended under the work: it is not prolonged, and no timer breaks off the rest."""
        if not self.lapsed:
            log.warning("turn.lease_lapsed", turn=self.turn.id)
        self.lapsed = True
        self._stop_timer()

    def _on_timer(self) -> None:
        self.lapse()
        self.task.cancel()
