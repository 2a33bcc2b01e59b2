"""What Slack sends, taken apart without trust: any key may be missing, any value of any type.

https://docs.slack.dev/apis/events-api/#callback-field
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_TS = re.compile(r"[0-9]{1,12}\.[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Ignored:
    """Acknowledged, and that is all. ``reason`` is a word of ours, for the metrics."""

    reason: str


MALFORMED = Ignored("malformed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One ``event_callback``: the event, and the envelope's word on whose it is."""

    id: str
    team: str
    """The workspace that it is for."""
    enterprise: str
    app: str
    bot_user: str
    """Our own user there; empty when the envelope does not say."""
    shared: bool | None
    """It is from a channel that several organisations share; None when the envelope does not say."""
    type: str
    body: Mapping[str, Any]


def text_at(body: object, *path: str) -> str:
    """Return the text at a path of keys; empty when there is none."""
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body if isinstance(body, str) else ""


def id_at(body: object, *path: str) -> str:
    """Return the id at a path of keys; empty when there is none, or something else."""
    found = text_at(body, *path)
    return found if _ID.fullmatch(found) else ""


def ts_at(body: object, *path: str) -> str:
    """Return the timestamp at a path of keys, Slack's name of a message; empty when there is none."""
    found = text_at(body, *path)
    return found if _TS.fullmatch(found) else ""


def event_of(payload: object) -> Event | Ignored:
    """Read the body of an events request, or the payload of a Socket Mode envelope."""
    if not isinstance(payload, dict):
        return MALFORMED
    if payload.get("type") == "app_rate_limited":
        return Ignored("rate_limited_by_slack")
    if payload.get("type") != "event_callback":
        return Ignored("unknown_type")
    body = payload.get("event")
    for_bot = _authorization(payload)
    identity, kind = id_at(payload, "event_id"), text_at(body, "type")
    enterprise = id_at(for_bot, "enterprise_id") or id_at(payload, "enterprise_id")
    team = (  # where a whole organisation installed the app, all of them may be null
        id_at(for_bot, "team_id")
        or id_at(payload, "team_id")
        or id_at(payload, "context_team_id")
        or enterprise
    )
    if not identity or not team or not kind or not isinstance(body, dict):
        return MALFORMED
    return Event(
        id=identity,
        team=team,
        enterprise=enterprise,
        app=id_at(payload, "api_app_id"),
        bot_user=id_at(for_bot, "user_id")
        if isinstance(for_bot, dict) and for_bot.get("is_bot") is True
        else "",
        shared=is_shared if isinstance(is_shared := payload.get("is_ext_shared_channel"), bool) else None,
        type=kind,
        body=body,
    )


def _authorization(payload: Mapping[str, Any]) -> object:
    """Return the installation that an event is for; Slack names one of those it is visible to."""
    match payload.get("authorizations"):
        case [dict() as first, *_]:
            return first
    return None
