"""What one process at a time does for all that share a store: a lease on its name, renewed while it lives.

Whoever holds a lease and falls silent loses it after ``LIVES`` milliseconds; whoever stops gives it back at
once. So work goes on elsewhere within seconds. A holder that was frozen may go on for a moment beside its
successor: what is done under a lease must bear that.
"""

from __future__ import annotations

import asyncio
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
        """Do some endless work whenever the lease is ours; until cancelled.

        ``work`` is cancelled when the lease is lost, and begun again when it is back, or when it failed.
        """
        loop = asyncio.get_running_loop()
        working: asyncio.Future[None] | None = None
        ours_until = 0.0
        try:
            while True:
                tried_at = loop.time()
                try:
                    ours = await self.take(name)
                    ours_until = tried_at + LIVES / 1000 if ours else 0.0
                except StoreUnavailable:
                    ours = loop.time() + _RENEW < ours_until  # nobody else can take it either, until then
                if working is not None and (not ours or working.done()):
                    await _ended(working, name)
                    working = None
                if ours and working is None:
                    log.debug("lease.ours", name=name)
                    working = asyncio.ensure_future(work())
                await asyncio.sleep(_RENEW)
        finally:
            if working is not None:
                await _ended(working, name)
            if ours_until:
                with suppress(StoreUnavailable):
                    await self.give_back(name)


async def _ended(working: asyncio.Future[None], name: str) -> None:
    """Cancel some work and wait until it is gone; say so when it had failed."""
    working.cancel()
    await asyncio.wait([working])
    if not working.cancelled() and (error := working.exception()) is not None:
        log.warning("lease.work_failed", name=name, error=in_one_line(error))
