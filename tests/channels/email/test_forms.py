"""Contact forms: whom their mails are of, and that nobody is answered where nobody can say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supportbot.testing import ScriptedModel
from supportbot_email.incoming import recipient
from supportbot_email.mail import Settings
from supportbot_email.parse import parse
from supportbot_email.preview import would
from supportbot_email.reading import reading
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import config, rows
from tests.channels.email.test_channel import bot_on
from tests.channels.email.test_child import parser

if TYPE_CHECKING:
    from pathlib import Path

    from supportbot_email.config import EmailConfig
    from tests.channels.email.dovecot import Dovecot

FORM = "noreply@forms.test"
OURS = "support@example.com"
SETTINGS = Settings(own_addresses=(OURS, "@shop.example"), contact_forms=(FORM,))

NAMED = {
    "a line": "Name: Kim Roe\nE-mail: kim@customer.test\nMessage: Where is it?",
    "bold": "*Email:* kim@customer.test\n*Message:* Where is it?",
    "a link": "Email: kim@customer.test <mailto:kim@customer.test>\nMessage: Where is it?",
    "Markdown": "Email: [kim@customer.test](mailto:kim@customer.test)\nMessage: Where is it?",
    "German": "Name: Kim\nIhre E-Mail-Adresse: kim@customer.test\nNachricht: Wo ist es?",
    "French": "Nom : Kim\nCourriel : kim@customer.test\nMessage : Où est-il ?",
    "Chinese": "姓名：金\n邮箱：kim@customer.test\n留言：在哪里？",
    "From with a name": "From: Kim Roe <kim@customer.test>\nMessage: Where is it?",
    "below": "Email\nkim@customer.test\n\nMessage\nWhere is it?",
    "a table": "Name | Kim\nE-Mail | kim@customer.test\nMessage | Where is it?",
    "an unknown word, and no other address": "Nimi: Kim\nSposti: kim@customer.test\nViesti: Missä se on?",
    "ours beside it": f"Email: kim@customer.test\nSent to: {OURS}\nMessage: Where is it?",
    "a table of HTML": "Name Kim\nYour E-Mail kim@customer.test\nMessage Where is it?",
    "twice": "Email: kim@customer.test\nReply-To: Kim@Customer.test\nMessage: Where is it?",
    "another in the message": "Email: kim@customer.test\nMessage: My boss is bo@customer.test, ask him.",
}

NOBODY = {
    "none": "Name: Kim\nMessage: Where is it?",
    "two": "Email: kim@customer.test\nMessage: x\nEmail: eve@evil.test",
    "only in the message": "Name: Kim\nMessage: My boss is bo@customer.test, ask him.",
    "two without a word": "Sposti: kim@customer.test\nViesti: bo@customer.test",
    "only ours": f"Name: Kim\nE-mail: {OURS}\nMessage: Where is it?",
    "only our domain's": "Name: Kim\nE-mail: anybody@shop.example\nMessage: Where is it?",
    "one that nobody reads": "Name: Kim\nE-mail: no-reply@other.test\nMessage: Where is it?",
    "a sentence": "Name: Kim\nIf anything is unclear then write to my other mail bo@customer.test",
    "with words beside it": "Name: Kim\nEmail: bo@customer.test, my boss\nMessage: Where is it?",
    "two in a field": "Email: kim@customer.test, bo@customer.test\nMessage: Where is it?",
}


@pytest.mark.parametrize("name", NAMED)
def test_the_form_s_words_name_the_customer(name: str) -> None:
    """Without Reply-To it is the one address typed where the form asks for one; nobody vouches for it."""
    passed = "mx.test; dmarc=pass header.from=forms.test"
    raw = mail(NAMED[name], From=f"Web <{FORM}>", Authentication_Results=passed)
    found = parse(raw, settings=SETTINGS)
    assert ("human", "kim@customer.test") == (found.kind, found.sender.address.lower())
    assert (True, False) == (found.no_reply, found.verified)
    assert "get a draft to kim@customer.test" == would(_config(), found, lambda _: []).lower()


@pytest.mark.parametrize("name", NOBODY)
def test_where_it_is_not_clear_nobody_is_answered(name: str) -> None:
    """A draft to one of two could tell a stranger what the other asked; noreply@ reads nothing."""
    found = parse(mail(NOBODY[name], From=FORM), settings=SETTINGS)
    assert FORM == found.sender.address
    assert "be left to a person: nobody_to_answer" in would(_config(), found, lambda _: [])


@pytest.mark.parametrize(
    ("reply_to", "customer"),
    [
        ("kim@customer.test", "kim@customer.test"),
        (OURS, "body@customer.test"),
        (FORM, "body@customer.test"),
        ("kim@customer.test, bo@customer.test", FORM),
    ],
)
def test_reply_to_comes_first(reply_to: str, customer: str) -> None:
    """Where it names nobody but us or the form, its words do; of two customers none is taken."""
    text = "Name: Kim\nE-mail: body@customer.test\nMessage: Where is it?"
    found = parse(mail(text, From=FORM, Reply_To=reply_to), settings=SETTINGS)
    assert customer == found.sender.address
    said = would(_config(), found, lambda _: [])
    assert said == (f"get a draft to {customer}" if customer != FORM else said)
    assert FORM not in said.partition("draft to")[2]


def test_a_form_that_nobody_named_in_bot_yaml() -> None:
    """Its address says that nobody reads it, and its fields that it is a form: likewise. What is no form
    names nobody, such as a shop's own notice."""
    own, settings = config(OURS, 993), Settings(own_addresses=(OURS,))
    form = parse(mail(NAMED["a line"], From="no-reply@wix.test"), settings=settings)
    assert ("human", "kim@customer.test", True) == (form.kind, form.sender.address, form.no_reply)
    letter = parse(mail("Where is it? I am kim@customer.test", From="no-reply@wix.test"), settings=settings)
    assert "be left to a person: nobody_to_answer" in would(own, letter, lambda _: [])


@pytest.mark.parametrize("user", ["wordpress", "www-data", "apache"])
def test_a_web_server_s_own_user_reads_no_answers(user: str) -> None:
    """What its program sends is answered where Reply-To says, or the form; never where nobody looks."""
    own, settings = config(OURS, 993), Settings(own_addresses=(OURS,))
    form = f"From: Shop <{user}@shop-host.example>\r\nSubject: Question\r\n%s\r\n\r\n%s\r\n"
    text = "Name: Ida\r\nE-mail: ida@customer.example\r\nMessage: Do you ship to Oslo?"
    for field, words, to in (
        ("Reply-To: ida@customer.example", "Do you ship to Oslo?", "ida@customer.example"),
        ("X: y", text, "ida@customer.example"),
        ("X: y", "Do you ship to Oslo?", ""),
    ):
        asked = parse((form % (field, words)).encode(), settings=settings)
        assert ("human", to) == (asked.kind, recipient(own, asked).address)


def test_a_colleague_s_mail_from_a_form_s_address_stays_ours() -> None:
    """A form may write from our own address: only what has a form's fields is one."""
    settings = Settings(own_addresses=(OURS,), contact_forms=(OURS,))
    assert "human" == parse(mail(NAMED["a line"], From=OURS), settings=settings).kind
    note = mail("Please call.\nE-mail: kim@customer.test", From=OURS)
    assert "own_echo" == parse(note, settings=settings).kind


HURTING = {
    "colons": ":" * 20_000,
    "fields": "a:" * 200_000,
    "labels": "E-mail\n" * 60_000,
    "cells": "a b c d@e\n" * 40_000,
    "words": "a " * 200_000,
    "rows of a table": "Name Kim\n" * 40_000,
    "an address of signs": "E-mail: " + "x@" * 9_000,
    "an address of dots": "E-mail: a@" + "b." * 9_000,
    "addresses that go on": ("E-mail: " + "a" * 390 + "\n") * 50,
    "one address again and again": "E-mail: a@b.example\n" * 50_000,
    "many addresses": "".join(f"E-mail: a{number}@b.example\n" for number in range(20_000)),
    "many in a field": "E-mail: " + "a@b.example, " * 30_000,
    "marks of a list": ("> * _ | - " * 40 + "\n") * 4_000,
    "blanks behind a label": ("E-mail" + " " * 380 + "\n") * 1_000,
    "blank lines below a label": "E-mail\n" + "\n \t" * 120_000,
    "links of Markdown": "E-mail: " + "[a](mailto:" * 30_000,
    "open links": "E-mail: " + "<mailto:" * 40_000,
    "brackets": "E-mail: " + "(" * 19_000,
    "quotes": "E-mail: " + '"' * 19_000,
    "digits": "Phone: " + "1" * 400_000,
    "a whole form again and again": "Name: Kim\nE-Mail: kim@customer.test\n" * 14_000,
}


def hurting(name: str, sender: str) -> bytes:
    """Return such a form; of one that bot.yaml does not name, with the fields that make it one."""
    fields = "" if sender == FORM else "Name: Kim\nPhone: 1\n"
    return f"From: {sender}\r\nSubject: Form\r\n\r\n{fields}{HURTING[name]}".encode()


async def test_a_form_made_to_hurt_is_read_within_the_limit() -> None:
    """In the process that the channel reads mail in, whose kernel ends it after two seconds of CPU: not one
    of them has a problem. Not the clock of this machine tells, which others keep busy."""
    async with reading(_config()) as parsers:
        for sender in (FORM, "no-reply@wix.test"):
            found = {name: await parsers.parse(hurting(name, sender)) for name in HURTING}
            assert {} == {name: one.problem for name, one in found.items() if one.problem}
            assert {"human"} == {one.kind for one in found.values()}
            named = {name for name, one in found.items() if one.sender.address != sender}
            assert {"one address again and again", "a whole form again and again"} == named


@pytest.mark.parametrize("name", ["labels", "rows of a table", "many addresses"])
async def test_the_limit_is_what_holds_a_form(name: str) -> None:
    """With next to none of it, the same form is given up, and its process is no more."""
    async with parser(cpu_seconds=0.004) as child:
        assert (await child.parse(hurting(name, FORM))).problem
        assert 0 == child.pid


@needs_dovecot
async def test_no_draft_to_noreply(server: Dovecot, address: str, tmp_path: Path) -> None:
    """The mail is recorded with the reason, and the one behind it has its draft."""
    model = ScriptedModel()
    async with bot_on(address, server, tmp_path, model, contact_forms=[FORM]):
        server.deliver(address, mail(NOBODY["none"], From=FORM, Message_ID="<none@forms.test>"))
        server.deliver(address, mail(NAMED["a line"], From=FORM, Message_ID="<one@forms.test>"))
        await until(lambda: server.mails(address, "Drafts"))
    [draft] = server.mails(address, "Drafts")
    assert b"To: kim@customer.test" in draft
    assert [("nobody_to_answer",)] == rows(tmp_path, "select reason from messages where state = 'ignored'")


def _config() -> EmailConfig:
    return config(OURS, 993, contact_forms=[FORM], aliases=["@shop.example"])
