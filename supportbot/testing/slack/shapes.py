"""How the fake Slack writes messages and conversations in its JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from supportbot.testing.slack.store import Message
    from supportbot.testing.slack.workspace import Conversation, Workspace


def message_json(workspace: Workspace, message: Message, *, metadata: bool = True) -> dict[str, Any]:
    """Return a message as ``conversations.replies`` and ``chat.postMessage`` show it."""
    shown: dict[str, Any] = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": workspace.id,
    }
    if message.bot_id:
        shown |= {
            "bot_id": message.bot_id,
            "app_id": workspace.app_id,
            "bot_profile": _bot_profile(workspace),
        }
    if message.thread_ts:
        shown["thread_ts"] = message.thread_ts
    if message.edited_ts:
        shown["edited"] = {"user": message.user, "ts": message.edited_ts}
    if message.metadata and metadata:
        shown["metadata"] = message.metadata
    if message.streaming_since is not None:
        shown["streaming_state"] = "in_progress"
    shown |= {key: value for key in ("blocks", "files") if (value := getattr(message, key))}
    return shown


def archived_json(found: Conversation) -> dict[str, Any]:
    """Return what stands last in an archived conversation: that somebody archived it."""
    subtype = "channel_archive" if found.kind == "channel" else "group_archive"
    text = "archived the channel"
    return {"type": "message", "subtype": subtype, "user": "U0ADMIN", "text": text, "ts": "4102444800.000000"}


def conversation_json(workspace: Workspace, found: Conversation) -> dict[str, Any]:
    """Return a conversation as ``conversations.info`` shows it."""
    shown: dict[str, Any] = {
        "id": found.id,
        "created": 1_735_718_400,
        "is_channel": found.kind == "channel",
        "is_group": found.kind == "group",
        "is_im": found.kind == "im",
        "is_mpim": found.kind == "mpim",
        "is_private": found.kind != "channel",
        "is_archived": found.archived,
        "is_ext_shared": found.shared,
        "is_shared": found.shared,
        "context_team_id": workspace.id,
    }
    if found.kind == "im":
        others = sorted(found.members - {workspace.bot_user})
        return shown | {"user": others[0] if others else ""}
    member = workspace.bot_user in found.members
    return shown | {"name": found.name, "is_member": member, "num_members": len(found.members)}


def _bot_profile(workspace: Workspace) -> dict[str, Any]:
    return {"id": workspace.bot_id, "app_id": workspace.app_id, "name": "supportbot", "team_id": workspace.id}
