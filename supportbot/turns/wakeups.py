"""procrastinate's way to the database, made quick: one round trip a query, and no wake-up is lost."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from procrastinate import PsycopgConnector
from procrastinate.sql import queries
from psycopg_pool import AsyncConnectionPool

from supportbot.store.bounded import BoundedConnection
from supportbot.store.postgres_pool import connection_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from procrastinate.connector import Notify

MOST = 4
"""Connections of a worker at once, and one that listens."""

_FETCH, _FINISH = queries["fetch_job"], queries["finish_job"]


class QueueConnector(PsycopgConnector):
    """The connections of a worker of the queue.

    A worker asks for one job after the other, so what one question takes bounds the jobs it can begin in a
    second. It is one statement, which needs no BEGIN and COMMIT around it: two round trips of three.

    A worker also forgets, after each look into the queue, every notice it has had by then; also that of a job
    enqueued while the look was under way, which the look could not see. That one would wait for the next
    poll, and so it is told of it again.

    Nor is anybody told when a lock becomes free: a job that came while another one of its conversation ended
    was looked for in vain. So who finishes a job looks again, if a notice came since the job was taken up.

    procrastinate waits for its questions' answers as long as they take. Where the server does not answer all
    these connections are given up at once, so that the worker ends, and begins anew with others.
    """

    def __init__(self, url: str, schema: str) -> None:
        """Take the store's URL, and the name of the queue's schema."""
        super().__init__(
            # Not waiting for the disk: jobs are handed out one by one, and one that is lost is made again.
            kwargs=connection_settings(url, search_path=schema, synchronous_commit="off"),
            connection_class=BoundedConnection,
            configure=self._lay,
            min_size=1,
            max_size=MOST,
            timeout=5.0,
            pool_factory=_unchecked,
        )
        self._lines: WeakSet[BoundedConnection] = WeakSet()
        self._looking = False
        self._notices = 0
        self._noticed: dict[int, int] = {}  # job that was taken up -> how many notices had come by then
        self._heard: partial[Awaitable[None]] | None = None
        self._tell_again: partial[Awaitable[None]] | None = None
        self._telling: set[asyncio.Future[None]] = set()

    async def _lay(self, connection: BoundedConnection) -> None:
        """Make a new connection ready, the one that listens too: each statement is a transaction."""
        await connection.set_autocommit(True)
        connection.when_hung = self._give_up
        self._lines.add(connection)

    def _give_up(self) -> None:
        for connection in tuple(self._lines):
            connection.give_up()

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Listen, and remember what is heard while the worker looks."""

        async def hear(*, channel: str, payload: str) -> None:
            await on_notification(channel=channel, payload=payload)
            self._notices += 1
            self._heard = partial(on_notification, channel=channel, payload=payload)
            if self._looking:
                self._tell_again = self._heard

        await super().listen_notify(on_notification=hear, channels=channels)

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
        """Run a query; after a look into the queue, tell again what was heard during it."""
        looks = query == _FETCH
        if looks:
            self._looking, self._tell_again = True, None
        try:
            row: dict[str, Any] = await super().execute_query_one_async(query, **arguments)
        finally:
            if looks:
                self._looking = False
                self._repeat(self._tell_again)
        if looks and row["id"] is not None:
            self._noticed[row["id"]] = self._notices
        return row

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        """Run a query; once a job is finished, look again for what may have waited for its lock."""
        await super().execute_query_async(query, **arguments)
        if query != _FINISH or self._noticed.pop(arguments["job_id"], self._notices) == self._notices:
            return
        if self._looking:  # perhaps since before the lock was free
            self._tell_again = self._heard
        else:
            self._repeat(self._heard)

    def _repeat(self, notice: partial[Awaitable[None]] | None) -> None:
        """Tell it again in a task, which runs once the worker has forgotten."""
        if notice is not None:
            task = asyncio.ensure_future(_call(notice))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)


async def _call(notice: partial[Awaitable[None]]) -> None:
    await notice()


def _unchecked(**options: Any) -> AsyncConnectionPool[Any]:
    """Make a pool that does not ask before every query whether the server is there; a query will tell."""
    return AsyncConnectionPool(**{**options, "check": None})
