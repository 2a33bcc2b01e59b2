"""What Slack grants is read as Slack's own library reads it."""

from __future__ import annotations

from typing import Any

import pytest
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings

from tests.channels.slack.authority import CLIENT_ID, CLIENT_SECRET, REDIRECT, Authority

GRANTS: dict[str, dict[str, Any]] = {
    "workspace": {},
    "workspace of an organisation": {"enterprise": {"id": "E1", "name": "Grid"}},
    "organisation": {
        "team": None,
        "enterprise": {"id": "E1", "name": "Grid"},
        "is_enterprise_install": True,
    },
    "rotating": {"refresh_token": "xoxe-1-refresh", "expires_in": 43_200},
}


@pytest.mark.filterwarnings("ignore:BasicAuth:DeprecationWarning")  # what ours goes without
@pytest.mark.parametrize("grant", GRANTS.values(), ids=GRANTS.keys())
async def test_bolt_reads_the_same(grant: dict[str, Any]) -> None:
    """The same answers, once through slack-bolt's own OAuth flow, say the same of an installation."""
    async with Authority() as authority:
        authority.codes = {"ours": grant, "bolt's": grant}
        ours = await authority.grants().exchange("ours", REDIRECT)
        settings = AsyncOAuthSettings(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, redirect_uri=REDIRECT)
        flow = AsyncOAuthFlow(client=authority.client(), settings=settings)
        theirs = await flow.run_installation("bolt's")
    assert theirs is not None
    workspace, whole = ours.workspace, bool(theirs.is_enterprise_install)
    assert (
        "" if whole else theirs.team_id,
        theirs.enterprise_id or "",
        theirs.bot_user_id,
        theirs.bot_id,
        theirs.app_id,
        set(theirs.bot_scopes),
        theirs.enterprise_name if whole else theirs.team_name,
        theirs.bot_refresh_token or "",
        theirs.bot_token_expires_at is None,
    ) == (
        workspace.team,
        workspace.enterprise,
        workspace.bot_user,
        workspace.bot_id,
        workspace.app_id,
        workspace.scopes,
        ours.name,
        ours.refresh_token,
        ours.expires_at is None,
    )
