"""What stands below "-- ": a signature, unless the customer adds something to it."""

from __future__ import annotations

import pytest

from supportbot_email import quotes

LETTER = "Two seats, please.\n\nKim\n\n"
SIGNATURE = "-- \nKim Berg\nLamp House\nTel. +49 30 5550100\n"


@pytest.mark.parametrize(
    "added",
    [
        "New address: Lamp House, 12 New Road, Leeds",
        "His login for the second seat: dev-owen@lamps.example",
        "Order number: 4711",
        "Neue Adresse: Hauptstr. 5, 10115 Berlin",
        "Für die zweite Lizenz: owen@lampen.example",
        "Commande n° : 4711",
        "PS: the blue one",
    ],
)
def test_what_is_added_below_a_signature_is_read(added: str) -> None:
    """In a paragraph of its own, with what it is for: no program adds that."""
    assert LETTER == _read(LETTER + SIGNATURE)
    assert added in _read(f"{LETTER}{SIGNATURE}\n{added}\n")


@pytest.mark.parametrize(
    "foot", ["Follow us: https://social.example/lamps", "Geschäftsführer: Ann Berg", "Lamps since 1911"]
)
def test_a_signatures_own_foot_is_its_own(foot: str) -> None:
    """What a firm sets below its address."""
    assert LETTER == _read(f"{LETTER}{SIGNATURE}\n{foot}\n")


def _read(text: str) -> str:
    return "".join(span.text for span in quotes.split(text) if span.kind == "reply")
