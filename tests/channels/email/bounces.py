"""Bounces in the shapes of the servers that matter, each about a mail of ours. Written for the tests."""

from __future__ import annotations

_HEAD = """\
Return-Path: <>
From: {sender}
To: support@example.com
Subject: {subject}
Date: Wed, 25 Nov 2026 10:00:00 +0000
Message-ID: <bounce.4711@mx.other.test>
MIME-Version: 1.0
"""
_REPORT = """\
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain; charset=utf-8

{text}
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.other.test
Arrival-Date: Wed, 25 Nov 2026 09:59:00 +0000

Final-Recipient: rfc822; anna@customer.test
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {diagnosis}

--B
Content-Type: {returned}

From: support@example.com
To: anna@customer.test
Subject: Re: My parcel
Message-ID: {message_id}

--B--
"""
_PLAIN = """\
Content-Type: text/plain; charset=utf-8

{text}
"""


def report(
    message_id: str,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    diagnosis: str = "550 5.1.1 <anna@customer.test>: Recipient address rejected: User unknown",
    returned: str = "message/rfc822",
    sender: str = "MAILER-DAEMON@mx.other.test (Mail Delivery System)",
    subject: str = "Undelivered Mail Returned to Sender",
    text: str = "I'm sorry to have to inform you that your message could not be delivered.",
) -> bytes:
    """Return a report of RFC 3464, as Postfix, Exchange, Exim and the large providers write it."""
    head = _HEAD.format(sender=sender, subject=subject)
    body = _REPORT.format(
        message_id=message_id,
        action=action,
        status=status,
        diagnosis=diagnosis,
        returned=returned,
        text=text,
    )
    return (head + body).replace("\n", "\r\n").encode()


def words(
    message_id: str,
    *,
    subject: str = "failure notice",
    text: str = "Hi. This is the qmail-send program at other.test.\n"
    "I'm afraid I wasn't able to deliver your message to the following addresses.\n\n"
    "<anna@customer.test>:\nSorry, no mailbox here by that name. (#5.1.1)\n",
) -> bytes:
    """Return a bounce in words, with the mail below them, as qmail writes it."""
    copy = (
        f"\n--- Below this line is a copy of the message.\n\nMessage-ID: {message_id}\nSubject: My parcel\n"
    )
    head = _HEAD.format(sender="MAILER-DAEMON@other.test", subject=subject)
    return (head + _PLAIN.format(text=text + copy)).replace("\n", "\r\n").encode()
