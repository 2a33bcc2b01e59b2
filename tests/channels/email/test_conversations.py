"""Who may go on in a conversation: whoever is part of it, whatever else they know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supportbot_email.conversations import Conversations
from supportbot_email.mail import Address, Mail

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
