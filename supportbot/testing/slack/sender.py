"""Sends to the bot, over HTTP: signed as Slack signs, or not.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the bot answered. An acknowledgement over Socket Mode counts as 200, none in time as 0."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)
    """What was sent."""


def signed(body: bytes, secret: str, *, at: float | None = None) -> dict[str, str]:
    """Return the headers by which the bot knows that a body comes from Slack. ``at`` is in Unix seconds."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


async def send(http: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]) -> Delivery:
    """Post a body, and return the answer."""
    async with http.post(url, data=body, headers=headers, allow_redirects=False) as response:
        return Delivery(response.status, await response.text(errors="replace"), dict(response.headers))
