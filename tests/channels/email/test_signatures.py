"""Where a signature begins, and that what only looks like one stays the customer's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbot_email.signatures import begin

LETTER = "We need 40 lamps."
BLOCK = ("Ann Lee", "Head of Purchasing", "Acme Ltd", "T: +44 20 7946 0000")
CLOSINGS = [
    "Best regards,",
    "Mit freundlichen Grüßen",
    "Cordialement,",
    "Saludos cordiales,",
    "Com os melhores cumprimentos,",
    "Cordiali saluti",
    "Met vriendelijke groet,",
    "Z poważaniem",
    "С уважением,",
    "祝好",
    "よろしくお願いいたします。",
]
KEPT = {
    "no number": ("Best regards,", "Ann Lee", "Head of Purchasing", "Acme Ltd"),
    "two lines": ("Best regards,", "Ann Lee", "T: +44 20 7946 0000"),
    "a private address": ("Best regards,", "Ann Lee", "4 Mill Road", "T: +44 20 7946 0000"),
    "a postscript": ("Best regards,", *BLOCK, "PS: in white"),
    "a question": ("Best regards,", *BLOCK, "In white?"),
    "an order's number": ("Best regards,", *BLOCK, "Order 5521"),
    "no closing": BLOCK,
    "a sentence": ("Best regards,", *BLOCK, "and by the way they should be white"),
}


@pytest.mark.parametrize("closing", CLOSINGS)
def test_clear(closing: str) -> None:
    """Below a closing a name, a role, a firm, a number: the closing is the letter's."""
    assert 3 == begin([LETTER, "", closing, *BLOCK])


@pytest.mark.parametrize("name", KEPT)
def test_unsure(name: str) -> None:
    """What may be meant for the reader is kept."""
    lines = [LETTER, "", *KEPT[name]]
    assert len(lines) == begin(lines)


@pytest.mark.parametrize(
    "letter",
    ["Please call me.", "Bitte an die Adresse unten.", "Mon numéro a changé.", "下記へ送ってください。"],
)
def test_spoken_of(letter: str) -> None:
    """An address or a number that the letter speaks of is part of it."""
    lines = [letter, "", "Best regards,", *BLOCK]
    assert len(lines) == begin(lines)


def test_nothing_above() -> None:
    """A card without a letter is all there is."""
    assert 5 == begin(["Best regards,", *BLOCK])


@given(
    st.lists(
        st.sampled_from(["", "-- ", "Best regards,", "Hello", "Sent from my iPhone", *BLOCK]), max_size=12
    )
)
def test_in_range(lines: list[str]) -> None:
    """It begins at a line, or behind the last one."""
    assert 0 <= begin(lines) <= len(lines)
