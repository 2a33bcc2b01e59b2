"""Which conversation a mail belongs to: what we remember of the Message-IDs that were seen.

A mail continues a conversation when it names one of its mails. Naming is no proof: whoever is not yet part
of the conversation opens one of their own, unless the mail server vouches for them and they hold a mail of
ours, whose Message-ID nobody can guess.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from supportbot.channel import Records

_MOST = 50
"""People of a conversation that are remembered; more than any thread with customers has."""


class Conversations:
    """The mailbox's memory of its threads."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def of(self, ids: Iterable[str]) -> str | None:
        """Return the conversation of the first of these Message-IDs that is known."""
        for message_id in ids:
            found = await self._records.get(_mail(message_id))
            if found is not None:
                return str(found)
        return None

    async def has(self, conversation: str, address: str) -> bool:
        """Say whether an address is part of a conversation."""
        return address in await self._people(conversation)

    async def learn(self, conversation: str, message_id: str, people: Iterable[str] = ()) -> None:
        """Remember a mail of a conversation, and who may go on in it."""
        if message_id:
            await self._records.put(_mail(message_id), conversation)
        known = await self._people(conversation)
        added = [address for address in dict.fromkeys(people) if address not in known]
        if added and len(known) < _MOST:
            await self._records.put(f"people:{conversation}", [*known, *added][:_MOST])

    async def _people(self, conversation: str) -> list[Any]:
        found = await self._records.get(f"people:{conversation}")
        return found if isinstance(found, list) else []


def _mail(message_id: str) -> str:
    """Return a record's key; a Message-ID is as long as its sender likes."""
    return f"mail:{sha256(message_id.encode('utf-8', 'replace')).hexdigest()[:32]}"
