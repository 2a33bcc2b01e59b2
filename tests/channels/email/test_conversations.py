"""Who may go on in a conversation: whoever is part of it, whatever else they know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supportbot_email.conversations import Conversations
from supportbot_email.inbound import to_inbound
from supportbot_email.mail import Address, Mail, Settings
from supportbot_email.parse import parse
from tests.channels.email.dovecot import mail as mail_of

if TYPE_CHECKING:
    from supportbot.testing.host import MemoryRecords


@pytest.mark.parametrize(
    ("sender", "joins"),
    [
        ("vera@customer.test", True),
        ("Vera@Customer.test", True),
        ("boss@customer.test", True),
        ("mallory@evil.test", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("names", ["ours", "hers"])
@pytest.mark.parametrize("verified", [True, False])
async def test_who_may_join(
    records: MemoryRecords, sender: str, names: str, *, joins: bool, verified: bool
) -> None:
    """A mail of ours travels in every forwarding: whoever names it need not have been its reader."""
    known = Conversations(records, domain="example.com")
    ids = {"hers": "<question@customer.test>", "ours": await known.message_id("dlv_1")}
    await known.learn("c", ids["hers"], ["vera@customer.test", "boss@customer.test"])
    await known.learn("c", ids["ours"])
    mail = Mail(
        message_id="<new@x.test>",
        content_key="k",
        sender=Address(address=sender),
        in_reply_to=ids[names],
        verified=verified,
    )
    assert "c" == await known.of(mail)
    assert joins is await known.may_join(mail, "c")


async def test_a_recipient_without_an_address_opens_no_conversation(records: MemoryRecords) -> None:
    """``To: The team`` names nobody: a mail without a usable sender is not theirs for that."""
    known = Conversations(records, domain="example.com")
    await known.learn("c", "<question@customer.test>", ["vera@customer.test", ""])
    nobody = Mail(message_id="<new@x.test>", content_key="k", in_reply_to="<question@customer.test>")
    assert "c" == await known.of(nobody)
    assert not await known.may_join(nobody, "c")


def test_mails_without_a_sender_are_nobody_s_together() -> None:
    """Who they are of cannot be known: two of them are no contact's, and neither is answered."""
    contacts = set()
    for text in ("Where is it?", "My password is lost."):
        found = parse(mail_of(text).replace(b"Anna <anna@customer.test>", b"nobody"), settings=Settings())
        inbound = to_inbound(found, channel="support", conversation=found.content_key, ignored="no_sender")
        contacts.add(inbound.sender.id)
    assert 2 == len(contacts)


@pytest.mark.parametrize(
    ("field", "sender"),
    [
        ("Lee, Ann <ann@customer.test>", "ann@customer.test"),
        ("ann@customer.test, Ann <ann@customer.test>", "ann@customer.test"),
        ("ann@customer.test, bob@customer.test", ""),
        ("Ann <ann@customer.test>, Bob <bob@customer.test>", ""),
    ],
)
def test_several_in_from_are_nobody(field: str, sender: str) -> None:
    """One address with a comma in its name is one; of two, nobody can say who wrote (RFC 5322, 3.6.2)."""
    raw = mail_of().replace(b"Anna <anna@customer.test>", field.encode())
    assert sender == parse(raw, settings=Settings()).sender.address
