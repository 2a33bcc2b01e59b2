"""What people send from the mailbox: whose words they are is known by their key, not by reading it all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest

from supportbot.messages import Inbound, Sender
from supportbot_email.mail import Settings
from supportbot_email.parse import parse
from tests.channels.email.desk import desk
from tests.channels.email.dovecot import mail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.channels.email.desk import Desk

OURS = "support@example.com"
ASKED = "<one@customer.test>"


@pytest.fixture
async def own(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """A desk that was asked something, and where nobody may read a transcript any more."""

    async def reads(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a transcript of any length would be read for each mail")

    async with desk(OURS, 993) as found:
        await found.ask("one")
        monkeypatch.setattr(found.core.host.transcripts, "messages", reads)
        yield found


async def arrives(own: Desk, raw: bytes, *, ignored: str = "") -> None:
    """Have a mail come through the inbox."""
    key = parse(raw, settings=Settings()).content_key
    sender = Sender(id="anna@customer.test")
    one = Inbound(
        channel="support", conversation="one", sender=sender, text="Hello?", keys=(key,), ignored=ignored
    )
    await own.core.accept(one)


async def test_a_customer_s_mail_that_somebody_files_in_sent_is_theirs(own: Desk) -> None:
    """It came through the inbox before."""
    more = mail("Hello?", Message_ID="<more@customer.test>", In_Reply_To=ASKED)
    await arrives(own, more)
    await own.take_sent(more)
    assert [] == own.said_by_people()


@pytest.mark.parametrize("sender", [OURS, "help@example.com"])
async def test_what_the_team_sends_joins(own: Desk, sender: str) -> None:
    """From the mailbox's own address, or from another name of it that bot.yaml does not tell of."""
    await own.take_sent(
        mail("Ring 14.", From=sender, To="anna@customer.test", Message_ID="<p@p>", In_Reply_To=ASKED)
    )
    assert ["Ring 14."] == own.said_by_people()


async def test_what_the_team_sends_with_a_copy_to_itself_joins(own: Desk) -> None:
    """The copy is read in the inbox first, where it is an echo: they have answered all the same."""
    reply = mail(
        "Ring 14.", From=OURS, To="anna@customer.test", Cc=OURS, Message_ID="<p@p>", In_Reply_To=ASKED
    )
    await arrives(own, reply, ignored="own_echo")
    await own.take_sent(reply)
    assert ["Ring 14."] == own.said_by_people()


async def test_what_begins_a_conversation_is_nobody_s_reply(own: Desk) -> None:
    """And so is a mail about something else."""
    await own.take_sent(mail("Our offer.", From=OURS, To="anna@customer.test", Message_ID="<p@p>"))
    assert [] == own.said_by_people()


async def test_what_is_forwarded_from_a_guest_stays_here(own: Desk) -> None:
    """The visitor of the other channel would see it."""
    await own.channel._conversations.begin("one", "<ours@example.com>", "anna@customer.test")
    await own.take_sent(
        mail("Kim, look?", From=OURS, To="kim@example.com", Message_ID="<p@p>", In_Reply_To=ASKED)
    )
    assert [] == own.said_by_people()
