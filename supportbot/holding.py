"""How long what was claimed may be worked on, asked right before others would notice that somebody does.

A timer ends work whose time is over. But a process that was stopped (SIGSTOP, a machine that was suspended)
first ends the step in which it was, whatever has come due meanwhile: that step may be about to ask a model.
"""

from __future__ import annotations

import math
from contextvars import ContextVar

from supportbot.ids import now_ms


class Hold:
    """The time of a claim, which may be prolonged."""

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until = math.inf
        """In Unix milliseconds; no end where nobody else would take the work up."""


_hold: ContextVar[Hold | None] = ContextVar("hold", default=None)


def work_under(hold: Hold) -> None:
    """Say that the running task, and what it starts from now on, works under a claim."""
    _hold.set(hold)


def is_over() -> bool:
    """Return whether the time is over of the claim under which the running task works; False without one."""
    hold = _hold.get()
    return hold is not None and now_ms() >= hold.until
