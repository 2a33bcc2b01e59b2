"""One connection to PostgreSQL: statements go out at once, and their answers are awaited together.

This is libpq's pipeline mode on psycopg's own layer of it (``psycopg.pq``). psycopg's cursors wait after
every statement and cost four times the processor time of this; a turn has three dozen statements.
https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from psycopg import Error, OperationalError
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.types.string import TextLoader

from supportbot.store import bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection
    from psycopg.pq.abc import PGconn, PGresult

    from supportbot.store.statement import Prepared

_BEGIN, _COMMIT, _ROLLBACK = b"BEGIN", b"COMMIT", b"ROLLBACK"


class Answer:
    """What the server says to one statement, once it has."""

    __slots__ = ("prepares", "result")

    def __init__(self, prepares: bytes = b"") -> None:
        self.prepares = prepares
        """The name of the statement that this only prepares."""
        self.result: PGresult | None = None

    @property
    def touched(self) -> int:
        """How many rows the statement changed."""
        assert self.result is not None
        return self.result.command_tuples or 0


class Wire:
    """A connection, for one transaction at a time. Made inside a running event loop, used from it alone."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        """Take over a connection in autocommit mode."""
        self._connection = connection  # psycopg warns of one that is forgotten before it is closed
        self._pg: PGconn = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._socket = self._pg.socket
        self._expected: deque[Answer | None] = deque()  # None is the end of a pipeline
        self._prepared: set[bytes] = set()
        self._failure: Exception | None = None
        """What the first statement that failed met. All behind it are skipped until the pipeline ends."""
        self._at_rest = True
        """The last pipeline has ended: what the server says of the transaction is so."""
        self._waiter: asyncio.Future[None] | None = None
        self._writing = False
        self._broken = False
        adapters = AdaptersMap(connection.adapters)
        adapters.register_loader(
            "jsonb", TextLoader
        )  # JSON columns carry JSON text in and out; see ``tables``
        adapters.register_loader("json", TextLoader)
        self._transformer = Transformer(_Adapting(adapters, connection))
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._readable)

    @property
    def usable(self) -> bool:
        """It is connected, and nothing of whoever used it is left: no answer, no failure, no transaction."""
        return not self.broken and self._at_rest and self._pg.transaction_status == TransactionStatus.IDLE

    @property
    def broken(self) -> bool:
        """The connection is lost."""
        return self._broken or self._pg.status != ConnStatus.OK

    # -- statements -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin a transaction, with the next statement."""
        self._plain(_BEGIN)

    def send(self, statement: Prepared, params: Sequence[Any]) -> Answer:
        """Hand a statement over; what comes of it is known after ``synced``."""
        self._at_rest = False
        if statement.name not in self._prepared:
            self._pg.send_prepare(statement.name, statement.sql)
            self._prepared.add(statement.name)
            self._expected.append(Answer(statement.name))
        values = [_encoded(value) for value in params]
        formats = (
            [1 if type(value) is bytes else 0 for value in params] if bytes in map(type, params) else None
        )
        self._pg.send_query_prepared(statement.name, values, formats)
        answer = Answer()
        self._expected.append(answer)
        return answer

    async def synced(self) -> None:
        """Wait until everything that was handed over has its answer.

        It ends a pipeline, not a transaction: only between two of them does the server know that it waits for
        us, and takes its locks back from a process that is stopped (``idle_in_transaction_session_timeout``).

        Raises:
            psycopg.Error: what the first statement that failed met; those behind it were not run, and none
                will be before a ``rollback``.
        """
        self._pg.pipeline_sync()
        self._expected.append(None)
        await self._settled()
        self._at_rest = True
        if (failure := self._failure) is not None:
            if self._pg.transaction_status != TransactionStatus.INERROR:
                self._failure = None  # nothing is left of it; else whoever goes on is told the same again
            raise failure

    async def commit(self) -> None:
        """End the transaction; returns when it is on the server's disk.

        Raises:
            psycopg.Error: it failed, or a statement before it did. It is not stored, unless the connection is
                ``broken``: then nobody knows.
        """
        self._plain(_COMMIT)
        await self.synced()  # a COMMIT of what failed before is a ROLLBACK, and that failure is raised

    async def rollback(self) -> None:
        """Take the transaction back, and make the connection usable again."""
        with suppress(Error):
            await self.synced()
        if self.broken:
            raise OperationalError("the connection was lost")
        self._failure = None
        self._plain(_ROLLBACK)
        await self.synced()

    def rows(self, answer: Answer) -> list[tuple[Any, ...]]:
        """Return the rows of an answer."""
        assert answer.result is not None
        self._transformer.set_pgresult(answer.result)
        return self._transformer.load_rows(0, answer.result.ntuples, tuple)

    def close(self) -> None:
        """Let go of it; whoever waits is told so."""
        self._lost(OperationalError("the connection was closed"))
        self._pg.finish()
        self._expected.clear()

    # -- the protocol ---------------------------------------------------------------------------

    def _plain(self, words: bytes) -> None:
        self._at_rest = False
        self._pg.send_query_params(words, None)
        self._expected.append(Answer())

    async def _settled(self) -> None:
        """Wait until everything that was handed over has its answer, or the connection is lost."""
        self._flush()
        if self.broken:
            raise self._failure or OperationalError("the connection was lost")
        if self._expected:
            self._waiter = self._loop.create_future()
            patience = self._loop.call_later(bounded.HUNG, self._hung)
            try:
                await self._waiter
            finally:
                self._waiter = None
                patience.cancel()

    def _flush(self) -> None:
        """Write what is to be written; what does not fit waits until the socket takes more."""
        try:
            left = self._pg.flush()
        except OperationalError as error:
            self._lost(error)
            return
        if left and not self._writing:
            self._loop.add_writer(self._socket, self._flush)
        elif not left and self._writing:
            self._loop.remove_writer(self._socket)
        self._writing = bool(left)

    def _readable(self) -> None:
        try:
            self._pg.consume_input()
            while self._expected and not self._pg.is_busy():
                self._take(self._pg.get_result())
        except OperationalError as error:
            self._lost(error)
            return
        if not self._expected:
            self._wake(None)

    def _take(self, result: PGresult | None) -> None:
        """Take one piece of an answer; None ends it."""
        head = self._expected[0]
        if result is None or result.status == ExecStatus.PIPELINE_SYNC:
            self._expected.popleft()
            fits = result is not None if head is None else result is None
            if not fits or (head is not None and head.result is None and self._failure is None):
                raise OperationalError("the server's answers do not fit what it was asked")
        elif result.status in {ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED}:
            if head is not None and head.prepares:
                self._prepared.discard(head.prepares)
            if self._failure is None:
                self._failure = error_from_result(result)
        elif head is not None:
            head.result = result

    def _hung(self) -> None:
        self._lost(OperationalError("the server does not answer"))

    def _lost(self, error: Exception) -> None:
        if not self._broken:  # once only: its number may be another connection's soon
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._broken = True
        self._wake(error)

    def _wake(self, failure: Exception | None) -> None:
        if failure is not None:
            self._failure = self._failure or failure
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Adapting:
    """What psycopg's transformer wants to know: how values are read, and over which connection."""

    def __init__(self, adapters: AdaptersMap, connection: AsyncConnection[Any]) -> None:
        self.adapters = adapters
        self.connection = connection


def _encoded(value: Any) -> bytes | None:
    """Return a parameter as the server reads it: bytes as they are, all else as text."""
    if value is None or type(value) is bytes:
        return value
    text = value if type(value) is str else str(value)
    if "\0" in text:
        raise ValueError("PostgreSQL keeps no NUL in a text")
    return text.encode()
