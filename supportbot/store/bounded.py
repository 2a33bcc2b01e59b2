"""How long a server may take to answer, and connections of psycopg's own kind that hold it to that.

A primary that hangs closes nothing: its machine may go on to acknowledge what it is sent, or be gone behind a
firewall that says nothing. PostgreSQL's own time limits are no help, since it is the server that keeps them.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection, OperationalError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from psycopg import Notify

HUNG = 15.0
"""Seconds without an answer after which a connection is given up: above what the server may take."""


class BoundedConnection(AsyncConnection[Any]):
    """A connection of which every question is answered in ``HUNG`` seconds, or fails."""

    when_hung: Callable[[], None] | None = None
    """Called when this one is given up because the server did not answer: others may be as old."""
    _listens = False
    _given_up = False

    async def wait(self, *work: Any, **how: Any) -> Any:
        """Wait for the server, as all that is done with a connection does; never too long.

        Raises:
            psycopg.OperationalError: the connection is lost, or was given up.
        """
        if self._listens:
            return await super().wait(*work, **how)
        patience = asyncio.get_running_loop().call_later(HUNG, self._hung)
        try:
            return await super().wait(*work, **how)
        except OperationalError as error:
            if self._given_up:
                raise OperationalError("the server does not answer") from error
            raise
        finally:
            patience.cancel()

    async def notifies(self, **how: Any) -> AsyncGenerator[Notify]:
        """Wait for notices: nothing was asked, so that silence may last."""
        self._listens = True
        try:
            async with aclosing(super().notifies(**how)) as notices:
                async for notice in notices:
                    yield notice
        finally:
            self._listens = False

    def give_up(self) -> None:
        """Break the connection; whoever waits for it is told.

        Nobody is cancelled, for psycopg would then ask the server to end the query, and wait for that. The
        socket is shut and not closed: psycopg and the event loop still have its number.
        """
        self._given_up = True
        with suppress(OSError, OperationalError), socket.socket(fileno=os.dup(self.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)

    def _hung(self) -> None:
        self.give_up()
        if self.when_hung is not None:
            self.when_hung()
