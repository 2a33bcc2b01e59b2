"""A bot that several workspaces install: the parts of it, put together from its section of bot.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supportbot.errors import StoreUnavailable
from supportbot_slack.grants import Grants
from supportbot_slack.installs import Installs
from supportbot_slack.oauth import REDIRECT, InstallPages
from supportbot_slack.scopes import scopes
from supportbot_slack.sdk import web_client
from supportbot_slack.verify import check_oauth

if TYPE_CHECKING:
    from supportbot.host import Host
    from supportbot_slack.install_config import OAuth


_NAMED = 5
"""Workspaces that a problem names."""


@dataclass(frozen=True, slots=True)
class Several:
    """What the channel has in place of its one workspace."""

    installs: Installs
    """Its ``Workspaces``; ``installs.run`` is one of the application's clean-up contexts."""
    pages: InstallPages
    """Its routes for browsers."""
    grants: Grants
    redirect_url: str

    @classmethod
    def made(
        cls, oauth: OAuth, host: Host, *, public_url: str, api_url: str, direct_messages: bool
    ) -> Several:
        """Put the parts together.

        Args:
            oauth: the part of bot.yaml.
            host: what the core lends.
            public_url: where the bot is from outside.
            api_url: where Slack's Web API is.
            direct_messages: whether it answers them, and asks for what that needs.
        """
        vault = host.vault
        assert vault is not None  # bot.yaml was not taken without keys, see ``keeps_secrets``
        grants = Grants(web_client(api_url), client_id=oauth.client_id, client_secret=oauth.client_secret)
        installs = Installs(host.records, vault, grants)
        base_url = public_url + host.base_path
        pages = InstallPages(
            bot_name=host.bot_name,
            client_id=oauth.client_id,
            scopes=scopes(direct_messages=direct_messages),
            base_url=base_url,
            vault=vault,
            grants=grants,
            installs=installs,
            records=host.records,
            teams=oauth.teams,
        )
        return cls(installs, pages, grants, base_url + REDIRECT)

    async def verify(self) -> list[str]:
        """Return what is wrong with the app's credentials, and with the keys; see ``CanVerify``."""
        return [*await check_oauth(self.grants, self.redirect_url), *await self._unopened()]

    async def _unopened(self) -> list[str]:
        try:
            shut = [team async for team in self.installs.unreadable()]
        except StoreUnavailable:
            return []  # before the first start there is none
        if not shut:
            return []
        named = ", ".join(shut[:_NAMED]) + (", …" if len(shut) > _NAMED else "")
        what = f"encryption_keys: cannot open the stored tokens of {named}"
        return [f"{what}: add the key that sealed them, or let these workspaces install the app again"]
