"""What a model reads of a mail, and what an answer quotes of that."""

from __future__ import annotations

import pytest

from supportbot_email.inbound import text_of, to_inbound, without_subject
from supportbot_email.mail import Settings
from supportbot_email.parse import parse
from tests.channels.email.dovecot import mail


@pytest.mark.parametrize(
    ("subject", "fields", "words", "read"),
    [
        ("Cancel order 4711", {}, "Thanks in advance!", "Cancel order 4711\n\nThanks in advance!"),
        ("Do you ship to Oslo?", {}, "", "Do you ship to Oslo?"),
        ("Re: Cancel order 4711", {}, "Done.", "Done."),
        ("AW: Bestellung", {}, "Ja.", "Ja."),
        ("Order", {"In_Reply_To": "<a@b.example>"}, "Done.", "Done."),
        ("Order", {"References": "<a@b.example>"}, "Done.", "Done."),
        ("order 4711", {}, "Where is Order 4711?", "Where is Order 4711?"),
        ("", {}, "Where is it?", "Where is it?"),
    ],
)
def test_the_subject_is_read_where_it_says_something(
    subject: str, fields: dict[str, str], words: str, read: str
) -> None:
    """That of an answer is the older mail's, and what is said twice is read once."""
    asked = parse(mail(words, subject=subject, **fields), settings=Settings())
    assert read == text_of(asked)
    assert read == to_inbound(asked, channel="support", conversation="c").text
    assert (words or subject) == without_subject(read, subject)


def test_its_language_counts() -> None:
    """Below a subject in German, two words may be of any language."""
    asked = parse(mail("4711, Kim", subject="Wo ist denn meine Bestellung?"), settings=Settings())
    assert "de" == to_inbound(asked, channel="support", conversation="c").sender.language
