"""Which conversation a mail belongs to: what we remember of the Message-IDs that were seen.

A mail continues a conversation when it names one of its mails. Naming is no proof, not even of a mail of
ours: its Message-ID cannot be guessed, but it travels in every copy, forwarding and answer. Whoever wrote
none of the conversation's mails, and got none from somebody who is part of it, opens one of their own.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from supportbot_email.addresses import canonical
from supportbot_email.threads import keys, make_token, verify_token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from supportbot.host import Records
    from supportbot_email.mail import Mail

_MOST = 50
"""People of a conversation that are remembered; more than any thread with customers has."""


class Conversations:
    """The mailbox's memory of its threads.

    A *guest* is a conversation of another channel that goes on here, with one address and nobody else.
    """

    def __init__(self, records: Records, *, domain: str) -> None:
        """Wire it.

        Args:
            records: where it remembers.
            domain: of our own Message-IDs.
        """
        self._records = records
        self._domain = domain
        self._known_secret = b""

    async def message_id(self, delivery: str) -> str:
        """Return the Message-ID of a delivery: always the same, and nobody else can make one."""
        return make_token(delivery, self._domain, await self._secret())

    async def delivery_of(self, message_id: str) -> str:
        """Return which delivery of ours a Message-ID is of; empty when it is of none."""
        return verify_token(message_id, self._domain, await self._secret())

    async def answered_by(self, mail: Mail) -> list[str]:
        """Return the Message-IDs by which a mail names its conversation, best first; ours are genuine."""
        secret = await self._secret()
        return [
            make_token(key.value, self._domain, secret) if key.kind == "delivery" else key.value
            for key in keys(mail, domain=self._domain, secret=secret)
        ]

    async def of(self, mail: Mail) -> str | None:
        """Return the conversation that a mail continues, or claims to continue; None for a new one."""
        for message_id in await self.answered_by(mail):
            found = await self._records.get(record_of(message_id))
            if found is not None:
                return str(found)
        return None

    async def may_join(self, mail: Mail, conversation: str) -> bool:
        """Say whether the sender of a mail may go on in a conversation."""
        if to := await self.guest(conversation):
            return _same(mail.sender.address, to) and await self._names_ours(mail, conversation)
        return await self.has(conversation, mail.sender.address)

    async def begin(self, conversation: str, message_id: str, to: str) -> tuple[str, ...]:
        """Remember a mail of ours in a guest, and return those that we sent in it before, oldest first."""
        await self._records.put(f"guest:{conversation}", {"to": to})
        await self._records.put(record_of(message_id), conversation)
        found = await self._records.get(f"ours:{conversation}")
        ours = [str(one) for one in found] if isinstance(found, list) else []
        if message_id in ours:
            return tuple(ours[: ours.index(message_id)])
        await self._records.put(f"ours:{conversation}", [*ours[:1], *ours[1:][-_MOST:], message_id])
        return tuple(ours)

    async def guest(self, conversation: str) -> str:
        """Return the one address of a guest; empty for a conversation that is this mailbox's own."""
        found = await self._records.get(f"guest:{conversation}")
        return str(found["to"]) if found is not None else ""

    async def guest_of(self, message_id: str) -> str:
        """Return the one address of the guest that a mail of ours belongs to; empty when it is of none."""
        if not await self.delivery_of(message_id):
            return ""
        found = await self._records.get(record_of(message_id))
        return await self.guest(str(found)) if found is not None else ""

    async def _names_ours(self, mail: Mail, conversation: str) -> bool:
        """Say whether a mail names one that we sent in a conversation, by its genuine Message-ID."""
        for one in await self.answered_by(mail):
            if await self.delivery_of(one) and await self._records.get(record_of(one)) == conversation:
                return True
        return False

    async def has(self, conversation: str, address: str) -> bool:
        """Say whether an address is part of a conversation; none at all never is."""
        return bool(address) and any(_same(address, str(one)) for one in await self._people(conversation))

    async def learn(self, conversation: str, message_id: str, people: Iterable[str] = ()) -> None:
        """Remember a mail of a conversation, and who may go on in it; in a guest nobody else ever may."""
        if message_id:
            await self._records.put(record_of(message_id), conversation)
        if await self.guest(conversation):
            return
        known = await self._people(conversation)
        added = [address for address in dict.fromkeys(people) if address and address not in known]
        if added and len(known) < _MOST:
            await self._records.put(f"people:{conversation}", [*known, *added][:_MOST])

    async def _secret(self) -> bytes:
        """Return what our Message-IDs are made with; made once, at the first need."""
        if not self._known_secret:
            await self._records.add("secret", secrets.token_hex(32))
            self._known_secret = bytes.fromhex(str(await self._records.get("secret")))
        return self._known_secret

    async def _people(self, conversation: str) -> list[Any]:
        found = await self._records.get(f"people:{conversation}")
        return found if isinstance(found, list) else []


def _same(one: str, other: str) -> bool:
    """Say whether two addresses are of one mailbox: no server that people use tells Ann from ann."""
    return canonical(one).lower() == canonical(other).lower()


def record_of(message_id: str) -> str:
    """Return the key of the record of a mail; a Message-ID is as long as its sender likes."""
    return f"mail:{sha256(message_id.encode('utf-8', 'replace')).hexdigest()[:32]}"
