"""What programs tell without any header that says so, and people who write about it in the same words."""

from __future__ import annotations

import json
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from supportbot_email.mail import Mail, Settings
from supportbot_email.parse import parse
from tests.channels.email.test_child import parser

SAMPLE: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "headerless.json").read_text(encoding="utf-8")
)
SETTINGS = Settings(own_addresses=("help@shop.example", "support@shop.example"), own_domain="shop.example")


def read(sender: str, subject: str, text: str, **headers: str) -> Mail:
    message = EmailMessage()
    fields = {
        "From": sender,
        "To": "support@shop.example",
        "Subject": subject,
        "Message-ID": "<1@far.example>",
    }
    if subject.lower().startswith(("re:", "aw:")):
        fields["In-Reply-To"] = "<asked@shop.example>"
    for name, value in (fields | headers).items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return parse(message.as_bytes(), settings=SETTINGS)


@pytest.mark.parametrize("one", [one for one in SAMPLE if one["person"]], ids=lambda one: one["name"])
def test_a_person_is_one(one: dict[str, Any]) -> None:
    """Short mails, records, logs, firms' addresses and feet, a notice's subject above a complaint."""
    found = read(one["from"], one["subject"], one["text"])
    assert ("human", "none") == (found.kind, found.rule)


@pytest.mark.parametrize("one", [one for one in SAMPLE if not one["person"]], ids=lambda one: one["name"])
def test_a_program_is_one(one: dict[str, Any]) -> None:
    """Receipts, parcels, codes, sign-ins, bills, dates, backups, reviews, surveys, in a dozen languages."""
    assert "human" != read(one["from"], one["subject"], one["text"]).kind


SHIPPED = "Your order has been shipped.\n\nTrack package\n\nThe Lumen team"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "auto_reply"),
        ({"text": f"{SHIPPED}\n\nWhere is it?"}, "human"),
        ({"text": f"I got this, and nothing came:\n\n{SHIPPED}"}, "human"),
        ({"text": f"{SHIPPED}\n\nThe tracking number is wrong."}, "human"),
        ({"sender": "Ann Lee <ann.lee@lumen.example>"}, "human"),
        ({"subject": "Re: Your order has been shipped"}, "human"),
        ({"X_Mailer": "Microsoft Outlook 16.0"}, "human"),
        ({"Reply_To": "kim@customer.example"}, "human"),
        ({"text": "Your order has been shipped. Item 3 follows."}, "human"),
    ],
)
def test_one_sign_of_a_person_is_enough(changed: dict[str, str], expected: str) -> None:
    """A question, "I", something that is wrong, their own address, an answer, their program, a form."""
    given = {
        "sender": "Lumen <hello@lumen.example>",
        "subject": "Your order has been shipped",
        "text": SHIPPED,
    }
    assert expected == read(**(given | changed)).kind


HURTING = (
    "your order and your parcel and a new check is an invoice from me " * 20_000,
    "code is here the code enter your login code your security pin: " * 20_000,
    "if you did not and if this was not and never share this wenn sie nicht " * 20_000,
    "a: b\n" * 200_000,
    "track\n" * 200_000,
    "how was your how likely wie war comment hoe was " * 20_000,
    "your " + "a" * 500_000,
    "[aa] " * 100_000,
)


async def test_a_notice_made_to_hurt_is_read_within_the_limit() -> None:
    """In the two seconds of processor time that every mail has, at whose end the kernel ends its reader."""
    async with parser() as child:
        for text in HURTING:
            for subject in ("Order", text[:900].replace("\n", " ")):
                raw = f"From: orders@far.example\r\nSubject: {subject}\r\n\r\n{text}".encode()
                assert "" == (await child.parse(raw)).problem
