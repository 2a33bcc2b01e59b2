"""What is done beside the way of a message, with nobody waiting: greetings, the Home tab, notices."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Coroutine

_MOST = 500
"""Chores at once; what is more is left out: none of them is a promise."""

log = structlog.get_logger(__name__)


class Chores:
    """Tasks that may fail; their failure is a line in the log."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, name: str, work: Coroutine[None, None, object]) -> None:
        """Do something soon."""
        if len(self._tasks) >= _MOST:
            work.close()
            log.warning("slack.chore_left_out", chore=name)
            return
        task = asyncio.get_running_loop().create_task(_done(name, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Stop whatever is being done."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _done(name: str, work: Coroutine[None, None, object]) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - whatever it was: nobody waits for it
        log.warning("slack.chore_failed", chore=name, error=getattr(error, "cause", type(error).__name__))
