"""Slack's secrets: a mix-up is found before anything is sent, and no value is shown (rows Y16, Y17)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from supportbot_slack.credentials import (
    AppToken,
    BotToken,
    ClientId,
    ClientSecret,
    SigningSecret,
    check_strength,
)
from supportbot_slack.install_config import OAuth, PublicUrl

SIGNING = "8f742231b10e8888abcd99yyyzzz85a5"


class Secrets(BaseModel):
    bot_token: BotToken | None = None
    app_token: AppToken | None = None
    signing_secret: SigningSecret | None = None
    client_id: ClientId | None = None
    client_secret: ClientSecret | None = None
    public_url: PublicUrl | None = None


def complaint(**given: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        Secrets(**given)
    [error] = refused.value.errors()
    return str(error["msg"]).removeprefix("Value error, ")


@pytest.mark.parametrize(
    "given",
    [
        {"bot_token": "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"},
        {"bot_token": "xoxe.xoxb-1-MS0yLTE3MjM"},
        {"app_token": "xapp-1-A0123456789-1234567890123-0123456789abcdef"},
        {"signing_secret": SIGNING},
        {"client_id": "1234567890.1234567890123"},
        {"client_secret": SIGNING},
        {"public_url": "https://bot.example.com"},
        {"public_url": "https://example.com:8443/bot"},
        {"public_url": "http://localhost:8080"},
    ],
)
def test_the_right_kind_is_taken(given: dict[str, str]) -> None:
    """Rotated bot tokens too, and addresses behind a proxy's path."""
    Secrets(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"bot_token": "xapp-1-A012-123-abcdef"}, "is an app-level token, which belongs to app_token: copy"),
        ({"bot_token": "xoxp-1-2-3-abcdefghijk"}, "is a user token, which the bot does not use: copy"),
        ({"bot_token": "xoxe-1-MS0yLTE3MjM1"}, "is a refresh token or a configuration token"),
        ({"bot_token": "changeme"}, "is not one of its kind: copy the one under OAuth & Permissions"),
        ({"bot_token": "xoxb-12345\n"}, "is cut off, or holds characters that no token has: copy the one"),
        ({"app_token": "xoxb-1234567890"}, "is a bot token, which belongs to bot_token: copy one"),
        ({"app_token": "xapp-a b"}, "is cut off, or holds characters that no token has: copy one"),
        ({"signing_secret": "xoxb-1234567890-abcdefg"}, "is a bot token, which belongs to bot_token"),
        ({"signing_secret": "kurz"}, "is too short, or holds characters"),
        ({"signing_secret": "8f742231b10e8888 abcd99yyyzzz85a5"}, "is too short, or holds characters"),
        ({"client_id": "1234567890"}, "is not a client ID: copy"),
        ({"public_url": "http://bot.example.com"}, "must begin with https://"),
        ({"public_url": "https://bot.example.com//"}, "is not a public address"),
        ({"public_url": "https://bot.example.com/?a=b"}, "is not a public address"),
        ({"public_url": "bot.acme.test"}, "is not a public address"),
        ({"public_url": "https://[bad"}, "is not a public address"),
    ],
)  # fmt: skip
def test_the_wrong_kind_is_named(given: dict[str, str], said: str) -> None:
    """The message says what it is and where the right one is; never the value."""
    message = complaint(**given)
    assert said in message
    [value] = given.values()
    assert value not in message


@pytest.mark.parametrize("team", ["Acme", "t012345", "T", "C0123456"])
def test_teams_are_ids(team: str) -> None:
    """Names are not unique; ids are."""
    with pytest.raises(ValidationError, match="is not a workspace's id"):
        OAuth(client_id="1234.5678", client_secret=SIGNING, teams=(team,))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "secret", ["0123456789abcde", "changemechangemechangeme", "your-signing-secret-here", "a" * 32]
)
def test_a_secret_that_could_be_guessed_is_not_slack_s(secret: str) -> None:
    """Row Y17. A fake Slack may have a short one."""
    with pytest.raises(ValueError, match="is too short, or a placeholder: copy the one under Basic"):
        check_strength(secret)
    check_strength(SIGNING)


@pytest.mark.parametrize("given", [{"bot_token": "xoxb-1"}, {"app_token": "xapp-"}])
def test_a_token_that_was_cut_off_is_said_to_be(given: dict[str, str]) -> None:
    """It is of the right kind: nobody is told to put it where it stands already."""
    said = complaint(**given)
    assert said.startswith("is cut off, or holds characters that no token has: copy")
    assert "belongs to" not in said
