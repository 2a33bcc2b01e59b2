"""What Slack sends to an app: event envelopes, and the payloads of buttons, commands, shortcuts and views."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from supportbot.testing.slack.store import Message
    from supportbot.testing.slack.workspace import Conversation, Workspace

Json = dict[str, Any]


def envelope(workspace: Workspace, event: Json, **more: Any) -> Json:
    """Wrap an event as the Events API does, with an ``event_id`` of its own."""
    authorization = {
        "enterprise_id": workspace.enterprise_id,
        "team_id": workspace.id,
        "user_id": workspace.bot_user,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": "verification-token",
        "team_id": workspace.id,
        "context_team_id": workspace.id,
        "context_enterprise_id": workspace.enterprise_id,
        "api_app_id": workspace.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": "Ev" + secrets.token_hex(5).upper(),
        "event_time": int(time.time()),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
        "event_context": "4-" + secrets.token_hex(12),
        **more,
    }


def message_event(workspace: Workspace, found: Conversation, message: Message, **more: Any) -> Json:
    """Return the ``message`` event of what a person wrote."""
    event: Json = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "client_msg_id": f"00000000-0000-4000-8000-{message.ts.replace('.', '')[-12:]}",
        "text": message.text,
        "team": workspace.id,
        "channel": found.id,
        "channel_type": found.kind,
        "event_ts": message.ts,
    }
    if message.thread_ts:
        event["thread_ts"] = message.thread_ts
    if message.files:
        event |= {"files": message.files, "subtype": "file_share"}
    return event | more


def mention_event(event: Json) -> Json:
    """Return the ``app_mention`` twin of a message: the same ``ts``, without a ``channel_type``."""
    return {**{k: v for k, v in event.items() if k not in {"channel_type", "subtype"}}, "type": "app_mention"}


def interaction(workspace: Workspace, kind: str, user: str, **more: Any) -> Json:
    """Return what all interactive payloads begin with."""
    return {
        "type": kind,
        "team": {"id": workspace.id, "domain": "fake"},
        "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": workspace.id},
        "api_app_id": workspace.app_id,
        "token": "verification-token",
        "trigger_id": secrets.token_hex(8),
        "enterprise": None,
        "is_enterprise_install": False,
        **more,
    }


def command_form(
    workspace: Workspace, *, channel: str, user: str, command: str, text: str, url: str
) -> dict[str, str]:
    """Return the form of a slash command."""
    return {
        "token": "verification-token",
        "team_id": workspace.id,
        "team_domain": "fake",
        "channel_id": channel,
        "channel_name": channel.lower(),
        "user_id": user,
        "user_name": user.lower(),
        "command": command,
        "text": text,
        "api_app_id": workspace.app_id,
        "is_enterprise_install": "false",
        "response_url": url,
        "trigger_id": secrets.token_hex(8),
    }
