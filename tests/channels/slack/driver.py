"""Events as Slack sends them, signed as Slack signs them."""

from __future__ import annotations

import hmac
import json
import time
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.channels.slack.workspace import APP, BOT_USER, EPOCH, TEAM, TOKEN

if TYPE_CHECKING:
    from tests.channels.slack.workspace import FakeSlack

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
_numbers = count(1)


def section(slack: FakeSlack, **more: Any) -> dict[str, Any]:
    """Return a channel's section of bot.yaml."""
    return {"bot_token": TOKEN, "signing_secret": SECRET, "api_url": slack.url} | more


def signed(body: bytes | str, *, secret: str = SECRET, timestamp: str = "") -> dict[str, str]:
    """Return the headers that Slack signs a body with."""
    body = body.encode() if isinstance(body, str) else body
    timestamp = timestamp or str(int(time.time()))
    mac = hmac.new(secret.encode(), b"v0:%b:%b" % (timestamp.encode(), body), sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={mac}"}


def ts(number: int) -> str:
    """Return a message's timestamp, well before everything that the fake posts."""
    return f"{EPOCH - 1_000_000 + number}.000100"


def event(body: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """Return an event with its envelope."""
    return {
        "token": "deprecated",
        "team_id": TEAM,
        "api_app_id": APP,
        "type": "event_callback",
        "event_id": f"Ev{next(_numbers):06}",
        "event_time": 1_700_000_000,
        "authorizations": [{"team_id": TEAM, "user_id": BOT_USER, "is_bot": True, "enterprise_id": None}],
        "is_ext_shared_channel": False,
        "event": body,
    } | envelope


def direct(text: str = "Where is my parcel?", *, number: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a direct message."""
    at = ts(number or next(_numbers))
    body = {"type": "message", "channel_type": "im", "channel": "D1", "user": "U1", "text": text, "ts": at}
    return event(body | fields)


def mention(text: str = "Where is my parcel?", *, number: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a mention in a channel."""
    at = ts(number or next(_numbers))
    words = f"<@{BOT_USER}> {text}"
    return event(
        {"type": "app_mention", "channel": "C1", "user": "U1", "text": words, "ts": at, "team": TEAM} | fields
    )


def twin(mentioned: dict[str, Any]) -> dict[str, Any]:
    """Return the ``message`` that Slack sends beside a mention."""
    return event(mentioned["event"] | {"type": "message", "channel_type": "channel"})


async def post(http: Any, url: str, payload: Any, **headers: str) -> int:
    """Send an event as Slack does; returns the answer's status."""
    body = payload if isinstance(payload, bytes | str) else json.dumps(payload)
    async with http.post(
        url, data=body, headers=signed(body) | {"Content-Type": "application/json"} | headers
    ) as response:
        return int(response.status)
