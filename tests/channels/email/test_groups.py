"""Lists that are our own mailbox, and lists at which people talk to each other."""

from __future__ import annotations

import pytest

from supportbot_email.mail import Mail, Settings
from supportbot_email.parse import parse

OURS = Settings(own_addresses=("help@shop.example",), own_domain="shop.example")


def through(
    local: str, *, domain: str = "shop.example", sender: str = "Kai <kai@customer.example>", more: str = ""
) -> Mail:
    fields = (
        f"From: {sender}",
        f"To: {local}@{domain}",
        f"Return-Path: <{local}+bncBCY3PO7E4E@{domain}>",
        "Precedence: list",
        f"Mailing-list: list {local}@{domain}; contact {local}+owners@{domain}",
        f"List-ID: <{local}.{domain}>",
        "X-Google-Group-Id: 771182330",
        f"List-Post: <mailto:{local}@{domain}>",
        "List-Unsubscribe: <mailto:googlegroups-manage+771182330+unsubscribe@googlegroups.example>",
        "Subject: Lamp",
        *filter(None, [more]),
    )
    return parse("\r\n".join((*fields, "", "It flickers.")).encode(), settings=OURS)


@pytest.mark.parametrize(
    "local",
    [
        "helpdesk",
        "support",
        "Kontakt",
        "ayuda",
        "klantenservice",
        "pomoc",
        "support-de",
        "it-support",
        "customer.service",
        "sysadmin-help",
    ],
)
def test_a_role_of_ours(local: str) -> None:
    """Customers write to a group of our domain that bot.yaml does not name."""
    found = through(local)
    assert ("human", "none", "kai@customer.example") == (found.kind, found.rule, found.sender.address)


@pytest.mark.parametrize(
    "local",
    ["users", "customers", "dev", "discuss", "announce", "news", "shop-users", "support-announce", "it-team"],
)
def test_a_community_stays_a_list(local: str) -> None:
    """What people write to each other there is for no support desk."""
    assert "list_or_bulk" == through(local).kind


def test_somebody_elses_helpdesk_is_a_list() -> None:
    """A list of another domain is none of ours, whatever it is called."""
    assert "list_or_bulk" == through("helpdesk", domain="far.example").kind


def test_what_colleagues_write_to_it_is_no_customers() -> None:
    """They talk to each other through the same group."""
    for colleague in ("ann@shop.example", "ann@team.shop.example"):
        assert "list_or_bulk" == through("helpdesk", sender=f"Ann <{colleague}>").kind


def test_the_name_of_a_customer_is_no_address() -> None:
    """Some write an address of ours where their own name belongs."""
    found = through("helpdesk", sender='"help@shop.example" <kai@customer.example>')
    assert ("human", "kai@customer.example") == (found.kind, found.sender.address)


def test_a_machine_that_writes_to_it_is_one() -> None:
    """The group takes away the headers of a list only."""
    assert "auto_reply" == through("helpdesk", more="Auto-Submitted: auto-replied").kind


@pytest.mark.parametrize("domain", ["shop.example", "lists.shop.example"])
def test_a_role_that_puts_itself_into_from(domain: str) -> None:
    """Google and Mailman do so for DMARC, and name the customer beside it; nobody vouches for them."""
    found = through(
        "helpdesk",
        domain=domain,
        sender=f"'Kai' via Helpdesk <helpdesk@{domain}>",
        more="Reply-To: Kai <kai@customer.example>",
    )
    assert ("human", "kai@customer.example", False) == (found.kind, found.sender.address, found.verified)


MUNGED = "'Kai' via Helpdesk <helpdesk@shop.example>"
WITH_ITSELF = "Reply-To: helpdesk@shop.example"


@pytest.mark.parametrize(
    "more",
    [
        f"{WITH_ITSELF}, Kai <kai@customer.example>",
        f"{WITH_ITSELF}\r\nCc: Kai <kai@customer.example>",
        f"{WITH_ITSELF}\r\nCc: kai@customer.example",
        f"{WITH_ITSELF}\r\nCc: Kai <kai@customer.example>, Ann <ann@far.example>, help@shop.example",
        f"{WITH_ITSELF}\r\nX-Original-From: Kai <kai@customer.example>\r\nCc: ann@far.example",
    ],
)
def test_a_customer_beside_the_list(more: str) -> None:
    """It has answers come back to itself, and puts whoever wrote beside itself or into Cc."""
    found = through("helpdesk", sender=MUNGED, more=more)
    assert ("human", "kai@customer.example") == (found.kind, found.sender.address)


@pytest.mark.parametrize(
    "more",
    [
        f"{WITH_ITSELF}\r\nCc: ann@far.example, bob@far.example",
        f"{WITH_ITSELF}\r\nCc: ann@far.example, help@shop.example",
        f"{WITH_ITSELF}\r\nX-Original-From: help@shop.example\r\nCc: ann@far.example",
        "Reply-To: Kai <kai@shop.example>",
    ],
)
def test_nobody_can_say_who_wrote(more: str) -> None:
    """It is left to people, and nobody in Cc is answered in a colleague's place."""
    assert "list_or_bulk" == through("helpdesk", sender=MUNGED, more=more).kind
