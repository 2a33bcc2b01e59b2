"""What is wrong with a request is said in words of ours."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from supportbot_webhook.inbound import ProgramMessage, Survey
from supportbot_webhook.misfits import first_problem

FINE: dict[str, Any] = {"conversation": "order-1", "sender": {"id": "c-1"}, "text": "hello"}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"conversation": "\x00"}, "conversation: must be 1 to 200 characters"),
        ({"sender": {"id": "c-1", "email": "anna"}}, "sender.email: must be an e-mail address, such as"),
        ({"sender": 7}, "sender: must be an object"),
        ({"text": 7}, "text: must be text"),
        ({"text": ""}, "text: must not be empty"),
        ({"attachments": [{"name": "a"}] * 21}, "attachments: may have 20 entries at most"),
        ({"attachments": [{"name": "a", "size": -1}]}, "attachments.0.size: must be 0 at least"),
        ({"attachments": [{"name": "a", "url": "x y"}]}, "attachments.0.url: must be an address in ASCII"),
        ({"wants_person": "yes"}, "wants_person: must be true or false"),
        ({"author": "bot"}, "author: must be 'customer' or 'person'"),
        ({"callback_url": "x" * 2001}, "callback_url: may have 2000 characters at most"),
        ({"sender": {"id": "c", "name": "x" * 201}}, "sender.name: may have 200 characters at most"),
        ({"colour": 1}, "colour: is not known here"),
    ],
)
def test_a_misfit_is_told_in_our_words(changed: dict[str, Any], says: str) -> None:
    """No pattern, and no word of pydantic's."""
    with pytest.raises(ValidationError) as raised:
        ProgramMessage.model_validate(FINE | changed)
    assert first_problem(raised.value).startswith(says)


def test_words_about_a_chat_are_counted_in_characters() -> None:
    """They are no list of entries."""
    with pytest.raises(ValidationError) as raised:
        Survey.model_validate({"score": 5, "comment": "x" * 1001})
    assert "comment: may have 1000 characters at most" == first_problem(raised.value)


def test_what_is_missing_is_named() -> None:
    """And nothing else."""
    with pytest.raises(ValidationError) as raised:
        ProgramMessage.model_validate({key: FINE[key] for key in ("sender", "text")})
    assert "conversation: is missing" == first_problem(raised.value)
