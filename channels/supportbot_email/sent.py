"""What people send from the mailbox: it joins the conversations, so that the next draft knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from supportbot.messages import Inbound, Sender
from supportbot_email.mark import is_marked

if TYPE_CHECKING:
    from supportbot.channel import Accept
    from supportbot.host import Transcripts
    from supportbot_email.conversations import Conversations
    from supportbot_email.mail import Mail
    from supportbot_email.outcomes import Outcomes

log = structlog.get_logger(__name__)


class SentMail:
    """Takes the mails of the Sent folder."""

    def __init__(
        self,
        name: str,
        accept: Accept,
        *,
        conversations: Conversations,
        outcomes: Outcomes,
        transcripts: Transcripts,
    ) -> None:
        self._name = name
        self._accept = accept
        self._conversations = conversations
        self._outcomes = outcomes
        self._transcripts = transcripts
        self._has_warned = False

    async def take(self, mail: Mail, raw: bytes) -> None:
        """Let a reply that a person sent join its conversation; the bot goes on drafting there.

        A draft that was sent as it was is left out: its conversation has these words already. What begins a
        conversation is nobody's reply; the customer's answer to it will begin one here.
        """
        conversation = await self._conversations.of(mail)
        if conversation is not None and await self._is_a_customer_s(mail):
            return  # somebody filed it here
        draft = await self._outcomes.of_sent(mail, conversation)
        if draft is not None:
            conversation = draft.note.conversation
        if conversation is None:
            return
        people = [address.address for address in (*mail.to, *mail.cc)]
        guest = await self._conversations.guest(conversation)
        if guest and guest.lower() not in {person.lower() for person in people}:
            return  # it was forwarded to a colleague: in another channel the customer would see that
        await self._conversations.learn(conversation, mail.message_id, people)
        self._warn_if_marked(raw)
        if draft is None or not draft.as_it_was:
            await self._accept(self._inbound(mail, conversation))

    async def _is_a_customer_s(self, mail: Mail) -> bool:
        """Say whether it came through the inbox, and not from us: an echo may be a copy to ourselves."""
        return mail.kind != "own_echo" and await self._transcripts.has(mail.content_key)

    async def set_aside(self, raw: bytes) -> None:
        """A mail of our own that cannot be read is left out."""
        log.warning("email.sent_mail_unreadable", size=len(raw))

    def _warn_if_marked(self, raw: bytes) -> None:
        """Say once that the team's mail program sends the header of drafts to customers."""
        if not self._has_warned and is_marked(raw):
            self._has_warned = True
            log.warning(
                "email.draft_header_was_sent", advice="set 'draft_header: false' in the channel's section"
            )

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
