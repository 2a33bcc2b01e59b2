"""LISTEN and NOTIFY: short texts that PostgreSQL hands to every process that listens, and keeps nowhere.

They are sent apart from all other work, many in one transaction: the commits of transactions that notify
wait for each other. https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog
from psycopg import Error
from sqlalchemy import text

from supportbot.log import in_one_line
from supportbot.store.postgres_pool import connect
from supportbot.store.remedies import in_words
from supportbot.store.statement import Statement
from supportbot.store.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import AsyncConnection

MOST_BYTES = 7900
"""Longest notice; the server takes up to 7,999 bytes."""

_NOTIFY = Statement(text("SELECT pg_notify(:channel, :notice)"))
_PAUSE = 0.5
"""Seconds between two tries to get a connection back."""

log = structlog.get_logger(__name__)


class Notices:
    """One channel of notices, on two connections of its own."""

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._hear: Callable[[str], None]
        self._back: Callable[[], None]
        self._listening: AsyncConnection[Any] | None = None
        self._socket: int | None = None  # while it is watched
        self._sending: Wire | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._stopped = False
        self._one_at_a_time = asyncio.Lock()

    async def start(self, hear: Callable[[str], None], back: Callable[[], None]) -> None:
        """Begin to listen.

        Args:
            hear: called with every notice, this process's own ones too.
            back: called when listening goes on after it was interrupted: something may have been missed.

        Raises:
            psycopg.Error: the server is not there.
        """
        self._hear, self._back = hear, back
        await self._listen()
        self._keeper = asyncio.get_running_loop().create_task(self._keep_listening())

    async def stop(self) -> None:
        """Let go of both connections; what is posted from now on goes nowhere."""
        self._stopped = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        self._hang_up()
        self._close_sender()

    async def post(self, notices: Sequence[str]) -> bool:
        """Hand out notices, in their order, to all who listen; says whether that succeeded."""
        async with self._one_at_a_time:
            return not self._stopped and await self._post(notices)

    async def _post(self, notices: Sequence[str]) -> bool:
        try:
            if self._sending is None or not self._sending.usable:
                await self._connect_sender()
            assert self._sending is not None
            prepared = _NOTIFY.for_postgres()
            for notice in notices:
                self._sending.send(prepared, prepared.bind({"channel": self._channel, "notice": notice}))
            await self._sending.synced()
        except (Error, OSError) as error:
            log.warning("notices.not_sent", error=in_words(error))
            self._close_sender()  # whose server may be the wrong one: a stand-by refuses every notice
            return False
        return True

    def hang_up(self) -> None:
        """Connect anew: nothing was heard for too long."""
        self._gone.set()

    async def _connect_sender(self) -> None:
        self._close_sender()
        connection = await connect(self._url, synchronous_commit="off")  # nothing of it is kept anyway
        self._sending = Wire(connection)
        if self._stopped:
            self._sending.close()

    def _close_sender(self) -> None:
        wire, self._sending = self._sending, None
        if wire is not None:
            wire.close()

    async def _listen(self) -> None:
        connection = await connect(self._url)
        try:
            await connection.execute(f'LISTEN "{self._channel}"')  # a constant of ours
        except BaseException:
            connection.pgconn.finish()
            raise
        self._listening = connection
        self._gone.clear()
        self._socket = connection.fileno()
        asyncio.get_running_loop().add_reader(self._socket, self._readable, connection)
        self._readable(connection)

    def _readable(self, connection: AsyncConnection[Any]) -> None:
        pg = connection.pgconn
        try:
            pg.consume_input()
            while notice := pg.notifies():
                self._told(notice.extra)
        except Error:
            self._unwatch()
            self._gone.set()

    def _told(self, notice: bytes) -> None:
        try:
            self._hear(notice.decode())
        except Exception as error:  # noqa: BLE001 - whatever one notice does must not keep the next from being heard
            log.warning("notices.not_understood", error=in_one_line(error))

    def _hang_up(self) -> None:
        self._unwatch()
        connection, self._listening = self._listening, None
        if connection is not None:
            connection.pgconn.finish()

    def _unwatch(self) -> None:
        socket, self._socket = self._socket, None  # once only: its number may be another connection's soon
        if socket is not None:
            asyncio.get_running_loop().remove_reader(socket)

    async def _keep_listening(self) -> None:
        while True:
            await self._gone.wait()
            self._hang_up()
            try:
                await self._listen()
            except (Error, OSError) as error:
                log.warning("notices.not_heard", error=in_words(error))
                await asyncio.sleep(_PAUSE)
            else:
                self._tell_back()

    def _tell_back(self) -> None:
        try:
            self._back()
        except Exception as error:  # noqa: BLE001 - whatever it does must not end the listening
            log.warning("notices.back_failed", error=in_one_line(error))
