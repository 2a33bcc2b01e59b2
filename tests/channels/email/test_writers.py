"""Whose name a line has, and whose firm's."""

from __future__ import annotations

import pytest

from supportbot_email import writers
from supportbot_email.mail import Address

ZOE = Address(name="Müller, Zoë", address="z.mueller@mueller-gartenbau.co.uk")


@pytest.mark.parametrize(
    ("line", "named"),
    [("Zoe Müller MSc", True), ("Dr. Zoë MULLER", True), ("Zoë", False), ("Jo Müller", False)],
)
def test_named(line: str, named: bool) -> None:
    """The name of From in any order, with titles and without accents; a part of it is not enough."""
    assert named == writers.is_named(line, ZOE)


def test_a_first_name_is_not_enough() -> None:
    """What many people are called names nobody; in Japanese a word is a name."""
    assert not writers.is_named("Kim", Address(name="Kim"))
    assert writers.is_named("株式会社 田所", Address(name="田所"))


@pytest.mark.parametrize(
    ("line", "address", "own"),
    [
        ("Gartenbau Nord", ZOE.address, True),
        ("Müller", ZOE.address, False),  # their name, not their firm's
        ("Lamp Systems", ZOE.address, False),
        ("Far Ltd", "kim@far.example", True),
        ("Web Ltd", "kim@web.de", False),
        ("Gmail Ltd", "kim@gmail.com", False),
        ("Far Ltd", "", False),
    ],
)
def test_domain(line: str, address: str, own: bool) -> None:
    """A word of the domain is the firm's, unless it is the writer's name or a provider's domain."""
    assert own == writers.is_of_domain(line, Address(name=ZOE.name, address=address))


@pytest.mark.parametrize(
    ("line", "own"),
    [
        ("www.mueller-gartenbau.co.uk", True),
        ("Book a call: https://mueller-gartenbau.co.uk/zoe", True),
        ("<z@mueller-gartenbau.co.uk>", True),
        ("no link", True),
        ("zoe@mail.example", False),
        ("https://mueller-gartenbau.co.uk/lamp-4711.jpg", False),
        ("www.mueller-gartenbau.co.uk, www.other.example", False),
    ],
)
def test_links(line: str, own: bool) -> None:
    """A home page, or an address there; a picture or another address may be what the mail is about."""
    assert own == writers.links_are_own(line, ZOE)
