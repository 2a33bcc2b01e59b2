"""Workspaces of the fake Slack: who is in them, where people write, and which tokens open them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

BOT_SCOPES = [
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "mpim:history",
    "mpim:read",
    "users:read",
]
"""What a bot token may do unless a test says otherwise."""

Kind = Literal["channel", "group", "mpim", "im"]
"""Public channel, private channel, group message, direct message: also the ``channel_type`` of an event."""

_KINDS: dict[str, Kind] = {"C": "channel", "G": "group", "D": "im"}


@dataclass(slots=True)
class Token:
    """A bot token, and until when it is good (Unix seconds; None: for ever)."""

    value: str
    scopes: list[str]
    expires_at: float | None = None
    revoked: bool = False


@dataclass(slots=True)
class Conversation:
    """A channel, a private one, or a direct message."""

    id: str
    kind: Kind
    name: str
    members: set[str] = field(default_factory=set)
    archived: bool = False
    shared: bool = False
    """With another organisation, by Slack Connect."""
    assistant_threads: set[str] = field(default_factory=set)
    """The threads of the assistant pane."""


@dataclass(slots=True)
class Workspace:
    """A workspace (a team, in Slack's API) with the app installed."""

    id: str
    name: str
    app_id: str
    bot_user: str
    bot_id: str
    scopes: list[str] = field(default_factory=lambda: list(BOT_SCOPES))
    enterprise_id: str | None = None
    tokens: dict[str, Token] = field(default_factory=dict)
    refresh_tokens: set[str] = field(default_factory=set)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Profiles by user id, as ``users.info`` shows them. Users come into being when they write."""
    conversations: dict[str, Conversation] = field(default_factory=dict)
    active: bool = True
    """False once the workspace is gone: ``account_inactive``."""

    @property
    def token(self) -> str:
        """A bot token that is good."""
        return next(token.value for token in self.tokens.values() if not token.revoked)

    def issue(self, expires_at: float | None = None) -> Token:
        """Return a new bot token with the workspace's scopes."""
        token = Token(f"xoxb-{self.id}-{secrets.token_hex(8)}", list(self.scopes), expires_at)
        self.tokens[token.value] = token
        return token

    def user(self, user_id: str, **profile: Any) -> dict[str, Any]:
        """Return somebody's profile, after changing it; made when there is none."""
        known = self.users.setdefault(user_id, _profile(user_id, self.id))
        known.update(profile)
        return known

    def conversation(self, channel: str, kind: Kind | None = None, *, joined: bool = True) -> Conversation:
        """Return a conversation; made when there is none, with the bot in it unless ``joined`` is False."""
        if channel not in self.conversations:
            members = {self.bot_user} if joined else set()
            kind = kind or _KINDS.get(channel[:1], "channel")
            self.conversations[channel] = Conversation(channel, kind, channel.lower(), members)
        return self.conversations[channel]

    def direct(self, user_id: str) -> Conversation:
        """Return the direct message between the bot and somebody."""
        for conversation in self.conversations.values():
            if conversation.kind == "im" and user_id in conversation.members:
                return conversation
        conversation = self.conversation("D" + user_id[1:], "im")
        conversation.members.add(user_id)
        return conversation


def _profile(user_id: str, team: str) -> dict[str, Any]:
    name = user_id.lower()
    profile = {"real_name": name.title(), "display_name": name, "email": f"{name}@example.com", "team": team}
    return {
        "id": user_id,
        "team_id": team,
        "name": name,
        "real_name": name.title(),
        "deleted": False,
        "is_bot": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "tz": "Europe/Berlin",
        "locale": "en-US",
        "profile": profile,
    }
