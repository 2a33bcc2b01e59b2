"""Mails made to hurt: each is read in a child within its two seconds of CPU, and says what it is."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbot_email.mail import Settings
from supportbot_email.parse import parse

if TYPE_CHECKING:
    from supportbot_email.mail import Mail

HEAD = b"From: Ann <ann@customer.example>\r\nMessage-ID: <1@customer.example>\r\nDate: Tue, 3 Nov 2026 10:00:00 +0100\r\n"


def read(raw: bytes) -> Mail:
    """The mail, within 2 s of CPU on any machine that is not broken."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    mail = parse(raw, settings=Settings(own_domain="us.example"))
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime - before.ru_utime < 2
    return mail


def multipart(count: int) -> bytes:
    return (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\n\r\nx\r\n" * count
        + b"--b--\r\n"
    )


def nested(depth: int) -> bytes:
    heads = [b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(depth)]
    return HEAD + b"".join(heads) + b"\r\ndeep\r\n"


HOSTILE = {
    "quotes in From": b"From: " + b'"' * 20_001 + b" <a@b.example>\r\n\r\nx",
    "comments in From": b"From: " + b"(" * 20_000 + b"\r\n\r\nx",
    "backslashes in From": b"From: " + b'"\\' * 50_000 + b"\r\n\r\nx",
    "50k recipients": HEAD + b"To: " + b"a@b.example, " * 50_000 + b"\r\n\r\nx",
    "subject of 10 MB": HEAD + b"Subject: " + b"x" * 10_000_000 + b"\r\n\r\nx",
    "10k encoded words": HEAD + b"Subject: " + b"=?utf-8?b?eHg=?= " * 10_000 + b"\r\n\r\nx",
    "an open encoded word": HEAD + b"Subject: " + b"=?utf-8?b?" * 50_000 + b"\r\n\r\nx",
    "a line of 10 MB": HEAD + b"\r\n" + b"x" * 10_000_000,
    "2 MB of quotes": HEAD + b"\r\n" + b">" * 2_000_000,
    "lines of quotes": HEAD + b"\r\n" + b"> x\n" * 500_000,
    "lines of On": HEAD + b"\r\n" + b"On 1 a@b.c\n" * 50_000,
    "blank lines": HEAD + b"\r\n" + b"On 3 May at 10:00\n\n" * 50_000,
    "lines of From": HEAD + b"\r\n" + b"From: a\n" * 50_000,
    "quotes apart": HEAD + b"\r\n" + b"> a\nb\n" * 50_000,
    "underscores": HEAD + b"\r\n" + b"_____\n" * 50_000,
    "rules and blanks": HEAD + b"\r\n" + b"____\n\n\n" * 30_000,
    "one flowed paragraph": HEAD
    + b"Content-Type: text/plain; format=flowed\r\n\r\n"
    + b"word \r\n" * 1_000_000,
    "closings": HEAD + b"\r\n" + b"Hello\n\nBest regards\nBob\nTel. 0301234567\n" * 20_000,
    "names below closings": HEAD
    + b"\r\n"
    + b"Hello you\n\nKind regards\n" * 1_000
    + (b"a" * 150 + b"!\n\nx y\n\n> q\n\nKind regards\n") * 1_000,
    "cards apart": HEAD
    + b"\r\n"
    + b"It flickers, and I want another.\n\nThanks\nBob\n\nBob Lee\nDirector\nLee Ltd\nT: +44 1632 960 114\n\n> q\n\n"
    * 4_000,
    "disclaimers": HEAD + b"\r\n" + b"This is confidential. " * 50_000,
    "paragraphs of disclaimers": HEAD
    + b"\r\n"
    + b"Confidential, only for the recipient, who may read it, and nobody else who is none.\n\n" * 10_000,
    "addresses on lines": HEAD + b"Subject: failure\r\n\r\n" + b"to: a@b.example\n" * 50_000,
    "half sentences": HEAD + b"Subject: Re: x\r\n\r\n" + b"please your ticket was on my return " * 50_000,
    "attributions": HEAD
    + b"Content-Type: text/html\r\n\r\n"
    + b"<div class=gmail_attr>x</div>" * 300
    + b"<br>" * 30_000,
    "blank only": HEAD + b"\r\nx" + b"\n" * 200_000,
    "100k parts": multipart(100_000),
    "deep nesting": nested(3_000),
    "mails in mails": HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 5_000 + b"x",
    "RFC 2231 flood": HEAD
    + b"Content-Type: text/plain"
    + b"".join(b";\r\n a*%d=x" % n for n in range(3_000))
    + b"\r\n\r\nx",
    "RFC 2231 index": HEAD + b"Content-Type: text/plain; name*100000000000000000000*=x; name*1=y\r\n\r\nx",
    "20k references": HEAD
    + b"References: "
    + b"".join(b"<%d@r.example>\r\n " % n for n in range(20_000))
    + b"\r\n\r\nx",
    "50k fields": HEAD + b"X-A: b\r\n" * 50_000 + b"\r\nx",
    "a field of folds": HEAD + b"X-A: b" + b"\r\n b" * 100_000 + b"\r\n\r\nx",
    "parameters": HEAD + b"Content-Type: text/plain;" + b'a="' * 10_000 + b"\r\n\r\nx",
    "boundaries": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bb\r\n" * 200_000,
    "nested divs": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 300_000 + b"x",
    "a million open tags": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<b" * 1_000_000,
    "nested tables": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<table><tr><td>" * 10_000 + b"x",
    "a style of 1 MB": HEAD + b"Content-Type: text/html\r\n\r\n<p style='" + b"color:" * 150_000 + b"'>x",
    "a style sheet for everything": HEAD
    + b"Content-Type: text/html\r\n\r\n<style>"
    + b"* * * *{color:red}" * 5_000
    + b"</style>"
    + b"<i>" * 390
    + b"<b>x</b>" * 12_000,
    "base64 garbage": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"@=A" * 1_000_000,
    "broken qp": HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=Z" * 1_000_000,
    "authentication": HEAD + b"Authentication-Results: " + b"(" * 50_000 + b"\r\n\r\nx",
    "subject of spaces": HEAD + b"Subject: " + b"?= " * 60_000 + b" " * 60_000 + b"\r\n\r\nx",
    "NULs": b"\0" * 1_000,
    "nothing": b"",
    "no header": b"\r\n\r\n",
    "bare CR": b"From: a@b.example\rBcc: c@d.example\r\rx",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    """E01–E47: none takes 2 s of CPU, none raises, and the limits hold."""
    mail = read(HOSTILE[name])
    assert mail.message_id.startswith("<")
    assert len(mail.subject) <= 998
    assert len(mail.references) <= 50
    assert len(mail.to) <= 100
    assert len(mail.attachments) <= 200
    assert mail.text == "".join(span.text for span in mail.spans)
    assert len(mail.spans) <= 2_001


@pytest.mark.parametrize(
    "charset", ["bogus", "hex", "idna", "", "unicode_escape", "rot13", "\0", "utf-7", "x" * 500]
)
def test_charset(charset: str) -> None:
    """E08, E16: a character set that is none costs nothing but its accents."""
    raw = (
        HEAD
        + f"Subject: =?{charset}?q?a=E9?= b\r\nContent-Type: text/plain; charset={charset!r}\r\n\r\nHi \xe9".encode(
            "latin-1"
        )
    )
    mail = read(raw)
    assert mail.text.startswith("Hi")


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 1 Jan 99999 00:00:00 +0000",
        "32 Foo 2026",
        "",
        "1 Jan 2026 00:00:00 +999999999",
        "Mon, 31 Feb 2026 10:00:00 +0000",
        "0" * 5_000,
    ],
)
def test_absurd_date(date: str) -> None:
    """A date that cannot be is none."""
    assert read(f"From: a@b.example\r\nDate: {date}\r\n\r\nx".encode()).date is None


@pytest.mark.parametrize(
    "subject",
    [
        b"=?utf-8?B?5rOo5pa?=\r\n =?UTF-8?B?H44Gu5Lu2?=",
        b"=?utf-8?B?5rOo5g==?= =?utf-8?B?lofjga7ku7Y=?=",
        b"=?utf-8?Q?=E6=B3=A8=E6=96?=\r\n\t=?utf-8*ja?Q?=87=E3=81=AE=E4=BB=B6?=",
        b"=?utf-8?Q?=E6=B3=A8=E6=96?= =?utf-8?B?h+OBruS7tg==?=",
        b"=?iso-2022-jp?B?GyRCQ21KOCROGyhC?= =?iso-2022-jp?B?GyRCN28bKEI=?=",
        b"=?utf-8?Q?=E6=B3=A8=E6=96=87?= =?iso-2022-jp?B?GyRCJE4bKEI=?= =?utf-8?Q?=E4=BB=B6?=",
    ],
)
def test_words_that_cut_a_character(subject: bytes) -> None:
    """Programs split encoded words between the bytes of one character (RFC 2047, section 5, forbids it)."""
    assert "注文の件" == read(HEAD + b"Subject: " + subject + b"\r\n\r\nx").subject


def test_encoded_line_break() -> None:
    """E07: an encoded CRLF in a Subject stays inside it, on one line."""
    mail = read(HEAD + b"Subject: =?utf-8?q?Hi=0D=0ABcc=3A_a=40b.example?=\r\n\r\nx")
    assert mail.subject == "Hi Bcc: a@b.example"


@pytest.mark.parametrize(
    "field",
    [
        '"vip@bank.example" <evil@x.example>',
        "=?utf-8?q?vip=40bank.example?= <evil@x.example>",
        "vip@bank.example(, ) <evil@x.example>",
        "<vip@bank.example> <evil@x.example>",
    ],
)
def test_sender_is_the_address(field: str) -> None:
    """E04 (CVE-2023-27043): what stands in the name is a name."""
    assert read(f"From: {field}\r\n\r\nx".encode()).sender.address == "evil@x.example"


@pytest.mark.parametrize(
    "field", ["", "undisclosed:;", "a@b@c.example", "=?utf-8?q?a=40b.example?=", "<>", "a b@c.example"]
)
def test_no_sender(field: str) -> None:
    """E02: what is no strict address is no address."""
    assert read(f"From: {field}\r\n\r\nx".encode()).sender.address == ""


@pytest.mark.parametrize("field", ["", "[x", "<a b@c>", "<" + "x" * 100_000 + ">", "a@b"])
def test_synthetic_message_id(field: str) -> None:
    """E17: a Message-ID that is none is made from the bytes, always the same."""
    raw = f"From: a@b.example\r\nMessage-ID: {field}\r\n\r\nx".encode()
    first, again, other = read(raw), read(raw), read(raw + b"y")
    assert first.message_id.endswith("@missing.invalid>")
    assert first.message_id == again.message_id != other.message_id


def test_same_id_other_content() -> None:
    """E17: a Message-ID used twice for different texts is two mails."""
    assert read(HEAD + b"\r\nx").content_key != read(HEAD + b"\r\ny").content_key
    assert read(HEAD + b"\r\nx").content_key == read(b"X-Moved: yes\r\n" + HEAD + b"\r\nx").content_key


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2_000) | st.binary(max_size=500).map(lambda raw: HEAD + raw))
def test_any_bytes(raw: bytes) -> None:
    """Nothing raises, and the spans are the text."""
    mail = parse(raw, settings=Settings())
    assert mail.text == "".join(span.text for span in mail.spans)
