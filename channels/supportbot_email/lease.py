"""Only one process watches a mailbox; the others stand by.

The lease is one record. Every change of it names the value that it replaces (``Records.swap``), so that of
two who want it one gets it, and whoever was suspended past its end does not take it back unawares.
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
    from supportbot.channel import Records

_KEY = "lease"
_LIVES = 30_000
"""Milliseconds after which a watcher that fell silent is gone."""

RENEW = 10.0
"""Seconds between two renewals."""

_WITHIN = 15.0
"""Seconds that a renewal may take: with ``RENEW`` before it, it has failed before the lease ends."""


class Lease:
    """The right to watch a mailbox, in the channel's records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._me = {"machine": _machine(), "pid": os.getpid(), "token": secrets.token_hex(8)}
        self._lock = asyncio.Lock()

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

    async def _take(self) -> bool:
        ends = now_ms() + _LIVES
        if await self._records.add(_KEY, self._me, expires_at=ends):
            return True
        holder = await self._records.get(_KEY)
        if holder == self._me or _is_dead(holder):
            return await self._records.swap(_KEY, holder, self._me, expires_at=ends)
        return False

    async def give_back(self) -> None:
        """Let another process have it at once."""
        await self._records.swap(_KEY, self._me, self._me, expires_at=now_ms())


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
