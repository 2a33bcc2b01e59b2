"""Running one tool: awaited or in a thread, with an end to it, and every outcome told in words."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from supportbot.errors import ToolFailed
from supportbot.steps.results import as_text, error

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.steps.values import CallState
    from supportbot.tools import Tool

_THREADS = 64
"""Most tools that run in threads at once; one that hangs keeps its place until it ends."""

UNKNOWN = error(
    "Nobody knows whether this was done. Do not call it again. Tell the customer that a person will check."
)

log = structlog.get_logger(__name__)


class Runner:
    """Runs tools."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_THREADS)

    async def run(self, tool: Tool[..., Any], call: Callable[[], Any]) -> tuple[CallState, str]:
        """Run a tool once. Returns how it ended and what the model is to read of it.

        ``done``; ``failed``, of one that has done nothing or may be run again; or ``unknown``, of one that
        must act only once and did not say whether it did.
        """
        try:
            async with asyncio.timeout(tool.timeout):
                value = await (call() if tool.is_async else self._in_thread(call))
        except ToolFailed as failure:
            return "failed", error(as_text(str(failure)))
        except TimeoutError:
            return _unclear(tool, "It took too long.")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return _unclear(tool, "It failed.")
        except (Exception, SystemExit):  # noqa: BLE001 - it must not end the bot, however it fails
            return _unclear(tool, "It failed.")
        return "done", _result(tool, value)

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        """Call a function in a thread of its own, which does not keep the process from ending."""
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def settle(value: Any, failure: BaseException | None) -> None:
            self._places.release()
            if future.done():
                return
            if failure is None:
                future.set_result(value)
            else:
                future.set_exception(failure)

        def work() -> None:
            value: Any = None
            failure: BaseException | None = None
            try:
                value = call()
            except StopIteration:  # a future cannot hold it
                failure = RuntimeError("StopIteration")
            except BaseException as raised:  # noqa: BLE001 - it is raised where the tool is awaited
                failure = raised
            with suppress(RuntimeError):  # the bot has stopped meanwhile, and nobody waits for this any more
                loop.call_soon_threadsafe(settle, value, failure)

        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(work,), name="tool", daemon=True).start()
        return await future


def _unclear(tool: Tool[..., Any], words: str) -> tuple[CallState, str]:
    log.warning("tool.failed", tool=tool.name, exc_info=True)
    return ("unknown", UNKNOWN) if tool.effects == "once" else ("failed", error(words))


def _result(tool: Tool[..., Any], value: Any) -> str:
    if value is None:
        return "done"
    try:
        return as_text(value) or "(nothing)"
    except TypeError as unfit:
        log.warning("tool.result_unfit", tool=tool.name, failure=str(unfit))
        return "done; its result is no text"
