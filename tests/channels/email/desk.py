"""A support desk: a bot that drafts, and people who send, edit or ignore its drafts."""

from __future__ import annotations

from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

from supportbot.messages import Inbound, Outbound, Sender, Source
from supportbot.testing.host import FakeCore
from supportbot_email import notes as notes_module
from supportbot_email import outcomes as outcomes_module
from supportbot_email.channel import EmailChannel
from supportbot_email.inbound import reply_address
from supportbot_email.mail import Settings
from supportbot_email.parse import parse
from supportbot_email.sent import SentMail
from tests.channels.email.dovecot import mail
from tests.channels.email.mailboxes import config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from tests.channels.email.dovecot import Dovecot

ANSWER = "Your parcel left our warehouse on Monday. It takes **two to three days**, and comes by post."

OWN = "I have asked the carrier: somebody signed for it at number 14, please ring there."


class Desk:
    """A channel at work on a mailbox, whose parts a test moves one by one."""

    def __init__(self, core: FakeCore, channel: EmailChannel, address: str) -> None:
        self.core, self.channel, self.address = core, channel, address
        self.outcomes = channel._drafting.outcomes
        self.notes = channel._drafting.notes
        self.sent = SentMail(
            "support",
            core.accept,
            conversations=channel._conversations,
            outcomes=self.outcomes,
            transcripts=core.host.transcripts,
        )

    async def ask(
        self, name: str = "one", *, thread: str = "", sender: str = "Anna <anna@customer.test>"
    ) -> Outbound:
        """Have a customer write, and the bot answer; returns what is to be left as a draft."""
        asked = parse(
            mail("Where is it?", subject=name, From=sender, Message_ID=f"<{name}@customer.test>"),
            settings=Settings(own_domain="example.com"),
        )
        conversation = thread or name
        await self.channel._conversations.learn(conversation, asked.message_id, [asked.sender.address])
        await self.core.accept(
            Inbound(
                channel="support",
                conversation=conversation,
                sender=Sender(id=asked.sender.address),
                text=asked.reply,
                keys=(asked.content_key,),
                address=reply_address(asked),
            )
        )
        source = Source(title="Shipping", source="shipping.md", score=0.9)
        return self.core.reply(conversation, ANSWER).evolve(sources=(source,))

    async def leave(self, name: str = "one", *, thread: str = "") -> Outbound:
        """The same, and leave it."""
        outbound = await self.ask(name, thread=thread)
        await self.channel.send(outbound)
        return outbound

    async def take_sent(self, raw: bytes) -> None:
        """Find a mail in Sent."""
        settings = Settings(own_addresses=(self.address,), own_domain="example.com")
        await self.sent.take(parse(raw, settings=settings), raw)

    async def answer_by_hand(self) -> None:
        """Find a person's own answer to the first customer in Sent."""
        await self.take_sent(
            mail(
                OWN,
                From=self.address,
                To="anna@customer.test",
                Message_ID="<own@x.test>",
                In_Reply_To="<one@customer.test>",
            )
        )

    async def look(self, *, sent_is_read: bool = True) -> None:
        await self.outcomes.look(sent_is_read=lambda: sent_is_read)

    def outcome(self, outbound: Outbound) -> str:
        return self.core.drafts.outcomes[outbound.delivery_id][0]

    def said_by_people(self) -> list[str]:
        return [inbound.text for inbound in self.core.accepted if inbound.author == "person"]


@asynccontextmanager
async def desk(address: str, port: int, core: FakeCore | None = None, **keys: Any) -> AsyncIterator[Desk]:
    core = core or FakeCore("support")
    channel = EmailChannel(config(address, port, **keys), core.host)
    try:
        yield Desk(core, channel, address)
    finally:
        await channel._close()


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0
        real = outcomes_module.now_ms
        for module in (outcomes_module, notes_module):
            monkeypatch.setattr(module, "now_ms", lambda: real() + self.ahead)


def taken(server: Dovecot, address: str) -> bytes:
    """Take the only draft out of its folder, as a mail program does that sends it."""
    [raw] = server.mails(address, "Drafts")
    server.remove(address, "Drafts")
    return raw


def written(raw: bytes, text: str, **headers: str | None) -> bytes:
    """Return a draft with another text, as a mail program writes it anew, and with other headers."""
    message = message_from_bytes(raw, policy=policy.default)
    for name, value in headers.items():
        del message[name.replace("_", "-")]
        if value is not None:
            message[name.replace("_", "-")] = value
    quoted = "\n\nOn 2026-11-25 10:00 UTC, Anna <anna@customer.test> wrote:\n> Where is it?\n"
    message.clear_content()
    message.set_content(text + quoted)
    return bytes(message)
