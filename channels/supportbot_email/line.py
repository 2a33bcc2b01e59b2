"""A connection with a thread of its own, for code that must not block. Connects when it is needed."""

from __future__ import annotations

import asyncio
import imaplib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from imap_tools import ImapToolsError

from supportbot_email.failures import Disconnected, MailServerError, ServerSaysNo, TooLate

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot_email.imap import Connection

P = ParamSpec("P")
T = TypeVar("T")


class Line:
    """Runs work on one connection, one piece at a time; after a failure the next piece gets a new one."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._thread: ThreadPoolExecutor | None = None
        self._connection: Connection | None = None
        self._closed = False

    async def run(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do work in the thread. Cancelled, it breaks the connection off, and with it the work.

        Raises:
            MailServerError: it could not be done.
        """
        if self._closed:  # the core may still try to deliver: nobody would close what is opened now
            raise Disconnected(cause="the bot is stopping")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="imap")
        doing = self._thread.submit(self._do, lambda connection: work(connection, *args, **kwargs))
        try:
            return await asyncio.wrap_future(doing)
        except asyncio.CancelledError:
            if self._connection is not None and not doing.done():
                self._connection.cut()
            raise

    async def close(self) -> None:
        """Let go of the connection and the thread, for good."""
        self._closed = True
        if self._thread is None:
            return
        thread, self._thread = self._thread, None
        if self._connection is not None:
            self._connection.cut()
        thread.submit(self._drop)
        await asyncio.to_thread(thread.shutdown)

    def _do(self, work: Callable[[Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._connect()
        try:
            return work(self._connection)
        except (imaplib.IMAP4.abort, OSError, EOFError) as error:
            self._drop()
            raise Disconnected(cause=type(error).__name__) from error
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            self._drop()  # the answer was not what the protocol says: what comes next cannot be trusted
            raise ServerSaysNo(cause=type(error).__name__) from error
        except TooLate:
            self._drop()  # the server waits for what it does not get
            raise
        except MailServerError:
            raise
        except Exception:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
            self._connection = None
