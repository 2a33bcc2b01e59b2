"""First mails to addresses that somebody typed: they may be anybody's, and a stranger's are to stay few.

A knock is the one mail that such an address gets, whichever conversation it was left in, until its owner
answers. Whoever asks for it never gets one again.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from supportbot.ids import now_ms

if TYPE_CHECKING:
    from supportbot.host import Records

_DAY = 24 * 3_600_000
_REMEMBERED = 30 * _DAY
"""Milliseconds after which an address that nobody answered from may be written to once more."""


class Knocks:
    """The first mails of a mailbox."""

    def __init__(self, records: Records, *, per_day: int) -> None:
        """``per_day``: most of them, in 24 hours."""
        self._records = records
        self._per_day = per_day

    async def refusal(self, to: str, conversation: str, *, proven: bool) -> str:
        """Return why an address must not be written to first; empty when it may be, and then it counts.

        Args:
            to: the address.
            conversation: our key of it. Its mail may be taken back before it is sent, and another takes its
                place: that is no second one.
            proven: the address is known to be the visitor's.
        """
        if await self._records.get(f"stop:{_hash(to)}") is not None:
            return "its owner asked not to be written to"
        if proven:
            return ""
        key, now = f"knock:{_hash(to)}", now_ms()
        known = {"conversation": conversation, "at": now}
        if not await self._records.add(key, known, expires_at=now + _REMEMBERED):
            found = await self._records.get(key)
            same = found is not None and found["conversation"] == conversation
            return "" if same else "it was written to before, and nobody answered from there"
        earlier = [value["at"] async for name, value in self._records.scan("knock:") if name != key]
        if sum(now - at < _DAY for at in earlier) < self._per_day:
            return ""
        await self._records.delete(key, only=known)
        return "too many addresses that nobody proved were written to today (limits.first_per_day)"

    async def opened(self, to: str) -> None:
        """The owner of an address answered from it."""
        await self._records.delete(f"knock:{_hash(to)}")

    async def stop(self, to: str) -> None:
        """The owner of an address does not want to be written to first."""
        await self._records.put(f"stop:{_hash(to)}", now_ms())


def _hash(address: str) -> str:
    """Return what stands for an address, without what tags it: ``ann+shop@`` is ann's."""
    local, _, domain = address.lower().rpartition("@")
    return sha256(f"{local.partition('+')[0]}@{domain}".encode("utf-8", "replace")).hexdigest()[:32]
