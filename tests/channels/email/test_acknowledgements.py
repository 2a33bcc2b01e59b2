"""Websites that answer whoever filled in their form, and forms that hand on what a customer wrote."""

from __future__ import annotations

import pytest

from supportbot_email.mail import Settings
from supportbot_email.parse import parse

OURS = Settings(own_addresses=("help@shop.example",), own_domain="shop.example")
FIELDS = "Name: Shop\r\nE-mail: help@shop.example\r\nMessage: Could you take two guests?"
SAID = "This is an automatic confirmation."
ANSWERS = [
    ("We have received your message", f"Thank you for using our form. {SAID}\r\n\r\n{FIELDS}"),
    (
        "We have received your message",
        f'{SAID} We will contact you as soon as possible.\r\n\r\nYour message:\r\n"We would like two rooms."',
    ),
    (
        "Ihre Anfrage bei uns",
        (
            "Vielen Dank für Ihre Anfrage. Wir melden uns in 2 Werktagen.\r\n\r\n"
            f"{FIELDS}\r\n\r\nDiese E-Mail wurde automatisch erstellt."
        ),
    ),
    (
        "【山荘】お問い合わせありがとうございます（自動返信）",
        (
            "お問い合わせいただきありがとうございます。\r\n\r\nお名前：店\r\n件名：部屋\r\n\r\n"
            "※このメールは自動送信されています。"
        ),
    ),
    (
        "Your enquiry [Automatic reply]",
        "Thanks for writing.\r\n\r\nYour message:\r\n\r\nDo you have rooms?",
    ),
    (
        "Votre demande",
        (
            "Merci de nous avoir contactés. Nous vous répondrons dans les meilleurs délais.\r\n\r\n"
            f"Ceci est un message automatique.\r\n\r\n{FIELDS}"
        ),
    ),
]
HANDED_ON = [
    (
        "Neue Nachricht über Ihr Kontaktformular",
        (
            "Sie haben eine neue Nachricht erhalten.\r\n\r\nName: Kim\r\nE-Mail: kim@customer.example\r\n"
            "Nachricht: Vielen Dank für Ihre Nachricht, aber nichts kam.\r\n\r\n"
            "Diese E-Mail wurde automatisch versandt."
        ),
    ),
    (
        "お問い合わせがありました（自動返信）",
        "お名前：木村\r\n件名：在庫\r\nお問い合わせ内容：在庫はありますか。\r\n\r\n※このメールは自動送信されています。",
    ),
    ("Enquiry (automatic reply)", "Name: Kim\r\nE-mail: kim@customer.example\r\nMessage: Is it in stock?"),
]


def kind(subject: str, text: str, *fields: str, sender: str = "info@hof.example") -> str:
    lines = (f"From: Hof <{sender}>", "To: help@shop.example", *fields, f"Subject: {subject}")
    return parse("\r\n".join((*lines, "", text)).encode(), settings=OURS).kind


@pytest.mark.parametrize(("subject", "text"), ANSWERS)
def test_a_form_that_thanks(subject: str, text: str) -> None:
    """It is a machine's, though it has the fields of a form, and a question in one of them."""
    assert "auto_reply" == kind(subject, text)


@pytest.mark.parametrize(("subject", "text"), HANDED_ON)
def test_a_form_that_hands_on(subject: str, text: str) -> None:
    """It says that it is automatic, too, and thanks nobody: what stands in it is a customer's."""
    assert "human" == kind(subject, text)


@pytest.mark.parametrize(("subject", "text"), ANSWERS)
def test_whoever_answers_one_is_a_person(subject: str, text: str) -> None:
    """They write above what they got."""
    assert "human" == kind(f"Re: {subject}", f"We have a question about this.\r\nCan you help?\r\n\r\n{text}")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Question (automatic confirmation?)", "Is the confirmation that came valid as an invoice?"),
        ("Lamp", f"{SAID}\r\n\r\nThat is all that came. Where is the lamp?"),
    ],
)
def test_a_question_about_one(subject: str, text: str) -> None:
    """Customers name it, and quote it."""
    assert "human" == kind(subject, text)


COPY = (
    "Thank you for contacting us. We will get back to you within 24 hours.\r\n\r\nName: Kim\r\n{mail}"
    "Message: Is the lamp in stock? I need two.\r\n\r\nThis e-mail was sent automatically."
)
KIM = "E-mail: kim@customer.example\r\n"


@pytest.mark.parametrize(
    ("sender", "mail"),
    [
        ("wordpress@shop.example", KIM),
        ("info@shop.example", KIM),
        ("info@shop.example", ""),
        ("site@www.shop.example", ""),
        ("forms@far.example", KIM),
    ],
)
def test_our_own_form_thanks_its_customer(sender: str, mail: str) -> None:
    """We get a copy of it, and in it is what the customer wants."""
    assert "human" == kind("We have received your message", COPY.format(mail=mail), sender=sender)
