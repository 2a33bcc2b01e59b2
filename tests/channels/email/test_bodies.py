"""Of a mail's parts its text: all that a reader reads, and nothing twice."""

from __future__ import annotations

import pytest

from supportbot_email.bodies import text_of
from supportbot_email.mime import read

PLAIN = "Content-Type: text/plain; charset=utf-8\n\n"
MARKUP = "Content-Type: text/html; charset=utf-8\n\n"
PHOTO = "Content-Type: image/jpeg; name=a.jpg\nContent-Disposition: inline\n\n..."
NAMED = "Content-Type: text/plain; name=a.txt\nContent-Disposition: "


def multipart(kind: str, *parts: str, boundary: str = "b") -> str:
    body = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary={boundary}\n\n{body}--{boundary}--"


CASES = {
    "plain": (PLAIN + "Hello", "Hello"),
    "alternatives": (multipart("alternative", PLAIN + "Hello", MARKUP + "<p>Hello you</p>"), "Hello"),
    "alternatives the other way round": (multipart("alternative", MARKUP + "Hello you", PLAIN + "Hello"), "Hello"),
    "an empty plain one": (multipart("alternative", PLAIN + " ", MARKUP + "<p>Hello</p>"), "Hello"),
    "words around a photo": (multipart("mixed", PLAIN + "Look:", PHOTO, PLAIN + "Broken!"), "Look: Broken!"),
    "HTML around a photo": (multipart("mixed", MARKUP + "Look:", PHOTO, MARKUP + "<b>Broken!</b>"), "Look: Broken!"),
    "a gateway's foot below HTML": (multipart("mixed", MARKUP + "<p>It hums.</p>", PLAIN + "Scanned."), "It hums. Scanned."),
    "both, not called alternatives": (multipart("mixed", PLAIN + "It hums a lot.", MARKUP + "<p>It <i>hums</i> a lot.</p>"), "It hums a lot."),
    "alternatives beside a foot": (
        multipart("mixed", multipart("alternative", PLAIN + "It hums.", MARKUP + "x", boundary="c"), PLAIN + "Foot"),
        "It hums. Foot",
    ),
    "related below alternatives": (
        multipart("alternative", PLAIN, multipart("related", MARKUP + "It hums.", PHOTO, boundary="c")),
        "It hums.",
    ),
    "an attachment beside": (multipart("mixed", PLAIN + "See it.", NAMED + "attachment\n\nlog"), "See it."),
    "a file that is the text": (multipart("mixed", NAMED + "inline\n\nIt hums."), "It hums."),
    "only an attachment": (multipart("mixed", NAMED + "attachment\n\nlog"), ""),
    "enriched": ("Content-Type: text/enriched\n\nIt hums.", "It hums."),
    "a calendar": ("Content-Type: text/calendar\n\nBEGIN:VCALENDAR", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_text(name: str) -> None:
    """What stands one below the other is read together; of alternatives one is."""
    raw, expected = CASES[name]
    text, _ = text_of(read(f"From: a@b.example\n{raw}".encode())[0])
    assert expected.split() == text.split()
