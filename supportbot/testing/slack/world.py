"""Everything the fake Slack knows, which its methods read and change."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from supportbot.testing.slack.calls import Call, Caller, SlackError
from supportbot.testing.slack.store import MessageStore

if TYPE_CHECKING:
    from supportbot.testing.slack.workspace import Conversation, Workspace

HISTORY_SCOPES = {
    "channel": "channels:history",
    "group": "groups:history",
    "im": "im:history",
    "mpim": "mpim:history",
}


@dataclass(slots=True)
class StoredFile:
    """A file of the fake Slack, as ``files.info`` shows it, and its bytes."""

    shown: dict[str, Any]
    content: bytes
    team: str
    redirect: str = ""
    """Where its download leads; empty: to the bytes."""


@dataclass(slots=True)
class World:
    """The state behind the API."""

    workspaces: dict[str, Workspace] = field(default_factory=dict)
    store: MessageStore = field(default_factory=MessageStore)
    files: dict[str, StoredFile] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """OAuth codes that can be exchanged, and the team each is for."""
    client_id: str = "1111.2222"
    client_secret: str = "slack-client-secret"  # noqa: S105 - of a fake
    app_token: str = "xapp-1-A0SUPPORT-fake"  # noqa: S105 - of a fake
    rotation: bool = False
    """Tokens end after twelve hours and are renewed with a refresh token."""
    stream_seconds: float = 306
    """How long a stream lives, whatever is appended: measured at Slack, not documented."""
    url: str = ""

    def caller(self, call: Call) -> Caller:
        """Find out whose token a call carries.

        Raises:
            SlackError: ``not_authed``, ``invalid_auth``, ``account_inactive``, ``token_revoked`` or
                ``token_expired``.
        """
        if not call.token:
            raise SlackError("not_authed")
        for workspace in self.workspaces.values():
            if token := workspace.tokens.get(call.token):
                if not workspace.active:
                    raise SlackError("account_inactive")
                if token.revoked:
                    raise SlackError("token_revoked")
                if token.expires_at is not None and token.expires_at <= time.time():
                    raise SlackError("token_expired")
                return Caller(workspace, token)
        raise SlackError("invalid_auth")

    def conversation(self, caller: Caller, channel: str) -> Conversation:
        """Return a conversation that a caller can see.

        Raises:
            SlackError: ``channel_not_found``: there is none, or a private one without the bot.
        """
        found = caller.workspace.conversations.get(channel)
        if found is None and channel in caller.workspace.users:
            return caller.workspace.direct(channel)
        hidden = (
            found is not None and found.kind != "channel" and caller.workspace.bot_user not in found.members
        )
        if found is None or hidden:
            raise SlackError("channel_not_found")
        return found

    def writable(self, caller: Caller, channel: str) -> Conversation:
        """Return a conversation that a caller may write to.

        Raises:
            SlackError: ``channel_not_found``, ``is_archived`` or ``not_in_channel``.
        """
        found = self.conversation(caller, channel)
        if found.archived:
            raise SlackError("is_archived")
        if caller.workspace.bot_user not in found.members:
            raise SlackError("not_in_channel")
        return found
