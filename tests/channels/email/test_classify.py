"""Machines known by one field of their mail, and people whose mail has a field like it."""

from __future__ import annotations

import pytest

from supportbot_email.mail import Settings
from supportbot_email.parse import parse

MACHINES = {
    "Auto-Submitted: auto-generated": "auto_reply",
    "Auto-Submitted: AUTO-REPLIED; x": "auto_reply",
    "X-Auto-Response-Suppress: OOF": "auto_reply",
    "X-Autoreply: yes": "auto_reply",
    "X-Autorespond: Order": "auto_reply",
    "X-Vacation: 1": "auto_reply",
    "X-Apple-Action: vacation": "auto_reply",
    "Precedence: Auto_Reply": "auto_reply",
    "Precedence: LIST": "list_or_bulk",
    "List-Unsubscribe: <mailto:u@far.example>": "list_or_bulk",
    "List-Help: <mailto:h@far.example>": "list_or_bulk",
    "X-Loop: autoresponder@far.example": "auto_reply",
    "Return-Path: <>": "bounce",
    "Received: from x (envelope-from <>) by mx.shop.example; Mon, 1 Jan 2026 10:00:00 +0000": "bounce",
    "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent": "auto_reply",
    "X-Failed-Recipients: ann@customer.example": "bounce",
    "X-Apple-Unsubscribe: true": "feedback_report",
    "X-SupportBot-Loop: 1": "own_echo",
}
PEOPLE = [
    "Auto-Submitted: no",
    "Auto-Submitted: No (a person)",
    "X-Auto-Response-Suppress: None",
    "X-Autoreply: no",
    "Precedence: normal",
    "Precedence: first-class",
    "Return-Path: <ann@customer.example>",
    "X-Apple-Action: reply",
    "X-MS-Exchange-Inbox-Rules-Loop: help@shop.example",
    "Disposition-Notification-To: ann@customer.example",
    "X-Mailer: The Bat! (v9)",
    "Received: from x (envelope-from <ann@customer.example>) by mx.shop.example",
    "Feedback-ID: 1:far",
    "Feedback-ID: 41118822:user:proton",
    "Feedback-ID: iecd4a565:Fastmail",
    "Return-Path: <ann@customer.example>\r\nReceived: from form (envelope-from <>) by inner.example",
    "Received: from x by mx.shop.example\r\nReceived: from form (envelope-from <>) by inner.example",
    "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent\r\nResent-From: <old@shop.example>",
]


def kind(field: str) -> str:
    raw = f"From: Ann <ann@customer.example>\r\n{field}\r\nSubject: Lamp\r\n\r\nIt is broken.\r\n"
    return parse(raw.encode(), settings=Settings()).kind


@pytest.mark.parametrize("field", MACHINES)
def test_machines(field: str) -> None:
    """One such field is enough, whatever its letters' case."""
    assert MACHINES[field] == kind(field)


@pytest.mark.parametrize("field", PEOPLE)
def test_people(field: str) -> None:
    """RFC 3834 and Exchange have words for a person as well."""
    assert "human" == kind(field)


@pytest.mark.parametrize(
    ("program", "expected"),
    [("Mutt/1.10.1", "human"), ("Mozilla Thunderbird", "human"), ("MDaemon 20", "bounce"), ("", "bounce")],
)
def test_a_postmaster(program: str, expected: str) -> None:
    """One in person has a program to write with; a server's own name is none."""
    raw = f"From: postmaster@far.example\r\nX-Mailer: {program}\r\nSubject: Re: 550\r\n\r\nTry again.\r\n"
    assert expected == parse(raw.encode(), settings=Settings()).kind


def test_a_postmaster_who_quotes_a_server() -> None:
    """What another server said is what they ask about."""
    said = "<kim@far.example>: host mx.shop.example said: 451 4.7.1 Greylisting in action"
    lines = (
        "From: Postmaster <postmaster@far.example>",
        "User-Agent: Mozilla Thunderbird",
        "Subject: Mail refused",
    )
    text = f"Our users get this since noon:\r\n\r\n{said}\r\n\r\nPlease look at it."
    assert "human" == parse("\r\n".join((*lines, "", text)).encode(), settings=Settings()).kind


@pytest.mark.parametrize(("method", "expected"), [("REPLY", "auto_reply"), ("Request", "human")])
def test_invitations(method: str, expected: str) -> None:
    """A click on "accept" wants no answer; an invitation may. What a calendar reads is no customer's word."""
    lines = (
        "From: Ann <ann@customer.example>",
        "Subject: Call about the lamp",
        f'Content-Type: text/calendar; method={method}; charset="utf-8"',
        "",
        "BEGIN:VCALENDAR",
    )
    mail = parse("\r\n".join(lines).encode(), settings=Settings())
    assert (expected, "", ["text/calendar"]) == (
        mail.kind,
        mail.reply,
        [part.content_type for part in mail.attachments],
    )


GROUP = (
    "From: 'Kai' via Help <help@shop.example>",
    "X-Original-From: Kai <kai@customer.example>",
    "Reply-To: Kai <kai@customer.example>",
    "To: help@shop.example",
    "List-ID: Help <help.shop.example>",
    "Precedence: list",
    "Subject: Lamp",
)
OURS = Settings(
    own_addresses=("help@shop.example",), own_domain="shop.example", authserv_id="mx.shop.example"
)


def test_a_group_of_ours() -> None:
    """A mailbox may be a group: what a stranger writes to it is theirs, though the group signs as us."""
    mail = parse("\r\n".join((*GROUP, "", "It is broken.")).encode(), settings=OURS)
    assert ("human", "kai@customer.example", True, False) == (
        mail.kind,
        mail.sender.address,
        mail.no_reply,
        mail.verified,
    )


@pytest.mark.parametrize("changed", ["List-ID: <other.far.example>", "X-Original-From: help@shop.example"])
def test_no_group_of_ours(changed: str) -> None:
    """Another one's list, or our own words through our group, stay what they are."""
    name = changed.partition(":")[0]
    lines = [changed if one.startswith(name) else one for one in GROUP]
    assert "own_echo" == parse("\r\n".join((*lines, "", "x")).encode(), settings=OURS).kind


@pytest.mark.parametrize(
    "foot",
    [
        (
            '-- \r\nYou received this message because you are subscribed to the Google Groups "Help" group.'
            " To unsubscribe from this group, write to help+off@shop.example."
        ),
        "_" * 47 + "\r\nHelp mailing list\r\nhelp@shop.example\r\nhttps://lists.shop.example/listinfo/help",
    ],
)
def test_the_foot_of_a_group_of_ours(foot: str) -> None:
    """What the group sets below a mail makes no newsletter of it; what the mail itself says does."""
    written = parse("\r\n".join((*GROUP, "", "It is broken.", "", foot)).encode(), settings=OURS)
    assert ("human", "It is broken.") == (written.kind, written.reply.strip())
    ad = (
        "All lamps at half price. You get this newsletter as you subscribed to it. Click here to unsubscribe."
    )
    sent = parse("\r\n".join((*GROUP, "", ad, "", foot)).encode(), settings=OURS)
    assert ("list_or_bulk", "newsletter") == (sent.kind, sent.rule)


@pytest.mark.parametrize(
    "text",
    [
        'Lee, Ann would like to recall the message, "Our order".',
        "Lee, Ann möchte die Nachricht „Unsere Bestellung“ zurückrufen.",
    ],
)
def test_a_mail_called_back(text: str) -> None:
    """Outlook says so in a mail of its own; whoever says more is a person."""
    field = "Subject: Recall: Our order"
    for written, expected in ((text, "auto_reply"), (f"{text}\r\n\r\nBut I do want the lamps.", "human")):
        raw = f"From: Ann <ann@customer.example>\r\n{field}\r\n\r\n{written}\r\n"
        assert expected == parse(raw.encode(), settings=Settings()).kind


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            "Absence du bureau et livraison",
            "Je serai absente du bureau du 3 au 7. Merci de ne pas livrer alors.",
        ),
        ("Out of office and my parcel", "I am out of the office until Monday. Leave it with the porter."),
        ("Претензия", "Лампа пришла разбитой, на звонки никто не отвечает."),
    ],
)
def test_a_matter_beside_an_absence(subject: str, text: str) -> None:
    """Who is away and has something delivered is a person, and so is whom nobody answers."""
    raw = f"From: Ann <ann@customer.example>\r\nSubject: {subject}\r\n\r\n{text}\r\n"
    assert "human" == parse(raw.encode(), settings=Settings()).kind


def test_what_a_finn_answers_is_no_forward() -> None:
    """A Dane passes on under the same two letters."""
    lines = (
        "Lähettäjä: Help <help@shop.example>",
        "Lähetetty: 6. elokuuta 2021 15.20",
        "Aihe: Osat",
        "",
        "Vanha.",
    )
    block = "\r\n".join(lines)
    raw = f"From: Ann <ann@customer.example>\r\nSubject: VS: Varaosat\r\n\r\nPitää olla 42 mm.\r\n\r\n{block}"
    assert "Pitää olla 42 mm." == parse(raw.encode(), settings=Settings()).reply.strip()
