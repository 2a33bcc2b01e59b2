"""What the bot itself sent, as the Sent folder shows it: no person's reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supportbot.channel import Accept
    from supportbot.messages import Accepted, Inbound
    from supportbot_email.conversations import Conversations
    from supportbot_email.dispatch import Traces
    from supportbot_email.mail import Mail
    from supportbot_email.mailbox import Takes
    from supportbot_email.others import Others


class WithoutAutomatic:
    """Takes the mails of the Sent folder for another, but for those that the bot sent."""

    def __init__(self, takes: Takes, conversations: Conversations, traces: Traces, others: Others) -> None:
        self._takes = takes
        self._others = others
        self._conversations = conversations
        self._traces = traces

    async def take(self, mail: Mail, raw: bytes) -> None:
        """Hand a person's mail on; one of the bot's is known, and now it is known that it went out."""
        await self._others.see([mail.message_id])
        delivery = await self._conversations.delivery_of(mail.message_id)
        if not await self._traces.prove(delivery):
            await self._takes.take(mail, raw)

    async def set_aside(self, raw: bytes) -> None:
        """Hand it on."""
        await self._takes.set_aside(raw)


class TakingOver:
    """Accepts what people sent beside a bot that sends: they have taken over, and it falls silent."""

    def __init__(self, accept: Accept) -> None:
        self._accept = accept

    async def __call__(self, inbound: Inbound) -> Accepted:
        """Store a message once."""
        return await self._accept(inbound.evolve(takes_over=True))
