"""slack_sdk's client, for what is rare: installing, refreshing, checking."""

from __future__ import annotations

import logging

from slack_sdk.web.async_client import AsyncWebClient

_TIMEOUT = 10
"""Seconds for one call."""


def web_client(api_url: str, token: str | None = None) -> AsyncWebClient:
    """Return a client that tries once.

    Its own logger would write the fields of every call at DEBUG, refresh tokens among them, and at the level
    that a new logger has it prepares those lines even when nobody reads them.
    """
    quiet = logging.getLogger("supportbot_slack.sdk")
    quiet.setLevel(logging.WARNING)
    return AsyncWebClient(token, base_url=api_url, timeout=_TIMEOUT, retry_handlers=[], logger=quiet)
