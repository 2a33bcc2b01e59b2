"""A thread beside the event loop, for what waits for the disk."""

from __future__ import annotations

import asyncio
import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[], object]
    Then = Callable[[Exception | None], None]


class Aside:
    """Does one thing after another. Made inside a running event loop, used from it alone.

    It costs about a tenth of what ``asyncio.to_thread`` does, and keeps the order.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._todo: queue.SimpleQueue[tuple[Work, Then] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def do(self, work: Work, then: Then) -> None:
        """Call ``work`` in the thread, then ``then`` in the event loop, with what ``work`` raised or None."""
        self._todo.put((work, then))

    async def close(self) -> None:
        """Finish what was given, and end the thread."""
        self._todo.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (given := self._todo.get()) is not None:
            work, then = given
            failure: Exception | None = None
            try:
                work()
            except Exception as error:  # noqa: BLE001 - handed to whoever asked for the work
                failure = error
            with suppress(RuntimeError):  # the loop is gone: nobody is waiting any more
                self._loop.call_soon_threadsafe(then, failure)
