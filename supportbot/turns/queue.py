"""The turn engine of many processes: procrastinate's queue beside the tables, in the same PostgreSQL.

A process that works and has room claims what it accepts at once, in the same transaction. All else is a
job: what is accepted where nobody works or there is no room, and whatever somebody's death has left
behind. A job is enqueued in the transaction that makes it necessary and says no more than "look at this
conversation"; what is to be done there stands in the tables, and whether it may be done the claim decides.

Held to, because each was seen to go wrong otherwise: a job has the conversation as its *lock*, and no
*queueing lock* beside it (a retry would then freeze the conversation for ever); it works off everything that
is due in its conversation, because a lock that becomes free wakes nobody.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import BigInteger, Float, Text, bindparam, text

from supportbot.errors import StoreUnavailable
from supportbot.ids import now_ms
from supportbot.store import Statement
from supportbot.store.remedies import in_words
from supportbot.turns.engine import Engine
from supportbot.turns.order import Order
from supportbot.turns.suspects import IN_COMPANY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import procrastinate

    from supportbot.leases import Leases
    from supportbot.store import Tx

SCHEMA = "supportbot_queue"
_QUEUE = "turns"
_TASK = "supportbot.drain"

_POLL = 2.0
"""Seconds between two looks into the queue: a new job wakes a worker, one that was put off does not."""

_NEVER = 86_400.0
"""Seconds between two looks for jobs that somebody wants to end: nobody does."""

_RESERVE = 4
"""One place in so many is kept for what a process accepts itself: no job takes it. The other way round, a
job that was taken up gets the next place that becomes free, whatever is accepted meanwhile."""

_BEAT = 3.0
"""Seconds between two signs of life of a worker."""

_STALLED = 10.0
"""Seconds without one after which its jobs are taken away from it."""

_REAP = 2.0
"""Seconds between two looks for conversations that are due and have no job."""

_OVERDUE = 1000
"""Milliseconds: whoever claims at once, or a timer, is given so long before a job is made."""

_HOLD = 3.0
"""Seconds that a job waits for room where it was taken up, before it goes back into the queue."""

_BATCH = 500
_PAUSE = 1.0
"""Seconds before a worker that lost the database begins anew."""

_job = f"""
    SELECT {SCHEMA}.procrastinate_defer_jobs_v1(ARRAY[ROW(
        '{_QUEUE}', '{_TASK}', 0, CAST(:conversation AS text), NULL,
        jsonb_build_object('conversation_id', CAST(:conversation AS text)),
        to_timestamp(CAST(:due AS double precision) / 1000)
    )::{SCHEMA}.procrastinate_job_to_defer_v1]) AS jobs
"""
_ENQUEUE = Statement(
    text(_job).bindparams(bindparam("conversation", type_=Text), bindparam("due", type_=BigInteger))
)
_LEFT_BEHIND = Statement(
    text(
        f"""
        SELECT id FROM conversations
        WHERE due_at <= :until AND state = 'bot'
            AND NOT EXISTS (
                SELECT FROM {SCHEMA}.procrastinate_jobs
                WHERE lock = conversations.id AND status IN ('todo', 'doing'))
            AND NOT EXISTS (  -- a suspect needs no job: each process looks for them itself
                SELECT FROM turns
                WHERE turns.id = open_turn_id AND deaths + (turns.state = 'running')::int >= {IN_COMPANY})
        ORDER BY due_at LIMIT {_BATCH}
        """  # noqa: S608 - constants
    ).bindparams(bindparam("until", type_=BigInteger))
)
_TAKE_FROM_THE_DEAD = Statement(
    text(
        f"""
        DELETE FROM {SCHEMA}.procrastinate_jobs job
        WHERE job.status = 'doing' AND job.queue_name = '{_QUEUE}'
            AND NOT EXISTS (
                SELECT FROM {SCHEMA}.procrastinate_workers worker
                WHERE worker.id = job.worker_id
                    AND worker.last_heartbeat >= now() - make_interval(secs => :seconds))
        RETURNING lock
        """  # noqa: S608 - constants
    ).bindparams(bindparam("seconds", type_=Float))
)
"""As procrastinate's ``get_stalled_jobs`` and ``finish_job`` have it, in one statement."""

log = structlog.get_logger(__name__)


class QueueEngine(Engine):
    """Shares the turns of a PostgreSQL store with any number of other processes."""

    def join(self, database: str, leases: Leases, *, works: bool) -> None:
        """Say where the queue is; once, before ``start``.

        Args:
            database: its URL, as for the store.
            leases: for what one process does for all.
            works: False makes this a process that only enlists what others work on.
        """
        self._database = database
        self._leases = leases
        self._works = works
        self._most_jobs = self._concurrency - self._concurrency // _RESERVE
        self._jobs_waiting = 0  # for a turn of theirs to begin
        self._jobs_claiming = 0  # those of them that have got a place for it
        self._line = asyncio.Lock()  # those that have not: first come, first served

    async def start(self) -> None:
        """Begin to work, if this process does."""
        logging.getLogger("procrastinate").setLevel(logging.ERROR)  # it tells of every job
        if self._works:
            await super().start()
            self._chore(self._leases.hold("turns", self._reap_forever))

    # -- finding work ---------------------------------------------------------------------------

    def _has_room(self) -> bool:
        return self._open and len(self._running) + self._jobs_waiting < self._concurrency

    def _put_off(self, tx: Tx, conversation_id: str, due_at: int) -> None:
        if self._has_room():
            tx.after_commit(lambda: self._look_at(conversation_id, due_at))
        else:
            _enqueue(tx, conversation_id, due_at)

    def _look_at(self, conversation_id: str, due_at: int) -> None:
        if self._has_room():
            super()._look_at(conversation_id, due_at)
        elif self._open:
            self._chore(self._enqueue(conversation_id, due_at))

    async def _enqueue(self, conversation_id: str, due_at: int) -> None:
        try:
            await self._store.write(lambda tx: _enqueue(tx, conversation_id, due_at))
        except StoreUnavailable as error:  # whoever looks for what was left behind makes the job
            log.warning("turns.not_enqueued", error=str(error))

    async def _find_forever(self) -> None:
        """Work off the queue; begin anew when the database was gone."""
        while True:
            try:
                await self._work_off()
            except Exception as error:  # noqa: BLE001 - whatever it was must not end the search for work
                log.warning("turns.queue_lost", error=in_words(error))
            await asyncio.sleep(_PAUSE)

    async def _work_off(self) -> None:
        app = self._queue()
        async with app.open_async():
            await app.run_worker_async(
                queues=[_QUEUE],
                concurrency=self._most_jobs,
                install_signal_handlers=False,
                delete_jobs="always",  # what was wrong with a turn stands in the tables
                fetch_job_polling_interval=_POLL,
                abort_job_polling_interval=_NEVER,
                update_heartbeat_interval=_BEAT,
                stalled_worker_timeout=_STALLED,
                shutdown_graceful_timeout=0.0,  # the turns themselves are given their time
            )

    def _queue(self) -> procrastinate.App:
        import procrastinate

        from supportbot.turns.wakeups import QueueConnector

        app = procrastinate.App(connector=QueueConnector(self._database, SCHEMA))
        app.task(name=_TASK, queue=_QUEUE)(self._drain)
        return app

    async def _drain(self, conversation_id: str) -> None:
        """Work off everything that is due in a conversation."""
        while self._open:
            async with self._place() as taken:
                if not taken:
                    await self._enqueue(conversation_id, now_ms())
                    return
                turn = await self._claim_now(conversation_id)
            if turn is None:
                return
            await self._until_done(turn)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[bool]:
        """Hold a place for a turn; False when none became free soon: another process may have one.

        It is held while the claim is on its way to the disk, or all who wait would see the same one free.
        """
        self._jobs_waiting += 1  # nothing that is accepted meanwhile takes its place
        taken = False
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_HOLD), self._line:
                    while len(self._running) + self._jobs_claiming >= self._concurrency:
                        self._more.clear()
                        await self._more.wait()
                    self._jobs_claiming += 1
                    taken = True
            yield taken
        finally:
            self._jobs_waiting -= 1
            if taken:
                self._jobs_claiming -= 1
                self._more.set()

    # -- for all processes ----------------------------------------------------------------------

    async def _reap_forever(self) -> None:
        """Make jobs for what is due and has none: somebody died, or a wake-up was lost. And sort them.

        On the store's connections: a queue of procrastinate's own would be five more of them.
        """
        order = Order(SCHEMA, share=max(1, self._most_jobs // 8))
        clock, look_at = asyncio.get_running_loop().time, 0.0
        while True:
            if clock() >= look_at:
                look_at = clock() + _STALLED / 2
                for conversation_id in await self._store.write(_take_from_the_dead):
                    log.warning("turns.worker_died", conversation=conversation_id)
            await self._store.write(lambda tx: _keep_in_order(tx, order, clock()))
            await asyncio.sleep(_REAP)


def _enqueue(tx: Tx, conversation_id: str, due_at: int) -> None:
    tx.send(_ENQUEUE, conversation=conversation_id, due=due_at if due_at > now_ms() else None)


def _take_from_the_dead(tx: Tx) -> list[str]:
    """Remove the jobs of workers that are gone: their conversations' locks must not stay taken."""
    return [row[0] for row in tx.rows(_TAKE_FROM_THE_DEAD, seconds=_STALLED)]


def _keep_in_order(tx: Tx, order: Order, clock: float) -> None:
    now = now_ms()
    for row in tx.rows(_LEFT_BEHIND, until=now - _OVERDUE):
        _enqueue(tx, row[0], now)
    order.arrange(tx, clock)
