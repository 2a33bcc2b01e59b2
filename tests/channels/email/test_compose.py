"""Our answer as a mail: its threading, its texts, and that nothing of the customer's becomes a field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbot.messages import Outbound
from supportbot_email import mime
from supportbot_email.compose import Answer, NotWritten, compose, recipient_of, references_of, subject_of
from supportbot_email.inbound import reply_address
from supportbot_email.mail import Address, Mail, Settings
from supportbot_email.outbound import to_mail
from supportbot_email.parse import parse
from supportbot_email.threads import make_token
from tests.channels.email.mailboxes import config

ASKED = Mail(
    message_id="<3@x.example>",
    content_key="",
    subject="Größe",
    sender=Address(name="Änn, Lee", address="ann@x.example"),
    references=("<1@x.example>", "<2@x.example>"),
    text="Hello\n> old\n",
    thread_index="AdxQ",
    thread_topic="Größe",
)
ANSWER = Answer(
    answered=ASKED,
    markdown="**Yes.** <b>x</b> ![i](http://far.example/i.png)",
    signature="Us & you",
    identity=Address(name="Shop", address="help@shop.example"),
    recipient=ASKED.sender,
    message_id=make_token("d1", "shop.example", b"k"),
    now=datetime(2026, 11, 3, 10, tzinfo=UTC),
    asked="Änn, Lee <ann@x.example> wrote:",
)


def test_threading() -> None:
    """The standard library reads exactly the fields that thread it, and no automatic ones in a draft."""
    read = message_from_bytes(compose(ANSWER), policy=policy.default)
    assert "<3@x.example>" == read["In-Reply-To"]
    assert "<1@x.example> <2@x.example> <3@x.example>" == read["References"]
    assert ("Re: Größe", "AdxQ", "Größe") == (read["Subject"], read["Thread-Index"], read["Thread-Topic"])
    assert ("ann@x.example",) == tuple(one.addr_spec for one in read["To"].addresses)
    assert read["Auto-Submitted"] is None
    assert compose(ANSWER) == compose(ANSWER)


def test_references_begin_with_what_the_customer_s_mail_answers() -> None:
    """RFC 5322, 3.6.4, for a mail that has In-Reply-To and no References; also from what the core stored."""
    raw = b"From: ann@x.example\r\nMessage-ID: <2@x.example>\r\nIn-Reply-To: <1@x.example>\r\n\r\nAnd?\r\n"
    outbound = Outbound(
        delivery_id="dlv", conversation_id="conv", message_id="msg", turn_id="turn", tenant="default",
        channel="support", external_id="thread", text="Yes.", seq=2,
        address=reply_address(parse(raw, settings=Settings())),
    )  # fmt: skip
    written = to_mail(
        outbound, message_id="<3@y.example>", asked="And?", config=config("a@y.example", 993), bot_name="R"
    )
    assert "<1@x.example> <2@x.example>" == message_from_bytes(written)["References"]


def test_a_link_shows_where_it_goes() -> None:
    """In the HTML too: words may hide another address."""
    text = (
        "[our page](https://evil.example/?q=secret) <https://a.example/b> [x@y.example](mailto:x@y.example)"
    )
    read = message_from_bytes(compose(replace(ANSWER, markdown=text)), policy=policy.default)
    markup = read.get_body(("html",)).get_content()
    assert ">our page</a> (https://evil.example/?q=secret)" in markup
    assert 2 == markup.count("https://a.example/b"), "one that is its own text is not told twice"
    assert 2 == markup.count("x@y.example")


def test_texts() -> None:
    """The plain text quotes the customer below the signature; the HTML has no tag of the model's, no image."""
    read = message_from_bytes(compose(ANSWER), policy=policy.default)
    plain, markup = (part.get_content() for part in read.iter_parts())
    assert "\n\nUs & you\n\nÄnn, Lee <ann@x.example> wrote:\n> Hello\n>> old\n" in plain.replace("\r\n", "\n")
    assert "<strong>Yes.</strong> &lt;b&gt;x&lt;/b&gt;" in markup
    assert "<img" not in markup


def test_automatic() -> None:
    """What no person has seen says so, and counts how often it went round."""
    read = message_from_bytes(compose(replace(ANSWER, automatic=True, answered=replace(ASKED, loop=1))))
    expected = ("auto-replied", "All", "2")
    assert expected == (read["Auto-Submitted"], read["X-Auto-Response-Suppress"], read["X-SupportBot-Loop"])


@pytest.mark.parametrize(
    ("given_subject", "expected"),
    [("", "Re: (no subject)"), ("Re: ", "Re: (no subject)"), ("Hi", "Re: Hi"), ("RE: Hi", "RE: Hi"), ("AW: Hi", "AW: Hi"), ("a\r\nBcc: x", "Re: a Bcc: x")],
)  # fmt: skip
def test_subject(given_subject: str, expected: str) -> None:
    """E62: `Re:` once, and always one line."""
    assert expected == subject_of(given_subject)


def test_long_references() -> None:
    """A long chain keeps its first, its last and the mail answered, within what relays carry."""
    chain = tuple(f"<{n:030}@x.example>" for n in range(50))
    found = references_of(replace(ASKED, references=chain))
    assert (chain[0], chain[-1], "<3@x.example>") == (found[0], found[-2], found[-1])
    assert len(" ".join(found)) <= 1_500


def test_recipient() -> None:
    """E52: one address, Reply-To only by policy, never ourselves."""
    asked = replace(ASKED, reply_to=(Address(address="b@x.example"),))
    own = ("help@shop.example",)
    assert ASKED.sender == recipient_of(asked, use_reply_to=False, own_addresses=own)
    assert asked.reply_to[0] == recipient_of(asked, use_reply_to=True, own_addresses=own)
    assert ASKED.sender == recipient_of(
        replace(asked, reply_to=asked.reply_to * 2), use_reply_to=True, own_addresses=own
    )
    assert (
        recipient_of(
            replace(asked, sender=Address(address="HELP@shop.example")), use_reply_to=False, own_addresses=own
        )
        is None
    )


def test_broken_identity() -> None:
    """What cannot be written as one field is not written."""
    for broken in (
        replace(ANSWER, message_id="<a>\r\nBcc: x@y.example"),
        replace(ANSWER, recipient=Address(address="a@b.example, c@d.example")),
    ):
        with pytest.raises(NotWritten):
            compose(broken)


HARD = st.text(max_size=60) | st.sampled_from(
    ["\r\nBcc: x@y.example", "=?utf-8?q?a?=", "\ud800", "\x00", "ü" * 300, "a" * 3_000]
)


@settings(max_examples=60, deadline=None)
@given(subject=HARD, name=HARD, text=HARD, markdown=HARD, signature=HARD)
def test_no_injection(subject: str, name: str, text: str, markdown: str, signature: str) -> None:
    """E07: whatever the customer and the model write, the mail has our fields and one recipient."""
    asked = replace(ASKED, subject=subject, text=text, sender=Address(name=name, address="ann@x.example"))
    raw = compose(
        replace(ANSWER, answered=asked, recipient=asked.sender, markdown=markdown, signature=signature)
    )
    read = message_from_bytes(raw)
    assert read["Bcc"] is None
    assert ("ann@x.example",) == tuple(one.address for one in parse(raw, settings=Settings()).to)


def test_ids_beyond_ascii_are_not_named() -> None:
    """A customer's program wrote them so; the answer is written all the same."""
    asked = replace(
        ASKED, message_id="<fr\xe5ga@kunde.example>", references=("<a@b>", "<\xe5@b>"), thread_index="\xe5"
    )
    read, _ = mime.read(compose(replace(ANSWER, answered=asked)))
    assert ["", "<a@b>", ""] == [read.get(name) for name in ("in-reply-to", "references", "thread-index")]
