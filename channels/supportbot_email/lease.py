"""What only one process may do at a time: watch a mailbox, hand a draft over.

A lease is one record. Every change of it names the value that it replaces (``Records.swap``), so that of two
who want it one gets it, and whoever was suspended past its end does not take it back unawares. Whoever does
what cannot be taken back asks ``is_ours`` directly before it. The right to a mail's final dot is another one
(``dispatch``): nobody can see later whether it was used, so it never ends.

The core has leases too (``supportbot.leases``), and they cannot take the place of these. A core's holder
that was frozen may go on beside its successor for a moment, and its work has to bear that; a draft that
two hand over lies there twice, so here the holder asks the clock in the thread that is about to do it. A
core's lease lives 6 seconds, which is right for work that can be cancelled anywhere; handing a mail with
pictures to a slow server may take 15, and 15 more until it can be seen there. There are as many of these
as drafts, made by whoever leaves one, and they expire with the channel's records; the core's are a
handful of names that stay. The mailbox's alone could be the core's; then a channel would have to be lent
one, and this module would stay for the drafts.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supportbot.errors import StoreUnavailable
from supportbot.ids import now_ms

if TYPE_CHECKING:
    from supportbot.host import Records

_LIVES = 30_000
"""Milliseconds after which a holder that fell silent is gone."""

RENEW = 10.0
"""Seconds between two renewals."""

_WITHIN = 15.0
"""Seconds that a renewal may take, and that a lease is ours without one: with ``RENEW`` before it, it has
failed before the lease ends; and what was begun in them has 15 more to be seen by who comes next."""


class Lease:
    """The right to something, in the channel's records."""

    def __init__(self, records: Records, what: str = "lease", *, token: str = "") -> None:
        """Name it.

        Args:
            records: where it is.
            what: its key; by default that of the right to watch the mailbox.
            token: tells its holder from others in the same process; a new one when empty.
        """
        self._records = records
        self._key = what
        self._me = {"machine": _machine(), "pid": os.getpid(), "token": token or secrets.token_hex(8)}
        self._lock = asyncio.Lock()
        self._ours_until = self._ends = 0

    async def take(self) -> bool:
        """Take it, or go on having it; says whether it is ours now, and for 15 seconds more at least.

        Raises:
            StoreUnavailable: nobody knows.
        """
        try:
            async with asyncio.timeout(_WITHIN), self._lock:  # the watchers of one mailbox share it
                return await self._take()
        except TimeoutError as error:
            raise StoreUnavailable(cause="the lease of the mailbox could not be renewed in time") from error

    def is_ours(self) -> bool:
        """Say whether it is surely still ours, by the clock; from any thread."""
        return now_ms() < self._ours_until

    async def go_on(self) -> bool:
        """Go on having it for what was begun with it; says whether nobody else can have had it since.

        Raises:
            StoreUnavailable: nobody knows.
        """
        return self.is_ours() or (now_ms() < self._ends and await self.take())

    async def _take(self) -> bool:
        now = now_ms()
        is_ours = await self._taken(now + _LIVES)
        self._ours_until, self._ends = (now + int(_WITHIN * 1000), now + _LIVES) if is_ours else (0, 0)
        return is_ours

    async def _taken(self, ends: int) -> bool:
        if await self._records.add(self._key, self._me, expires_at=ends):
            return True
        holder = await self._records.get(self._key)
        if holder == self._me or _is_dead(holder):
            return await self._records.swap(self._key, holder, self._me, expires_at=ends)
        return False

    async def give_back(self) -> None:
        """Let another process have it at once."""
        self._ours_until = self._ends = 0
        await self._records.swap(self._key, self._me, self._me, expires_at=now_ms())


def _is_dead(holder: dict[str, Any] | None) -> bool:
    """Say whether a holder was a process beside ours that is no more: a start after a crash."""
    if holder is None or not holder.get("machine") or holder["machine"] != _machine():
        return False
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _machine() -> str:
    """Name where process ids mean the same as here; empty where that cannot be told.

    A host's name is not enough: containers share one and have ids of their own, and so do machines made of
    one image. So it is the name, the namespace of the ids, and when the system was started.
    """
    with suppress(OSError, AttributeError):
        started = round(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME), -1)
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()} {started:.0f}"
    return ""
