"""What Slack's secrets look like, so that a mix-up is found before anything is sent.

Each type says what is wrong and never shows the value. The kinds of tokens:
https://docs.slack.dev/authentication/tokens
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, SecretStr

if TYPE_CHECKING:
    from collections.abc import Callable

_BOT_TOKEN = re.compile(r"(xoxe\.)?xoxb-[A-Za-z0-9-]{4,400}", re.ASCII)
_APP_TOKEN = re.compile(r"xapp-[A-Za-z0-9-]{4,400}", re.ASCII)
_SECRET = re.compile(r"[!-~]{8,200}", re.ASCII)
_SHORTEST = 16
"""Characters; Slack's own have 32."""
_CLIENT_ID = re.compile(r"\d{3,30}\.\d{3,30}", re.ASCII)
_FILLERS = re.compile(
    r"(change|replace)[_-]?me|placeholder|your[_-]|my[_-]?secret|password|x{8}", re.IGNORECASE
)

_KINDS = {
    "xoxb-": "is a bot token, which belongs to bot_token",
    "xoxe.xoxb-": "is a bot token, which belongs to bot_token",
    "xapp-": "is an app-level token, which belongs to app_token",
    "xoxp-": "is a user token, which the bot does not use",
    "xoxe.xoxp-": "is a user token, which the bot does not use",
    "xoxe-": "is a refresh token or a configuration token, which the bot does not use",
    "xoxc-": "is a browser's token, which the bot does not use",
}
_WHERE_BOT = "copy the one under OAuth & Permissions, Bot User OAuth Token (xoxb-…)"
_WHERE_APP = "copy one under Basic Information, App-Level Tokens (xapp-…), with the scope connections:write"
_WHERE_SIGNING = "copy the one under Basic Information, App Credentials, Signing Secret"
_WHERE_CLIENT = "copy the one under Basic Information, App Credentials, Client Secret"


def _token(pattern: re.Pattern[str], own: tuple[str, ...], where: str) -> Callable[[SecretStr], SecretStr]:
    def check(secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value()
        if pattern.fullmatch(value):
            return secret
        if value.startswith(own):
            raise ValueError(f"is cut off, or holds characters that no token has: {where}")
        raise ValueError(f"{_kind(value) or 'is not one of its kind'}: {where}")

    return check


def _shared(where: str) -> Callable[[SecretStr], SecretStr]:
    """Hold a secret that Slack shares with the app to what is no token; a fake Slack's may be short."""

    def check(secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value()
        if kind := _kind(value):
            raise ValueError(f"{kind}: {where}")
        if not _SECRET.fullmatch(value):
            raise ValueError(f"is too short, or holds characters that no secret has: {where}")
        return secret

    return check


def check_strength(signing_secret: str) -> None:
    """Refuse a signing secret that Slack itself never gave out: it could be guessed.

    Raises:
        ValueError: it is short, a placeholder, or hardly more than one character.
    """
    if len(signing_secret) < _SHORTEST or _FILLERS.search(signing_secret) or len(set(signing_secret)) < 6:
        raise ValueError(f"the signing secret is too short, or a placeholder: {_WHERE_SIGNING}")


def _kind(value: str) -> str:
    """Return what a token is, when it is a token of another kind."""
    return next((kind for prefix, kind in _KINDS.items() if value.startswith(prefix)), "")


def _client_id(value: str) -> str:
    if not _CLIENT_ID.fullmatch(value):
        raise ValueError(
            "is not a client ID: copy the one under Basic Information, App Credentials; it is two numbers "
            "with a dot between them, in quotes"
        )
    return value


BotToken = Annotated[SecretStr, AfterValidator(_token(_BOT_TOKEN, ("xoxb-", "xoxe.xoxb-"), _WHERE_BOT))]
"""What the bot acts with in one workspace: ``xoxb-…``."""

AppToken = Annotated[SecretStr, AfterValidator(_token(_APP_TOKEN, ("xapp-",), _WHERE_APP))]
"""What opens Socket Mode connections: ``xapp-…``."""

SigningSecret = Annotated[SecretStr, AfterValidator(_shared(_WHERE_SIGNING))]
"""What Slack signs its requests with."""

ClientSecret = Annotated[SecretStr, AfterValidator(_shared(_WHERE_CLIENT))]
"""What the app proves itself with when it is installed."""

ClientId = Annotated[str, AfterValidator(_client_id)]
"""The app's public name towards Slack's OAuth."""
