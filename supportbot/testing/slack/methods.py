"""The Web API's methods by name, and the scope each needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from supportbot.testing.slack import app_methods, chat, conversations, streams
from supportbot.testing.slack.calls import Call, Caller
from supportbot.testing.slack.world import World

Method = Callable[[World, Caller, Call], dict[str, Any]]

_READ = ("channels:read", "groups:read", "im:read", "mpim:read")

METHODS: dict[str, tuple[Method, tuple[str, ...]]] = {
    "assistant.threads.setStatus": (app_methods.set_status, ("assistant:write", "chat:write")),
    "assistant.threads.setSuggestedPrompts": (app_methods.set_suggested_prompts, ("assistant:write",)),
    "assistant.threads.setTitle": (app_methods.set_title, ("assistant:write",)),
    "auth.revoke": (app_methods.auth_revoke, ()),
    "auth.test": (app_methods.auth_test, ()),
    "bots.info": (app_methods.bots_info, ("users:read",)),
    "chat.appendStream": (streams.append_stream, ("chat:write",)),
    "chat.delete": (chat.delete, ("chat:write",)),
    "chat.getPermalink": (chat.permalink, ()),
    "chat.postEphemeral": (chat.post_ephemeral, ("chat:write",)),
    "chat.postMessage": (chat.post_message, ("chat:write",)),
    "chat.startStream": (streams.start_stream, ("chat:write",)),
    "chat.stopStream": (streams.stop_stream, ("chat:write",)),
    "chat.update": (chat.update, ("chat:write",)),
    "conversations.history": (conversations.history, ()),
    "conversations.info": (conversations.info, _READ),
    "conversations.list": (conversations.listed, _READ),
    "conversations.members": (conversations.members, _READ),
    "conversations.open": (conversations.open_direct, ("im:write",)),
    "conversations.replies": (conversations.replies, ()),
    "files.info": (app_methods.files_info, ("files:read",)),
    "users.conversations": (conversations.listed, _READ),
    "users.info": (app_methods.users_info, ("users:read",)),
    "views.open": (app_methods.open_view, ()),
    "views.publish": (app_methods.publish_view, ()),
}
"""One of the scopes is enough; the history methods ask for the scope of the channel's kind themselves."""
