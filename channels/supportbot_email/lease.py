"""Only one process watches a mailbox; the others stand by."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from typing import TYPE_CHECKING

from supportbot.ids import now_ms

if TYPE_CHECKING:
    from supportbot.channel import Records

_KEY = "lease"
_LIVES = 30_000
"""Milliseconds after which a watcher that fell silent is gone."""

RENEW = 10.0
"""Seconds between two renewals."""


class Lease:
    """The right to watch a mailbox, in the channel's records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._me = {"host": socket.gethostname(), "pid": os.getpid(), "token": secrets.token_hex(8)}
        self._lock = asyncio.Lock()

    async def take(self) -> bool:
        """Take it, or go on having it; says whether it is ours now."""
        async with self._lock:  # the watchers of one mailbox share it
            return await self._take()

    async def _take(self) -> bool:
        if await self._records.add(_KEY, self._me, expires_at=now_ms() + _LIVES):
            return True
        holder = await self._records.get(_KEY)
        if holder == self._me:
            await self._records.put(_KEY, self._me, expires_at=now_ms() + _LIVES)
            return True
        if holder is not None and self._is_dead(holder):
            await self._records.delete(_KEY)
            return await self._records.add(_KEY, self._me, expires_at=now_ms() + _LIVES)
        return False

    async def give_back(self) -> None:
        """Let another process have it at once."""
        if await self._records.get(_KEY) == self._me:
            await self._records.delete(_KEY)

    def _is_dead(self, holder: dict[str, object]) -> bool:
        """Say whether its holder was a process of this machine that is no more: a start after a crash."""
        pid = holder.get("pid")
        if holder.get("host") != self._me["host"] or not isinstance(pid, int) or pid == os.getpid():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False
