"""What people send from the mailbox: it joins the conversations, so that the next draft knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from supportbot.messages import Inbound, Sender

if TYPE_CHECKING:
    from supportbot.channel import Accept
    from supportbot_email.child import Parser
    from supportbot_email.conversations import Conversations
    from supportbot_email.drafts import Notes
    from supportbot_email.mail import Mail

log = structlog.get_logger(__name__)


class SentMail:
    """Takes the mails of the Sent folder."""

    def __init__(
        self, name: str, accept: Accept, parser: Parser, *, conversations: Conversations, notes: Notes
    ) -> None:
        self._name = name
        self._accept = accept
        self._parser = parser
        self._conversations = conversations
        self._notes = notes

    async def take(self, raw: bytes) -> None:
        """Let a reply that a person sent join its conversation; the bot goes on drafting there.

        A draft that was sent as it was is left out: its conversation has these words already. What begins a
        conversation is nobody's reply; the customer's answer to it will begin one here.
        """
        mail = await self._parser.parse(raw)
        conversation = await self._conversations.of(mail)
        if conversation is None:
            return
        people = [address.address for address in (*mail.to, *mail.cc)]
        await self._conversations.learn(conversation, mail.message_id, people)
        if not await self._is_as_drafted(mail):
            await self._accept(self._inbound(mail, conversation))

    async def set_aside(self, raw: bytes) -> None:
        """A mail of our own that cannot be read is left out."""
        log.warning("email.sent_mail_unreadable", size=len(raw))

    async def _is_as_drafted(self, mail: Mail) -> bool:
        note = await self._notes.get(await self._conversations.delivery_of(mail.message_id))
        return note is not None and note.text.split() == mail.reply.split()

    def _inbound(self, mail: Mail, conversation: str) -> Inbound:
        return Inbound(
            channel=self._name,
            conversation=conversation,
            sender=Sender(id=mail.sender.address, name=mail.sender.name, email=mail.sender.address),
            text=mail.reply,
            keys=(f"sent:{mail.content_key}",),
            author="person",
            sent_at=mail.date,
            takes_over=False,
        )
