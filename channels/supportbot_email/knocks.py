"""First mails to addresses that somebody typed: they may be anybody's, and a stranger's are to stay few.

A knock is the one mail that such an address gets, whichever conversation it was left in, until its owner
answers. Whoever asks for it never gets one again.
"""

from __future__ import annotations

import random
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
_TODAY = "knocked"
"""The record of who was written to in the last 24 hours, and when; after a colon, in which conversation, for
what an operator sent beside the first mail."""
_SPREAD = 60.0
"""Seconds over which those come again who wait for the same place."""
_TOO_MANY = "too many addresses that nobody proved were written to today (limits.first_per_day)"

_BEFORE = (
    "it was written to before, and nobody answered from there: if the visitor shall have this all the same, "
    "'supportbot deliveries retry' sends it"
)


class Knocks:
    """The first mails of a mailbox."""

    def __init__(self, records: Records, *, per_day: int) -> None:
        """``per_day``: most of them, in 24 hours."""
        self._records = records
        self._per_day = per_day

    async def refusal(self, to: str, conversation: str, *, proven: bool, by_hand: bool = False) -> str:
        """Return why an address must not be written to first; empty when it may be, and then it counts.

        Args:
            to: the address.
            conversation: our key of it. Its mail may be taken back before it is sent, and another takes its
                place: that is no second one.
            proven: the address is known to be the visitor's.
            by_hand: an operator wants it written to, although it was before. Such a mail leaves the mailbox
                as every other one does, so it counts like them.

        Raises:
            RetryAfter: it may be once fewer others have been written to within a day.
        """
        if await self._records.get(f"stop:{_hash(to)}") is not None:
            return "its owner asked not to be written to"
        if proven:
            return ""
        if not self._per_day:
            return "no address that nobody proved is written to (limits.first_per_day)"
        person = _hash(to)
        found = await self._records.get(_key(person))
        if found is None:
            await self._count(person)
            now = now_ms()
            known = {"conversation": conversation, "at": now}
            if await self._records.add(_key(person), known, expires_at=now + _REMEMBERED):
                return ""
            found = await self._records.get(_key(person))
        same = found is not None and found["conversation"] == conversation
        if by_hand:
            await self._count(person if same else f"{person}:{_digest(conversation)}")
        return "" if same or by_hand else _BEFORE

    async def opened(self, to: str) -> None:
        """The owner of an address answered from it."""
        person = _hash(to)
        await self._records.delete(_key(person))
        while True:
            before = await self._records.get(_TODAY) or {}
            after = {one: at for one, at in before.items() if one.partition(":")[0] != person}
            if after == before or await self._records.swap(_TODAY, before, after, expires_at=now_ms() + _DAY):
                return

    async def stop(self, to: str) -> None:
        """The owner of an address does not want to be written to first."""
        await self._records.put(f"stop:{_hash(to)}", now_ms())

    async def _count(self, who: str) -> None:
        """Take one of the day's places, once for each person, and for each further mail to them.

        All of them are in one record that nobody changes unseen: of many who come at once, exactly as many
        get one as are free.

        Raises:
            RetryAfter: none is free.
        """
        while True:
            now, before = now_ms(), await self._records.get(_TODAY)
            recent = {one: at for one, at in (before or {}).items() if now - at < _DAY}
            if who in recent:
                return  # whoever counted it was interrupted before it was known
            if len(recent) >= self._per_day:
                free_at = sorted(recent.values())[-self._per_day] + _DAY
                raise RetryAfter(seconds=_soon_after(free_at - now), cause=_TOO_MANY)
            after, until = {**recent, who: now}, now + _DAY
            if before is None:
                ours = await self._records.add(_TODAY, after, expires_at=until)
            else:
                ours = await self._records.swap(_TODAY, before, after, expires_at=until)
            if ours:
                return


def _soon_after(milliseconds: int) -> float:
    """Return seconds, and a little: those who wait for the same place do not all come in one moment."""
    return max(1.0, milliseconds / 1000) + random.uniform(0, _SPREAD)  # noqa: S311 - not a secret


def _key(person: str) -> str:
    return f"knock:{person}"


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
    return _digest(person_of(address))


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
