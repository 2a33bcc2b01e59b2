"""Whose name a line has, and whose link or address."""

from __future__ import annotations

import pytest

from supportbot_email import writers
from supportbot_email.mail import Address

ZOE = Address(name="Müller, Zoë", address="z.mueller@mueller-gartenbau.co.uk")


@pytest.mark.parametrize(
    ("line", "typed", "again"),
    [
        ("Zoe Müller", "", True),
        ("Zoë MULLER", "Zoë", True),
        ("Zoë M. Müller", "Zoë", True),
        ("Zoë", "Zoë", False),
        ("Jo Müller", "Zoë", False),
        ("Zoë White", "Zoë", False),
        ("Zoë Müller White", "Zoë", False),
        ("Zoë Müller S", "Zoë", False),
    ],
)
def test_again(line: str, typed: str, again: bool) -> None:
    """More of the typed name, or all of the one in From, in any order, without accents; and nothing else."""
    assert again == writers.is_again(line, typed, ZOE)


@pytest.mark.parametrize(
    ("line", "typed", "again"),
    [("Kim Lund", "Kim", True), ("Kim", "Kim", False), ("Kim", "", False), ("Lund", "Kim", False)],
)
def test_again_without_a_full_name(line: str, typed: str, again: bool) -> None:
    """Where From has a first name, only what was typed says whose card it is."""
    assert again == writers.is_again(line, typed, Address(name="Kim"))


@pytest.mark.parametrize(
    ("line", "named"), [("Firma Zoë Müller", True), ("Zoë", False), ("Jo Müller", False)]
)
def test_named(line: str, named: bool) -> None:
    """All of the name that From has is somewhere in a text."""
    assert named == writers.is_named(line, ZOE)


def test_a_first_name_is_not_enough() -> None:
    """What many people are called names nobody; in Japanese a word is a name."""
    assert not writers.is_named("Kim", Address(name="Kim"))
    assert writers.is_named("株式会社 田所", Address(name="田所"))


@pytest.mark.parametrize(
    ("link", "own"),
    [
        ("www.mueller-gartenbau.co.uk", True),
        ("https://mueller-gartenbau.co.uk/", True),
        ("<z.mueller@mueller-gartenbau.co.uk>", True),
        ("orders@mueller-gartenbau.co.uk", False),
        ("https://mueller-gartenbau.co.uk/lamp", False),
        ("www.gartenbau.co.uk", False),
        ("zoe@mail.example", False),
    ],
)
def test_own(link: str, own: bool) -> None:
    """The home page and the address that the mail came from; any other may be what the mail is about."""
    assert own == writers.is_own(link, ZOE)


def test_no_domain() -> None:
    """Who has no address has no home page."""
    assert not writers.is_own("www.far.example", Address(name="Kim"))
