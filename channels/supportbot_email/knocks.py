"""First mails to addresses that somebody typed: they may be anybody's, and a stranger's are to stay few.

A knock is the one mail that such an address gets, whichever conversation it was left in, until its owner
answers. Whoever asks for it never gets one again.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from supportbot.errors import RetryAfter
from supportbot.ids import now_ms

if TYPE_CHECKING:
    from supportbot.host import Records

_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_YAHOO = frozenset({"ymail.com", "rocketmail.com", "myyahoo.com"})
_FASTMAIL = frozenset({"fastmail.com", "fastmail.fm", "fastmail.net", "fastmail.org"})

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

        Raises:
            RetryAfter: it may be once fewer others have been written to within a day.
        """
        if await self._records.get(f"stop:{_hash(to)}") is not None:
            return "its owner asked not to be written to"
        if proven:
            return ""
        if not self._per_day:
            return "no address that nobody proved is written to (limits.first_per_day)"
        key, now = f"knock:{_hash(to)}", now_ms()
        known = {"conversation": conversation, "at": now}
        if not await self._records.add(key, known, expires_at=now + _REMEMBERED):
            found = await self._records.get(key)
            same = found is not None and found["conversation"] == conversation
            return "" if same else "it was written to before, and nobody answered from there"
        earlier = [value["at"] async for name, value in self._records.scan("knock:") if name != key]
        today = sorted(at for at in earlier if now - at < _DAY)
        if len(today) < self._per_day:
            return ""
        await self._records.delete(key, only=known)
        free_at = today[-self._per_day] + _DAY
        cause = "too many addresses that nobody proved were written to today (limits.first_per_day)"
        raise RetryAfter(seconds=max(1.0, (free_at - now) / 1000), cause=cause)

    async def opened(self, to: str) -> None:
        """The owner of an address answered from it."""
        await self._records.delete(f"knock:{_hash(to)}")

    async def stop(self, to: str) -> None:
        """The owner of an address does not want to be written to first."""
        await self._records.put(f"stop:{_hash(to)}", now_ms())


def untagged(address: str) -> str:
    """Return an address without what follows a plus sign before the @, which is its owner's (RFC 5233)."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def person_of(address: str) -> str:
    """Return what all spellings of a mailbox have in common, to count by; nothing is ever sent there.

    Beside the plus sign, what some providers do: Gmail ignores dots and has two names
    (https://support.google.com/mail/answer/7436150), Fastmail takes anything at a user's own name below its
    (https://www.fastmail.help/hc/en-us/articles/360060591053), Yahoo has a hyphen for the plus sign.
    """
    local, _, domain = untagged(address.lower()).rpartition("@")
    if domain in _GMAIL:
        return f"{local.replace('.', '')}@gmail.com"
    if domain in _YAHOO or domain.startswith("yahoo."):
        return f"{local.partition('-')[0]}@{domain}"
    user, _, above = domain.partition(".")
    if above in _FASTMAIL:
        return f"{user}@{above}"
    return f"{local}@{domain}"


def _hash(address: str) -> str:
    """Return what stands for whoever reads an address, however it is spelt."""
    return sha256(person_of(address).encode("utf-8", "replace")).hexdigest()[:32]
