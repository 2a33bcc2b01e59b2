"""Our sample: mails as servers and programs write them, each with what it should be read as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from supportbot_email.mail import Mail, Settings
from supportbot_email.parse import parse

HERE = Path(__file__).parent
EXPECTED: dict[str, dict[str, Any]] = json.loads((HERE / "mails.json").read_text("utf-8"))
SETTINGS = Settings(
    own_addresses=("help@shop.example",), own_domain="shop.example", authserv_id="mx.shop.example"
)


def read(name: str) -> Mail:
    return parse((HERE / "mails" / name).read_bytes(), settings=SETTINGS)


@pytest.mark.parametrize("name", EXPECTED)
def test_kind(name: str) -> None:
    """Each is what it is, by a rule with a name."""
    mail = read(name)
    assert (EXPECTED[name]["kind"], "") == (mail.kind, mail.problem), mail.rule
    assert ("none" == mail.rule) == ("human" == mail.kind)


@pytest.mark.parametrize("name", [name for name, one in EXPECTED.items() if "reply" in one])
def test_reply(name: str) -> None:
    """The model reads what the customer wrote, and the spans are the text."""
    mail = read(name)
    assert EXPECTED[name]["reply"].split() == mail.reply.split()
    assert mail.text == "".join(span.text for span in mail.spans)


@pytest.mark.parametrize("name", [name for name, one in EXPECTED.items() if "signature" in one])
def test_signature(name: str) -> None:
    """A signature is one by its dashes, or because it is clear: a name, a role, a number below a closing."""
    signed = "".join(span.text for span in read(name).spans if span.kind == "signature")
    assert EXPECTED[name]["signature"] in signed


@pytest.mark.parametrize("name", [name for name, one in EXPECTED.items() if "reported" in one])
def test_reported(name: str) -> None:
    """A bounce names the mail it is about."""
    assert EXPECTED[name]["reported"] == read(name).reported_message_id


def test_the_sample_is_whole() -> None:
    """Every mail of the folder is expected to be something."""
    assert set(EXPECTED) == {path.name for path in (HERE / "mails").iterdir()}
