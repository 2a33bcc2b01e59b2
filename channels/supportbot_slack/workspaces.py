"""Where the bot is installed: the tokens and the bot's own identity, workspace by workspace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One installation of the app."""

    team: str
    """The workspace, ``T…``; for an installation on a whole organisation it may be empty."""
    bot_token: str = field(repr=False)
    enterprise: str = ""
    """The Enterprise Grid organisation, ``E…``, if there is one."""
    bot_user: str = ""
    """The user that the bot posts as, ``U…``."""
    bot_id: str = ""
    """The bot, ``B…``."""
    app_id: str = ""
    scopes: frozenset[str] = frozenset()
    """What the token may do; empty when unknown."""


class Workspaces(Protocol):
    """Finds the installation that an event or a delivery belongs to."""

    async def get(self, team: str, enterprise: str = "") -> Workspace | None:
        """Return the installation; None when the app is not installed there, or was disabled."""
        ...

    async def disable(self, team: str, reason: str) -> None:
        """Stop using a workspace's token: it was revoked, or the app was uninstalled."""
        ...
