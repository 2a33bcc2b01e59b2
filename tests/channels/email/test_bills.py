"""What services send in anybody's name, bills above all, and people whose mail goes through them."""

from __future__ import annotations

import json
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from supportbot_email.mail import Mail, Settings
from supportbot_email.parse import parse

SAMPLE: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "services.json").read_text(encoding="utf-8")
)
OURS = Settings(own_addresses=("help@shop.example", "support@shop.example"), own_domain="shop.example")


def read(one: dict[str, Any], **changed: str) -> Mail:
    one |= changed
    message = EmailMessage()
    address = one["from"].rpartition("<")[2].rstrip(">")
    fields = {
        "Return-Path": f"<{address}>",
        "From": one["from"],
        "To": "support@shop.example",
        "Subject": one["subject"],
        "Message-ID": "<1@far.example>",
    }
    for name, value in (fields | one["headers"]).items():
        message[name] = value
    message.set_content(one["text"])
    if one["name"].startswith(("bill", "supplier", "accountant")):
        message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="RE-1188.pdf")
    return parse(message.as_bytes(), settings=OURS)


@pytest.mark.parametrize("one", [one for one in SAMPLE if one["person"]], ids=lambda one: one["name"])
def test_a_person_is_one(one: dict[str, Any]) -> None:
    """Forms, firms' programs, Amazon's mailboxes, buyers, suppliers who want something of their bill."""
    found = read(dict(one))
    assert ("human", "none") == (found.kind, found.rule)


@pytest.mark.parametrize("one", [one for one in SAMPLE if not one["person"]], ids=lambda one: one["name"])
def test_a_program_is_one(one: dict[str, Any]) -> None:
    """Bills, sales, what says that a system sent it, invitations without a word, copies of forms."""
    assert "human" != read(dict(one)).kind


def named(name: str) -> dict[str, Any]:
    return next(dict(one) for one in SAMPLE if name == one["name"])


@pytest.mark.parametrize(
    "added",
    [
        "Could you tell us your VAT number?",
        "The second pallet is going to come with the driver on Tuesday.",
        "Ich habe die Adresse geändert.",
        "Bitte rufen Sie uns wegen der Palette an.",
    ],
)
def test_who_says_more_than_a_bill_is_a_person(added: str) -> None:
    """Two sentences beside the bill, or one that asks, or somebody who speaks of themselves."""
    bill = named("bill-de-charged")
    assert ["auto_reply", "bill"] == [read(bill).kind, read(bill).rule]
    assert "human" == read(bill, text=bill["text"].replace("\n\nDer", f"\n\n{added}\n\nDer")).kind


def test_whose_sentence_it_is() -> None:
    """A program says of its mail that nobody reads answers; somebody else quotes it."""
    said = "This message was generated automatically. Please do not reply to it."
    notice = {"name": "x", "from": "Market <market@far.example>", "subject": "Return 88", "headers": {}}
    assert "auto_reply" == read(notice, text=f"The buyer opened return 88.\n\n{said}").kind
    assert "human" == read(notice, text=f'All that comes is "{said}" The lamp is broken.').kind
    assert "human" == read(notice, text=f"> The buyer opened return 88.\n>\n> {said}\n\nAnd now?").kind


def test_a_question_in_a_notice_of_nobody() -> None:
    """At a noreply@ that refuses answers it is rhetorical, unless a form of ours or an address is there."""
    notice = {"name": "x", "from": "Market <noreply@far.example>", "subject": "Question 88", "headers": {}}
    asked, said = "Is it dishwasher safe?", "This message was generated automatically. Do not reply to it."
    assert "auto_reply" == read(notice, text=f"{asked}\n\n{said}").kind
    for typed in ("From kim@roe.example", "Call me: Tel. 0171 5550123", "Name: Kim"):
        assert "human" == read(notice, text=f"{asked}\n{typed}\n\n{said}").kind
    ours = {"from": "Shop <noreply@shop.example>"}
    assert "human" == read(notice, text=f"{asked}\n\n{said}", **ours).kind


@pytest.mark.parametrize(
    "piece",
    ["invoice ", "Rechnung anbei ", '"', "“a", "https://", "a: ", "w załączniku ", "1.1.1", "Fatura vence. "],
)
def test_a_bill_made_to_hurt(piece: str) -> None:
    """However long it is, it is read at once."""
    read(named("bill-de-charged"), text=piece * 20_000)
