"""The header on a draft: what it says, and what it can never say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbot.messages import Source
from supportbot_email.compose import Answer, compose
from supportbot_email.mail import Address, Mail
from supportbot_email.mark import is_marked, mark


def _source(name: str, score: float = 0.5) -> Source:
    return Source(title="secret title", source=name, score=score)


def _draft(*sources: Source) -> bytes:
    return compose(
        Answer(
            answered=Mail(message_id="<a@b.test>", content_key="", subject="Hi", text="Hi"),
            asked="Anna wrote:",
            markdown="Yes.",
            identity=Address(address="us@example.com"),
            recipient=Address(address="anna@b.test"),
            message_id="<sb.dlv.x@example.com>",
            now=datetime(2026, 11, 29, tzinfo=UTC),
            extra=(mark(sources),),
        )
    )


def test_it_says_what_the_draft_rests_on() -> None:
    """The best source's fit, and where the sources stand; not their titles, and no reasons."""
    sources = (_source("returns.md#How long?", 0.834), _source("shipping.md", 0.4))
    expected = "draft; confidence=0.83; sources=returns.md#How%20long%3F, shipping.md"
    assert ("X-SupportBot", expected) == mark(sources)
    assert b"secret" not in _draft(*sources)


def test_nothing_behind_it_is_said_too() -> None:
    """A rule of a mail program can ask for it."""
    assert "draft; confidence=0.00; sources=none" == mark(())[1]


@given(st.lists(st.text(max_size=400), max_size=30), st.floats(allow_nan=False))
def test_no_name_gets_out_of_it(names: list[str], score: float) -> None:
    """Whatever an article is called: one field, in ASCII, folded, no longer than a thousand characters."""
    raw = _draft(*(_source(name, score) for name in names))
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    [field] = [f for f in head.replace("\r\n ", " ").split("\r\n") if f.lower().startswith("x-supportbot")]
    assert field.startswith("X-SupportBot: draft; confidence=")
    assert len(field) < 1000
    assert all(len(line) <= 120 for line in head.split("\r\n"))
    assert field.count(";") == 2


@pytest.mark.parametrize(
    ("raw", "marked"),
    [
        (b"Subject: a\r\nX-SupportBot: draft\r\n\r\nb", True),
        (b"Subject: a\nx-supportbot : draft\n\nb", True),
        (b"Subject: a\r\nX-SupportBot-Loop: 1\r\n\r\nb", False),
        (b"Subject: a\r\n\r\nX-SupportBot: draft", False),
    ],
)
def test_it_is_found_again(raw: bytes, marked: bool) -> None:
    """In the header of a mail and nowhere else."""
    assert marked is is_marked(raw)
