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


@pytest.mark.parametrize("local", ["helpdesk", "support", "Kontakt", "ayuda", "klantenservice", "pomoc"])
def test_a_role_of_ours(local: str) -> None:
    """Customers write to a group of our domain that bot.yaml does not name."""
    found = through(local)
    assert ("human", "none", "kai@customer.example") == (found.kind, found.rule, found.sender.address)


@pytest.mark.parametrize("local", ["users", "customers", "dev", "discuss", "announce", "news"])
def test_a_community_stays_a_list(local: str) -> None:
    """What people write to each other there is for no support desk."""
    assert "list_or_bulk" == through(local).kind


def test_somebody_elses_helpdesk_is_a_list() -> None:
    """A list of another domain is none of ours, whatever it is called."""
    assert "list_or_bulk" == through("helpdesk", domain="far.example").kind


def test_what_colleagues_write_to_it_is_no_customers() -> None:
    """They talk to each other through the same group."""
    assert "list_or_bulk" == through("helpdesk", sender="Ann <ann@shop.example>").kind


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
