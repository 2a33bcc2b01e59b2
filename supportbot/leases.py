"""What one process at a time does for all that share a store: a lease on its name, renewed while it lives.

Whoever holds a lease and falls silent loses it after ``LIVES`` milliseconds; whoever stops gives it back at
once. So work goes on elsewhere within seconds. A holder that was frozen may go on for a moment beside its
successor: what is done under a lease must bear that. What cannot, such as leaving a draft in a mailbox, needs
a right that its holder checks as it acts; the e-mail channel has one of its own.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import bindparam, delete, or_
from sqlalchemy.dialects.postgresql import insert as insert_or_change  # both databases speak its ON CONFLICT

from supportbot.errors import StoreUnavailable
from supportbot.ids import now_ms
from supportbot.log import in_one_line
from supportbot.store import Statement
from supportbot.tables import leases

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from supportbot.store import Store

LIVES = 6_000
"""Milliseconds that a lease outlives its last renewal."""

_RENEW = 2.0
"""Seconds between two tries to get it, or to keep it."""

_WITHIN = 1.5
"""Seconds that a try may take: a database that hangs must not let a lease end under the work."""

_LONGEST_PAUSE = 60.0
"""Seconds, at most, before work that failed again and again is begun anew."""

log = structlog.get_logger(__name__)

_new = insert_or_change(leases)
_TAKE = Statement(
    _new.inline().on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={"holder": _new.excluded.holder, "until": _new.excluded.until},
        where=or_(leases.c.holder == _new.excluded.holder, leases.c.until < bindparam("now")),
    )
)
_GIVE_BACK = Statement(
    delete(leases).where(leases.c.name == bindparam("of"), leases.c.holder == bindparam("me"))
)


class Leases:
    """One process's leases."""

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner

    async def take(self, name: str) -> bool:
        """Take a lease, or keep it; says whether it is ours for the next ``LIVES`` milliseconds."""
        now = now_ms()
        row = {"name": name, "holder": self._owner, "until": now + LIVES}
        return await self._store.write(lambda tx: tx.run(_TAKE, now=now, **row)) == 1

    async def give_back(self, name: str) -> None:
        """Let another process have it at once."""
        await self._store.write(lambda tx: tx.run(_GIVE_BACK, of=name, me=self._owner))

    async def hold(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do some endless work whenever the lease is ours; until cancelled, whatever else happens.

        ``work`` is cancelled before the lease can be another's, and begun again when it is back, or after a
        while when it failed; at once where only the database was away.
        """
        clock = asyncio.get_running_loop().time
        doing = _Doing(name, work)
        ours_until = 0.0
        try:
            while True:
                tried_at = clock()
                try:
                    async with asyncio.timeout(_WITHIN):
                        ours = await self.take(name)
                except Exception as error:  # noqa: BLE001 - nobody else would do the work: it must go on
                    _tell("lease.not_taken", name, error)  # nobody can take it from us either, until it ends
                else:
                    ours_until = tried_at + LIVES / 1000 if ours else 0.0
                if clock() + _RENEW + _WITHIN < ours_until:
                    doing.go_on()
                else:
                    await doing.end()
                await asyncio.sleep(_RENEW)
        finally:
            await doing.end()
            if ours_until:
                with suppress(StoreUnavailable, TimeoutError):
                    async with asyncio.timeout(_WITHIN):
                        await self.give_back(name)


class _Doing:
    """Some work that is done under a lease, again and again where it ends."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._work = work
        self._clock = asyncio.get_running_loop().time
        self._task: asyncio.Future[None] | None = None
        self._begun_at = 0.0
        self._failures = 0
        """How often in a row it failed soon."""
        self._not_before = 0.0

    def go_on(self) -> None:
        """See to it that it is being done."""
        if self._task is not None and self._task.done():
            self._ended(self._task)
        if self._task is None and self._clock() >= self._not_before:
            log.debug("lease.ours", name=self._name)
            self._begun_at = self._clock()
            self._task = asyncio.ensure_future(self._work())

    async def end(self) -> None:
        """Cancel it and wait until it is gone."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._ended(self._task)

    def _ended(self, task: asyncio.Future[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            _tell("lease.work_failed", self._name, error)
        if _is_away(error):  # no failure of the work: while the lease is ours, nobody else would do it
            self._failures = 0
            self._not_before = self._clock()
            return
        self._failures = 1 if self._clock() - self._begun_at > _LONGEST_PAUSE else self._failures + 1
        pause = min(_LONGEST_PAUSE, _RENEW * 2 ** min(self._failures - 1, 16))
        self._not_before = self._clock() + pause * (0.75 + 0.5 * random.random())  # noqa: S311 - no secret


def _tell(event: str, name: str, error: BaseException) -> None:
    """Write a failure into the log: a warning where the database is away, else it is a mistake of ours."""
    (log.warning if _is_away(error) else log.error)(event, name=name, error=in_one_line(error))


def _is_away(error: BaseException | None) -> bool:
    return isinstance(error, StoreUnavailable | TimeoutError)
