"""Asking Slack whether the configuration works, for ``supportbot check --online``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot_slack.events import text_at
from supportbot_slack.grants import NotGranted, SlackAway, asked
from supportbot_slack.scopes import missing

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from supportbot_slack.grants import Grants

REMEDIES = {
    "account_inactive": "the workspace or the bot's user was deactivated: install the app again",
    "bad_client_secret": "copy client_secret again, from Basic Information, App Credentials",
    "bad_redirect_uri": "add the install pages' address to the app, under OAuth & Permissions, Redirect URLs",
    "channel_not_found": "write /invite and the bot's name there, and look whether it is that channel's id",
    "invalid_auth": "copy the token again, from the app's settings",
    "invalid_client_id": "copy client_id again, from Basic Information, App Credentials",
    "is_archived": "unarchive that channel, or name another one",
    "missing_scope": "make the app-level token again, with the scope connections:write",
    "not_allowed_token_type": "copy the right kind of token: bot_token is xoxb-…, app_token is xapp-…",
    "not_in_channel": "write /invite and the bot's name there",
    "token_expired": "one bot_token cannot follow token rotation: make a new app without it, or use oauth",
    "token_revoked": "install the app again, and copy the new token",
}
"""What to do about what Slack says; the troubleshooting table of docs/slack.md has each."""

_ARCHIVED = frozenset({"channel_archive", "group_archive"})
_NOBODY_S_CODE = "supportbot-check"


async def check_bot_token(client: AsyncWebClient, *, direct_messages: bool = True) -> list[str]:
    """Return what is wrong with the bot token of a client: that it does not work, or what it may not do."""
    try:
        response = await asked(client.auth_test)
    except NotGranted as error:
        return [_problem("bot_token", error.code)]
    except SlackAway as error:
        return [_no_answer(client.base_url, error)]
    granted = response.headers.get("x-oauth-scopes")
    if granted is None:
        return []
    lacking = missing((scope.strip() for scope in granted.split(",")), direct_messages=direct_messages)
    return [
        f"the bot token lacks {scope}, which the bot needs {why}: add it under OAuth & Permissions, "
        "then install the app again"
        for scope, why in lacking.items()
    ]


async def check_app_token(client: AsyncWebClient, app_token: str) -> list[str]:
    """Return what is wrong with an app-level token; a connection is asked for and not opened."""
    try:
        await asked(lambda: client.apps_connections_open(app_token=app_token))
    except NotGranted as error:
        return [_problem("app_token", error.code)]
    except SlackAway as error:
        return [_no_answer(client.base_url, error)]
    return []


async def check_handoff_channel(client: AsyncWebClient, channel: str) -> list[str]:
    """Return what would keep the team from being told; to read a channel the bot must be in it, too.

    An archived one can be read like any other. ``conversations.info`` would say that it is, to those who have
    scopes that the bot needs for nothing else; what was written last there says so, too:
    https://docs.slack.dev/reference/events/message/channel_archive
    """
    try:
        response = await asked(lambda: client.conversations_history(channel=channel, limit=1))
    except NotGranted as error:
        return [_problem("handoff_channel", error.code)]
    except SlackAway as error:
        return [_no_answer(client.base_url, error)]
    newest = response.get("messages")
    is_archived = isinstance(newest, list) and any(text_at(one, "subtype") in _ARCHIVED for one in newest[:1])
    return [_problem("handoff_channel", "is_archived")] if is_archived else []


async def check_oauth(grants: Grants, redirect_uri: str) -> list[str]:
    """Return what is wrong with the app's own credentials: a code that cannot be right tells."""
    try:
        await grants.exchange(_NOBODY_S_CODE, redirect_uri)
    except NotGranted as error:
        return [] if error.code == "invalid_code" else [_problem("oauth", error.code)]
    except SlackAway as error:
        return [_no_answer(grants.address, error)]
    return []


def _no_answer(address: str, error: SlackAway) -> str:
    """Say where nobody answers, or somebody who is not Slack, or not well."""
    if error.status is None:
        return f"Slack does not answer at {address}: check that this machine reaches it, and try again"
    return (
        f"what answers at {address}, with status {error.status}, says nothing that Slack says: look whether "
        "api_url is right and what stands between, and try again"
    )


def _problem(key: str, code: str) -> str:
    remedy = REMEDIES.get(code, "look that word up at https://docs.slack.dev, and at the app's settings")
    return f"{key}: Slack answers {code}: {remedy}"
