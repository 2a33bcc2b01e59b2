"""A deadline that moves with every piece of an answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_HELD = 24 * 3600.0  # seconds; longer than any answer may take


class Deadline:
    """Calls back once when its time has come.

    Moving it on is an assignment: the timer looks again when it fires. ``asyncio.timeout`` around every
    read costs more than reading does.
    """

    __slots__ = ("_callback", "_loop", "_timer", "at", "passed")

    def __init__(self, seconds: float) -> None:
        """``seconds`` from now; nothing is called before ``watch``."""
        self._loop = asyncio.get_running_loop()
        self._callback: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.at = self._loop.time() + seconds
        """On the event loop's clock."""
        self.passed = False

    def watch(self, callback: Callable[[], None]) -> None:
        """Call back when the time has come; ``stop`` must follow."""
        self._callback = callback
        self._timer = self._loop.call_at(self.at, self._look)

    def stop(self) -> None:
        """Call nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._callback = None

    def extend(self, seconds: float) -> None:
        """Let it be so many seconds from now."""
        self.at = self._loop.time() + seconds

    def hold(self) -> None:
        """Let it rest until it is extended."""
        self.extend(_HELD)

    def shorten(self, seconds: float) -> None:
        """Let it be so many seconds from now, if that is sooner."""
        sooner = self._loop.time() + seconds
        if sooner < self.at:
            self.at = sooner
            if self._timer is not None:
                self._timer.cancel()
                self._timer = self._loop.call_at(sooner, self._look)

    def _look(self) -> None:
        if self._loop.time() < self.at:
            self._timer = self._loop.call_at(self.at, self._look)
        elif self._callback is not None:
            self.passed = True
            self._callback()
