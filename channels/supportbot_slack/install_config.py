"""The part of the Slack channel's section of bot.yaml that lets several workspaces install the app."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from supportbot_slack.credentials import ClientId, ClientSecret  # noqa: TC001 - pydantic's

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def check_public_url(url: str) -> str:
    """Hold the address that Slack reaches the bot at to https; return it without a slash at its end.

    Raises:
        ValueError: it is none; the message says what to write.
    """
    url = url.removesuffix("/")
    try:
        parts = urlsplit(url)
        fits = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits or re.search(r"[\s\\?#@<>\"']", url) or parts.path.endswith("/"):
        raise ValueError("is not a public address: write it as https://bot.example.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        raise ValueError("must begin with https://, which Slack asks for (http:// is for localhost only)")
    return url


def _team(value: str) -> str:
    if not re.fullmatch(r"[TE][A-Z0-9]{2,30}", value):
        raise ValueError(
            "is not a workspace's id: it begins with T, an organisation's with E, as in T012AB3C4"
        )
    return value


PublicUrl = Annotated[str, AfterValidator(check_public_url)]
"""Where Slack, and a person's browser, reach the bot from outside."""

TeamId = Annotated[str, AfterValidator(_team)]
"""A workspace, or a whole organisation."""


class OAuth(BaseModel):
    """How workspaces install the app by themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    client_id: ClientId = Field(description="The app's client ID: two numbers with a dot between, in quotes.")
    client_secret: ClientSecret = Field(description="The app's client secret, given as ${NAME}.")
    teams: tuple[TeamId, ...] = Field(
        (),
        strict=False,
        description="The workspaces and organisations that may install it, by id; all when left out.",
    )
