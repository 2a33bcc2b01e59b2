"""Where the bot is installed: the tokens and the bot's own identity, workspace by workspace."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from supportbot_slack.api import Declined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supportbot_slack.api import SlackApi

_ASK_AGAIN = 60.0
"""Seconds after which a refused token is tried again: somebody may have installed the app anew."""


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

    async def disable(self, team: str, reason: str, enterprise: str = "") -> None:
        """Stop using a workspace's token: Slack refuses it."""
        ...

    async def ended(self, team: str, reason: str, enterprise: str = "") -> None:
        """Take note that Slack says that a token was revoked, or the app uninstalled; asks nobody."""
        ...


class SingleWorkspace:
    """The one workspace whose bot token stands in bot.yaml. Slack is asked who it is."""

    def __init__(self, token: str, api: SlackApi, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._token = token
        self._api = api
        self._now = clock
        self._known: Workspace | None = None
        self._asking = asyncio.Lock()
        self._ask_at = 0.0
        self._disabled = ""

    @property
    def known(self) -> Workspace | None:
        """The workspace; None as long as Slack has not said which it is."""
        return self._known

    @property
    def trouble(self) -> str:
        """Why its token is of no use, in one line; empty when nothing is known against it."""
        return self._disabled

    async def get(self, team: str, enterprise: str = "") -> Workspace | None:
        """Return the workspace, if ``team`` (or the organisation) is it.

        Raises:
            SlackError: Slack cannot be asked who we are, or refuses the token.
        """
        here = await self.identity()
        is_it = team in {"", here.team} or (here.enterprise and enterprise == here.enterprise)
        return here if is_it else None

    async def identity(self) -> Workspace:
        """Return the workspace that the token is of; asks Slack once (``auth.test``).

        Raises:
            SlackError: Slack cannot be asked, or refuses the token; a refused token is tried again a
                minute later.
        """
        if self._known is not None and not self._disabled:
            return self._known
        async with self._asking:
            if self._known is not None and not self._disabled:
                return self._known
            if self._disabled and self._now() < self._ask_at:
                raise Declined(self._disabled)
            try:
                answer, scopes = await self._api.identify(self._token)
            except Declined as error:
                self._refuse(error.code)
                raise
            self._disabled = ""
            self._known = _workspace(answer, self._token, scopes)
            return self._known

    async def disable(self, team: str, reason: str, enterprise: str = "") -> None:
        """Park what is for this workspace, until Slack takes the token again."""
        if self._known is None or team in {"", self._known.team}:
            self._refuse(reason)

    async def ended(self, team: str, reason: str, enterprise: str = "") -> None:
        """The same."""
        await self.disable(team, reason, enterprise)

    def _refuse(self, reason: str) -> None:
        self._disabled = reason
        self._ask_at = self._now() + _ASK_AGAIN


def _workspace(answer: Mapping[str, Any], token: str, scopes: frozenset[str]) -> Workspace:
    """Read the answer of ``auth.test``."""

    def text(name: str) -> str:
        value = answer.get(name)
        return value if isinstance(value, str) else ""

    return Workspace(
        team=text("team_id"),
        enterprise=text("enterprise_id"),
        bot_token=token,
        bot_user=text("user_id"),
        bot_id=text("bot_id"),
        app_id=text("app_id"),
        scopes=scopes,
    )
