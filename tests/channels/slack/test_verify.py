"""``supportbot check --online``: what Slack says of the tokens, in words that say what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from supportbot.testing import FakeCore
from supportbot.vault import Vault
from supportbot_slack import SlackChannel
from supportbot_slack.config import SlackConfig
from supportbot_slack.grants import Grants, Installation
from supportbot_slack.install_config import OAuth
from supportbot_slack.scopes import SCOPES
from supportbot_slack.sdk import web_client
from supportbot_slack.several import Several
from supportbot_slack.verify import (
    REMEDIES,
    check_app_token,
    check_bot_token,
    check_handoff_channel,
    check_oauth,
)
from supportbot_slack.workspaces import Workspace
from tests.channels.slack.authority import CLIENT_ID, CLIENT_SECRET, REDIRECT, Authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from slack_sdk.web.async_client import AsyncWebClient

TOKEN = "xoxb-the-one-token"
TOKEN_OF_A_BOT = "xoxb-1234567890-1234567890123-abcdefghijklmnopqrstuvwx"


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    async with Authority() as started:
        started.give(TOKEN)
        started.scopes = ",".join(SCOPES)
        yield started


def client(authority: Authority, token: str | None = TOKEN) -> AsyncWebClient:
    return web_client(f"{authority.url}/", token)


async def test_a_token_that_may_do_all_is_fine(authority: Authority) -> None:
    """More than the bot needs does no harm."""
    authority.scopes += ",channels:join"
    assert [] == await check_bot_token(client(authority))


async def test_each_missing_scope_is_named_with_what_it_is_for(authority: Authority) -> None:
    """So that the operator can decide."""
    authority.scopes = ",".join(SCOPES.keys() - {"users:read", "files:read"})
    fix = "add it under OAuth & Permissions, then install the app again"
    assert [
        f"the bot token lacks files:read, which the bot needs to see the images that customers send: {fix}",
        "the bot token lacks users:read, which the bot needs to know people's names, and who is a guest: "
        + fix,
    ] == await check_bot_token(client(authority))


async def test_a_bot_without_direct_messages_lacks_nothing_that_only_they_need(authority: Authority) -> None:
    """Its manifest does not ask for it."""
    authority.scopes = ",".join(SCOPES.keys() - {"im:history", "im:write", "assistant:write"})
    assert [] == await check_bot_token(client(authority), direct_messages=False)


@pytest.mark.parametrize("code", ["token_revoked", "account_inactive", "invalid_auth"])
async def test_a_token_that_does_not_work_is_explained(authority: Authority, code: str) -> None:
    """In Slack's word, and ours for what to do; never with the token."""
    authority.tokens[TOKEN] = code
    [problem] = await check_bot_token(client(authority))
    assert f"bot_token: Slack answers {code}: {REMEDIES[code]}" == problem
    assert TOKEN not in problem


async def test_an_app_token_is_tried(authority: Authority) -> None:
    """A connection is asked for and not opened."""
    assert [] == await check_app_token(client(authority), authority.give("xapp-good"))
    authority.tokens["xapp-bad"] = "missing_scope"
    [problem] = await check_app_token(client(authority), "xapp-bad")
    assert "connections:write" in problem


@pytest.mark.parametrize("text", [None, "Not Slack.", "<html>"])
@pytest.mark.parametrize("status", [429, 500, 501, 404, 200])
async def test_what_answers_in_slack_s_place_is_named(
    authority: Authority, status: int, text: str | None
) -> None:
    """With its address and status: it may be Slack that is ill, or another web server."""
    authority.away, authority.away_with = status, text
    [problem] = await check_bot_token(client(authority))
    assert problem.startswith(f"what answers at {authority.url}/, with status {status}, says nothing that")
    assert "look whether api_url is right" in problem


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://nobody.invalid/api/"])
async def test_slack_away_is_said(url: str) -> None:
    """Where it was looked for, too: a port that is closed, a host that is not there."""
    said = [f"Slack does not answer at {url}: check that this machine reaches it, and try again"]
    asked = web_client(url, TOKEN)
    assert said == await check_bot_token(asked) == await check_app_token(asked, "xapp-1")
    assert said == await check_handoff_channel(asked, "C1")
    grants = Grants(asked, client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET))
    assert said == await check_oauth(grants, REDIRECT)


async def test_keys_that_open_nothing_are_named(authority: Authority) -> None:
    """The database is looked into, if there is one: with another key the bot could answer nobody."""
    core = FakeCore("slack", bot_name="Fern")

    def several(key: str) -> Several:
        secret = SecretStr(CLIENT_SECRET)
        oauth = OAuth(client_id=CLIENT_ID, client_secret=secret)
        public_url = REDIRECT.removesuffix("/channels/slack/oauth_redirect")
        host = replace(core.host, vault=Vault([SecretStr(key)]))
        return Several.made(
            oauth, host, public_url=public_url, api_url=f"{authority.url}/", direct_messages=True
        )

    key = Fernet.generate_key().decode()
    workspace = Workspace(
        team="T1", enterprise="", bot_token="xoxb-1", bot_user="U0", bot_id="B0", app_id="A0"
    )
    await several(key).installs.save(Installation(workspace=workspace, name="One"))
    assert [] == await several(key).verify()
    [problem] = await several(Fernet.generate_key().decode()).verify()
    assert "encryption_keys: cannot open the stored tokens of T1: add the key" in problem


async def test_the_app_s_credentials_are_tried(authority: Authority) -> None:
    """With a code that nobody has: what Slack objects to tells whether it knows the app."""

    def several(secret: str) -> Several:
        oauth = OAuth(client_id=CLIENT_ID, client_secret=SecretStr(secret))
        public_url = REDIRECT.removesuffix("/channels/slack/oauth_redirect")
        vault = Vault([SecretStr(Fernet.generate_key().decode())])
        core = FakeCore("slack", bot_name="Fern", vault=vault)
        return Several.made(
            oauth, core.host, public_url=public_url, api_url=f"{authority.url}/", direct_messages=True
        )

    assert [] == await several(CLIENT_SECRET).verify()
    [problem] = await several("fedcba9876543210fedcba9876543210").verify()
    assert "oauth: Slack answers bad_client_secret: copy client_secret again" in problem
    assert 2 == len(several(CLIENT_SECRET).pages.routes())


async def test_a_slack_that_is_away_is_said_once() -> None:
    """However many of the tokens were to be looked at."""
    ways = {"bot_token": TOKEN_OF_A_BOT, "app_token": "xapp-1-A0123-456-abcdef", "handoff_channel": "C0TEAM"}
    section = {"type": "slack", "api_url": "http://127.0.0.1:1/api/"} | ways
    channel = SlackChannel(SlackConfig.model_validate(section), FakeCore("slack").host)
    [problem] = await channel.verify()
    assert "Slack does not answer" in problem
