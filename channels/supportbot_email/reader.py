"""What happens to a mail that arrived and was read: put into its conversation, handed in."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import structlog

from supportbot.messages import Inbound, Sender
from supportbot_email.inbound import nobody, to_inbound
from supportbot_email.incoming import NOBODY

if TYPE_CHECKING:
    from supportbot.channel import Accept
    from supportbot_email.conversations import Conversations
    from supportbot_email.incoming import Incoming
    from supportbot_email.mail import Mail

log = structlog.get_logger(__name__)


class Reader:
    """Takes the inbox's mails."""

    def __init__(
        self,
        name: str,
        accept: Accept,
        *,
        conversations: Conversations,
        incoming: Incoming,
        keep_raw: int,
    ) -> None:
        """``keep_raw``: bytes of a mail that are kept as they came."""
        self._name = name
        self._accept = accept
        self._conversations = conversations
        self._incoming = incoming
        self._keep_raw = keep_raw

    async def take(self, mail: Mail, raw: bytes) -> None:
        """Hand a mail in; it is on disk when this returns.

        Where it belongs is remembered first: after a crash in between the same mail comes again, and finds
        the same conversation.
        """
        ignored = "opt_out" if await self._incoming.opts_out(mail) else self._incoming.reason_to_ignore(mail)
        conversation = await self._incoming.notice(mail) or await self._conversation_of(mail)
        guest = await self._conversations.guest(conversation)
        if guest and ignored:  # what a machine of theirs says is nothing to show in another channel
            conversation = mail.content_key
        inbound = to_inbound(
            mail,
            channel=self._name,
            conversation=conversation,
            ignored=ignored,
            original=raw[: self._keep_raw],
        )
        if not ignored:
            to = self._incoming.recipient(mail).address
            people = (mail.sender.address, to, *(other.address for other in (*mail.to, *mail.cc)))
            await self._conversations.learn(conversation, mail.message_id, people)
            address = self._incoming.of_guest(mail, guest) if guest else self._incoming.address(mail)
            inbound = inbound.evolve(address=await address)
        if ignored == NOBODY:
            log.warning("email.left_to_a_person", conversation=conversation, reason=ignored)
        await self._accept(inbound)

    async def set_aside(self, raw: bytes) -> None:
        """Record that there was a mail which nothing here can handle."""
        key = sha256(raw).hexdigest()
        await self._accept(
            Inbound(
                channel=self._name,
                conversation=key,
                sender=Sender(id=nobody(key)),
                text="",
                keys=(key,),
                ignored="unreadable",
                original=raw[: self._keep_raw],
            )
        )

    async def _conversation_of(self, mail: Mail) -> str:
        """Return the conversation a mail continues, or the key of a new one."""
        found = await self._conversations.of(mail)
        if found is None or not await self._conversations.may_join(mail, found):
            return mail.content_key
        return found
