"""Addresses beyond ASCII: a domain has one form for all, and what stands before the @ has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supportbot_email.addresses import NotInAscii, in_ascii, is_same_owner
from supportbot_email.conversations import Conversations
from supportbot_email.follow_ups import first_address
from supportbot_email.headers import addresses
from supportbot_email.mail import Address, Mail, is_one_of
from tests.channels.email.mailboxes import config

if TYPE_CHECKING:
    from supportbot.testing.host import MemoryRecords


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Anna@customer.test", "Anna@customer.test"),
        ("x@\xfc.example", "x@xn--tda.example"),
        ("x@stra\xdfe.example", "x@xn--strae-oqa.example"),
        ("x@\u03b2\u03cc\u03bb\u03bf\u03c2.example", "x@xn--nxasmm1c.example"),
        ("x@a_b.\xfc.example", "x@a_b.xn--tda.example"),
        ("x@\xdc.Example", "x@xn--tda.example"),
    ],
)
def test_a_domain_in_ascii(given: str, expected: str) -> None:
    """As IDNA 2008 has it: in the older form two of these are others' domains (RFC 5891, RFC 5894)."""
    assert expected == in_ascii(given)
    assert expected == addresses(f"<{given}>")[0].address


@pytest.mark.parametrize(
    "given", ["x\xe9n@customer.test", "x@\u0640\u0628.example", "x@" + "\xfc" * 63 + ".example"]
)
def test_what_has_no_form_in_ascii(given: str) -> None:
    """It is said which part of the address has none; as it was read it stays what it is."""
    with pytest.raises(NotInAscii):
        in_ascii(given)
    assert given.lower() == addresses(f"<{given}>")[0].address


async def test_both_forms_are_one_person(records: MemoryRecords) -> None:
    """A customer's program may write either; one that was remembered as it was written is known too."""
    known = Conversations(records, domain="example.com")
    await known.learn("c", "<question@customer.test>", ["x@\xfc.example"])
    for form in ("x@\xfc.example", "x@xn--tda.example"):
        mail = Mail(
            message_id="<new@x.test>",
            content_key="k",
            sender=Address(address=form),
            in_reply_to="<question@customer.test>",
        )
        assert await known.may_join(mail, "c")


def test_a_visitor_with_such_a_domain_is_written_to() -> None:
    """In either form; nobody at a domain that has none."""
    ours = config("support@example.com", 993)
    for form in ("x@\xfc.example", "x@xn--tda.example"):
        assert {"to": "x@xn--tda.example", "name": ""} == first_address(form, ours)
    assert {} == first_address("x@\u0640\u0628.example", ours)


def test_our_own_domain_may_be_such_a_one() -> None:
    """It is written as mail servers take it, and mail from there is ours in either form."""
    ours = config("support@\xfc.example", 993, aliases=["@b\xfccher.example"])
    assert ("support@xn--tda.example", "xn--tda.example") == (ours.address, ours.domain)
    for sender in ("Support@\xdc.example", "anybody@b\xfccher.example", "anybody@xn--bcher-kva.example"):
        assert is_one_of(addresses(f"<{sender}>")[0].address, ours.ours)


@pytest.mark.parametrize(
    ("domain", "other", "same"),
    [
        ("shop.example", "team.shop.example", True),
        ("shop.co.uk", "team.shop.co.uk", True),
        ("shop.co.uk", "far.co.uk", False),
        ("shop.example", "far.example", False),
        ("co.example", "far.example", False),
    ],
)
def test_one_owner(domain: str, other: str, same: bool) -> None:
    """What is registered decides, not what stands below it."""
    assert same is is_same_owner(domain, other)
