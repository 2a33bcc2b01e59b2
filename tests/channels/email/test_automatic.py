"""What the bot sent, as its mailbox shows it: its own, in whichever order the folders are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supportbot.testing import FakeCore
from supportbot.testing.memory import MemoryRecords
from supportbot_email.automatic import TakingOver, WithoutAutomatic
from supportbot_email.conversations import Conversations
from supportbot_email.dispatch import Trace, Traces
from supportbot_email.incoming import Incoming
from supportbot_email.mail import Settings
from supportbot_email.parse import parse
from supportbot_email.reader import Reader
from supportbot_email.sent import SentMail
from tests.channels.email.bounces import report
from tests.channels.email.desk import desk
from tests.channels.email.dovecot import mail
from tests.channels.email.mailboxes import config

if TYPE_CHECKING:
    from supportbot_email.mailbox import Takes
    from tests.channels.email.desk import Desk

OURS = "support@example.com"
DELIVERY = "dlv_one"
ASKED = "<asked@customer.test>"


class Mailbox:
    """Both folders of a mailbox that sends, read one mail at a time, in the order that a test wants."""

    def __init__(self, desk: Desk) -> None:
        core = desk.core
        self.known = Conversations(core.records, domain="example.com")
        self.traces = Traces(core.records)
        own = config(OURS, 993)
        incoming = Incoming(own, core.records, core.returned, conversations=self.known, traces=self.traces)
        self.inbox = Reader("support", core.accept, conversations=self.known, incoming=incoming, keep_raw=0)
        people = SentMail(
            "support",
            TakingOver(core.accept),
            conversations=self.known,
            outcomes=desk.outcomes,
            transcripts=core.host.transcripts,
        )
        self.sent = WithoutAutomatic(people, self.known, self.traces, desk.channel._others)

    async def has_sent(self, conversation: str) -> bytes:
        """Have the bot send a reply, and return the copy that lies in Sent."""
        message_id = await self.known.message_id(DELIVERY)
        await self.known.learn(conversation, ASKED, ["anna@customer.test"])
        await self.known.learn(conversation, message_id)
        assert await self.traces.begin(Trace(delivery=DELIVERY, message_id=message_id, at=1))
        await self.traces.prove(DELIVERY)
        headers = {"From": OURS, "To": "anna@customer.test", "Message_ID": message_id}
        return mail("It comes tomorrow.", In_Reply_To=ASKED, **headers)

    async def bounces(self) -> None:
        """Have the report of its failure arrive."""
        await self.reads(self.inbox, report(await self.known.message_id(DELIVERY)))

    async def reads(self, folder: Takes, raw: bytes) -> None:
        settings = Settings(own_addresses=(OURS,), own_domain="example.com")
        await folder.take(parse(raw, settings=settings), raw)


def people(core: FakeCore) -> list[str]:
    return [one.text for one in core.accepted if one.author == "person"]


@pytest.mark.parametrize("guest", [False, True])
async def test_a_reply_that_bounced_is_still_the_bot_s(*, guest: bool) -> None:
    """Its bounce is read before its copy in Sent: nobody has taken over, and no visitor sees it twice."""
    core = FakeCore("support")
    async with desk(OURS, 993, core) as own:
        mailbox = Mailbox(own)
        copy = await mailbox.has_sent("one")
        if guest:
            await mailbox.known.begin("one", await mailbox.known.message_id(DELIVERY), "anna@customer.test")
        await mailbox.bounces()
        await mailbox.reads(mailbox.sent, copy)
    assert [] == people(core)
    assert [DELIVERY] == list(core.returned.reasons)


async def test_what_a_person_sends_is_a_person_s() -> None:
    """The same mailbox, and a mail of theirs in the same conversation: they have taken over."""
    core = FakeCore("support")
    async with desk(OURS, 993, core) as own:
        mailbox = Mailbox(own)
        await mailbox.has_sent("one")
        ours = await mailbox.known.message_id(DELIVERY)
        theirs = mail(
            "I called you.", From=OURS, To="anna@customer.test", Message_ID="<p@p>", In_Reply_To=ours
        )
        await mailbox.reads(mailbox.sent, theirs)
    assert ["I called you."] == people(core)


async def test_what_bounced_may_be_sent_anew_once() -> None:
    """Its trace is free for one who retries it, and then not for another; also when that is refused, too."""
    traces = Traces(MemoryRecords())
    trace = Trace(delivery=DELIVERY, message_id="<one>", at=1)
    assert await traces.begin(trace)
    await traces.free(DELIVERY)
    assert await traces.get(DELIVERY) is None
    assert await traces.begin(trace)
    assert trace == await traces.get(DELIVERY)
    assert not await traces.begin(trace)
    await traces.free(DELIVERY)
    assert await traces.get(DELIVERY) is None
    assert await traces.prove(DELIVERY)
    assert await traces.get(DELIVERY) is None


async def test_what_is_left_to_a_person_is_theirs_from_then_on() -> None:
    """A reply that bounced, or was refused, and is a draft the next time: who sends it is no bot."""
    traces = Traces(MemoryRecords())
    await traces.begin(Trace(delivery=DELIVERY, message_id="<one>", at=1))
    await traces.leave(DELIVERY)
    assert await traces.prove(DELIVERY)  # it may be on its way: that is not forgotten
    await traces.free(DELIVERY)
    await traces.leave(DELIVERY)
    assert not await traces.prove(DELIVERY)
