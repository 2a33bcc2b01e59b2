"""From a request's JSON to an Inbound, with recorded payloads and no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from supportbot import strictjson
from supportbot.messages import Attachment, Inbound, Sender
from supportbot_webhook.inbound import (
    NewSession,
    ProgramMessage,
    VisitorMessage,
    from_program,
    from_visitor,
    given_id,
)
from supportbot_webhook.sessions import Session

PAYLOADS = Path(__file__).parent / "payloads"
SESSION = Session(visitor_id="visitor_1", conversation="chat_1", expires_at=0)


def payload(name: str) -> Any:
    return strictjson.parse((PAYLOADS / name).read_bytes())


def translated(name: str, callback_url: str | None = None) -> Inbound:
    body = ProgramMessage.model_validate(payload(name))
    return from_program("web", body, webhook_id="evt_1", sent_at=1000, callback_url=callback_url)


def test_everything_a_program_can_say() -> None:
    """Every field has its place."""
    assert translated("program_full.json", "https://hooks.example.com/supportbot") == Inbound(
        channel="web",
        conversation="zendesk:35436",
        sender=Sender(id="cust-7", name="Ada Lovelace", email="ada@example.com", assurance="verified"),
        text="Where is my order?\nIt was number 1042.",
        keys=("webhook:evt_1",),
        attachments=(
            Attachment(
                name="receipt.pdf",
                content_type="application/pdf",
                size=48211,
                url="https://files.example.com/r",
            ),
            Attachment(name="../../x.svg", content_type="application/octet-stream", size=0),
        ),
        sent_at=1000,
        address={"callback_url": "https://hooks.example.com/supportbot"},
        wants_person=True,
    )


def test_the_least_a_program_can_say() -> None:
    """Three fields are enough."""
    assert translated("program_smallest.json") == Inbound(
        channel="web",
        conversation="1",
        sender=Sender(id="2", assurance="verified"),
        text="Hi",
        keys=("webhook:evt_1",),
        sent_at=1000,
    )


def test_a_person_of_the_team() -> None:
    """Their message is theirs."""
    assert "person" == translated("program_person.json").author


def test_strange_text_is_only_text() -> None:
    """W17, S44, S46: NUL and half pairs are replaced, everything else is literal, but no name has them."""
    inbound = translated("program_strange_text.json")
    assert "{{7*7}} ${HOME} %s \ufffd \ufffd \u202e \ufdfd \U0001f600" == inbound.text
    assert "Bobby'); DROP TABLE messages;--" == inbound.sender.name


def test_a_visitors_message() -> None:
    """Everything about the visitor comes from the session."""
    body = VisitorMessage.model_validate(payload("visitor_message.json"))
    assert from_visitor("web", body, SESSION) == Inbound(
        channel="web",
        conversation="chat_1",
        sender=Sender(id="visitor_1"),
        text="Where is my order?",
        keys=("visitor:visitor_1:c-1_A",),
    )


@pytest.mark.parametrize("name", ["slack_event.json", "standard_webhooks_event.json", "visitor_message.json"])
def test_what_is_meant_for_others_is_refused(name: str) -> None:
    """Unknown fields are errors: a wrong address should be noticed on the first day."""
    with pytest.raises(ValidationError):
        ProgramMessage.model_validate(payload(name))


@pytest.mark.parametrize(
    "change",
    [
        {"conversation": ""},
        {"conversation": "x" * 201},
        {"conversation": "a\x00b"},
        {"conversation": "a\nb"},
        {"conversation": 1},
        {"conversation": None},
        {"sender": {}},
        {"sender": {"id": ""}},
        {"sender": {"id": 7}},
        {"sender": "cust-7"},
        {"sender": {"id": "x", "email": "no address"}},
        {"sender": {"id": "x", "email": "a@b\r\nBcc: c@d"}},
        {"sender": {"id": "x", "name": "x" * 201}},
        {"sender": {"id": "x", "assurance": "verified"}},
        {"text": None},
        {"text": ""},
        {"text": " \t\r\n\u00a0\u2003"},
        {"text": 5},
        {"text": ["a"]},
        {"author": "bot"},
        {"author": "system"},
        {"callback_url": 1},
        {"attachments": {}},
        {"attachments": [{"name": "x"}] * 21},
        {"attachments": [{"name": "x", "size": -1}]},
        {"attachments": [{"name": "x", "content_type": "a\r\nb"}]},
        {"attachments": [{"name": "x", "url": "a b"}]},
        {"wants_person": "yes"},
        {"wants_person": 1},
        {"tenant": "other"},
    ],
)
def test_what_a_program_cannot_say(change: dict[str, Any]) -> None:
    """W16 and its kin: refused before anything is made of it."""
    with pytest.raises(ValidationError):
        ProgramMessage.model_validate(payload("program_smallest.json") | change)


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": ""},
        {"client_id": "x" * 65},
        {"client_id": "a b"},
        {"client_id": "a:b"},
        {"client_id": "a\n"},
        {"client_id": "é"},
        {"client_id": 1},
        {"text": "   "},
    ],
)
def test_what_a_visitor_cannot_say(change: dict[str, Any]) -> None:
    """W16 and its kin: refused before anything is made of it."""
    with pytest.raises(ValidationError):
        VisitorMessage.model_validate(payload("visitor_message.json") | change)


def test_a_visitor_cannot_speak_elsewhere_or_as_another() -> None:
    """What a program may say of a message is passed over where a visitor says it."""
    known = payload("visitor_message.json")
    taken = VisitorMessage.model_validate(
        known | {"conversation": "chat_2", "author": "person", "sender": {"id": "alice"}}
    )
    assert VisitorMessage.model_validate(known) == taken
    assert from_visitor("web", VisitorMessage.model_validate(known), SESSION) == from_visitor(
        "web", taken, SESSION
    )


def test_a_visitor_cannot_make_themselves_someone() -> None:
    """W07: ids in an introduction mean nothing."""
    assert NewSession(name="Ada") == NewSession.model_validate({"name": "Ada", "id": "alice"})


@pytest.mark.parametrize(
    ("key", "expected"),
    [("webhook:evt:1", "evt:1"), ("visitor:visitor_1:c-1", "c-1"), ("", ""), ("slack:Ev1", "")],
)
def test_the_senders_own_id_of_a_message(key: str, expected: str) -> None:
    """What was made a key is given back as it came."""
    assert expected == given_id(key)
