"""The channel for several workspaces: whose events it takes, and when it stops (row S35)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from supportbot.errors import RetryAfter
from supportbot.testing import FakeCore, Platform, serving
from supportbot.vault import Vault
from supportbot_slack import SlackChannel
from supportbot_slack.grants import Installation
from supportbot_slack.workspaces import Workspace
from tests.channels.slack.authority import CLIENT_ID, CLIENT_SECRET, Authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from supportbot.testing import Site, Written

SIGNING = "8f742231b10e8888abcd99yyyzzz85a5"
KEY = Fernet.generate_key().decode()
TOKEN = "xoxb-token-of-T1"
_numbers = count(1)


class Tenants(Platform):
    """Workspaces that write to one bot."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    def section(self) -> Mapping[str, Any]:
        return {
            "api_url": f"{self.authority.url}/",
            "public_url": "https://bot.example.com",
            "signing_secret": SIGNING,
            "oauth": {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
        }

    async def write(self, site: Site, written: Written) -> int:
        event = {"type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "text": written.text}
        return await self.tell(site, event | {"ts": f"1516229207.{next(_numbers):06}"})

    async def shown(self, site: Site, conversation: str) -> list[str]:
        return []

    async def tell(self, site: Site, event: dict[str, Any], team: str = "T1", **envelope: Any) -> int:
        """Send an event as Slack does; returns the status of the answer."""
        payload = {
            "type": "event_callback",
            "event_id": f"Ev{next(_numbers)}",
            "team_id": team,
            "api_app_id": "A1",
        }
        body = json.dumps(payload | {"event": event} | envelope).encode()
        now = str(int(time.time()))
        signature = hmac.new(SIGNING.encode(), f"v0:{now}:".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": f"v0={signature}"}
        return await site.post("/events", data=body, headers=headers | {"Content-Type": "application/json"})


@asynccontextmanager
async def tenancy() -> AsyncIterator[tuple[Site, Tenants]]:
    core = FakeCore("slack", vault=Vault([SecretStr(KEY)]))
    async with Authority() as authority:
        tenants = Tenants(authority)
        async with serving(SlackChannel, tenants, core) as site:
            yield site, tenants


async def install(
    site: Site, tenants: Tenants, team: str = "T1", enterprise: str = "", **tokens: Any
) -> None:
    token = tenants.authority.give(TOKEN)
    channel: Any = site.channel
    workspace = Workspace(team=team, enterprise=enterprise, bot_token=token, bot_user="UBOT", app_id="A1")
    await channel._several.installs.save(Installation(workspace=workspace, name="Acme", **tokens))


async def looked_into(site: Site) -> None:
    """Wait until nothing is left of what Slack told of installations."""
    async with asyncio.timeout(10):
        while [key async for key, _ in site.core.host.records.scan("ended:")]:  # noqa: ASYNC110 - none tells
            await asyncio.sleep(0.01)


MESSAGE = {"type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "text": "Hello"}


def message(ts: str) -> dict[str, Any]:
    return MESSAGE | {"ts": ts}


async def test_a_workspace_s_message_is_taken() -> None:
    """As soon as the app is installed there."""
    async with tenancy() as (site, tenants):
        await install(site, tenants)
        assert 200 == await tenants.tell(site, message("1.1"))
        assert ["Hello"] == [inbound.text for inbound in site.core.accepted]


@pytest.mark.parametrize(
    ("team", "envelope"),
    [
        ("T2", {}),
        ("T1", {"api_app_id": "A2"}),
        ("T2", {"enterprise_id": "E2"}),
    ],
    ids=["team", "app", "organisation"],
)
async def test_others_messages_are_ignored(team: str, envelope: dict[str, Any]) -> None:
    """Acknowledged, so that they do not come again; no token is looked for and nobody is asked."""
    async with tenancy() as (site, tenants):
        await install(site, tenants)
        asked = list(tenants.authority.calls)
        assert 200 == await tenants.tell(site, message("1.1"), team, **envelope)
        assert ([], ["tenant"], asked) == (site.core.accepted, site.core.ignored, tenants.authority.calls)


async def test_an_organisation_s_workspaces_are_all_taken() -> None:
    """The event names the organisation; the installation is the organisation's."""
    async with tenancy() as (site, tenants):
        await install(site, tenants, team="", enterprise="E1")
        assert 200 == await tenants.tell(site, message("1.1"), "T9", enterprise_id="E1")
        assert ["Hello"] == [inbound.text for inbound in site.core.accepted]


@pytest.mark.parametrize(
    "event", [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["UBOT"]}}]
)
async def test_an_uninstalled_workspace_is_left_alone(event: dict[str, Any]) -> None:
    """Once Slack was asked; told again, or late, it is the same. A new installation brings it back."""
    async with tenancy() as (site, tenants):
        await install(site, tenants)
        tenants.authority.tokens[TOKEN] = "account_inactive"
        for _ in range(2):
            assert 200 == await tenants.tell(site, event)
            await looked_into(site)
        assert 200 == await tenants.tell(site, message("1.1"))
        assert [] == site.core.accepted
        await install(site, tenants)
        assert 200 == await tenants.tell(site, event)  # late
        await looked_into(site)
        assert 200 == await tenants.tell(site, message("1.2"))
        assert 1 == len(site.core.accepted)


async def test_an_uninstallation_is_acknowledged_before_slack_is_asked() -> None:
    """It is on disk; Slack may be slow, or the bot may end: whoever starts next asks."""
    async with tenancy() as (site, tenants):
        await install(site, tenants)
        tenants.authority.tokens[TOKEN] = "account_inactive"
        slack_answers = asyncio.Event()
        tenants.authority.before = slack_answers.wait
        assert 200 == await tenants.tell(site, {"type": "app_uninstalled"})
        assert ["ended:T1"] == [key async for key, _ in site.core.host.records.scan("ended:")]
        slack_answers.set()
        await looked_into(site)
        channel: Any = site.channel
        assert await channel._several.installs.get("T1") is None


async def test_a_reply_goes_on_at_once_with_a_renewed_token() -> None:
    """Its token had ended; the next try is a second later, not five minutes."""
    async with tenancy() as (site, tenants):
        tenants.authority.rotates = True
        tenants.authority.refresh_tokens.add("xoxe-1-first")
        await install(site, tenants, refresh_token="xoxe-1-first", expires_at=1)
        await tenants.tell(site, message("1.1"))
        [inbound] = site.core.accepted
        outbound = site.core.reply(inbound.conversation, "Here it is.")
        tenants.authority.tokens[TOKEN] = "token_expired"
        with pytest.raises(RetryAfter) as waits:
            await site.channel.send(outbound)
        assert 1.0 == waits.value.seconds
        await site.channel.send(outbound)
        assert 1 == len(tenants.authority.posts)


async def test_replies_wait_until_the_app_is_installed_again() -> None:
    """They are not refused and not lost; the new token delivers them."""
    async with tenancy() as (site, tenants):
        await install(site, tenants)
        await tenants.tell(site, message("1.1"))
        [inbound] = site.core.accepted
        outbound = site.core.reply(inbound.conversation, "Here it is.")
        tenants.authority.tokens[TOKEN] = "token_revoked"
        for _ in range(2):  # the first learns it from Slack, the second knows
            with pytest.raises(RetryAfter):
                await site.channel.send(outbound)
        assert [] == tenants.authority.posts
        await install(site, tenants)
        await site.channel.send(outbound)
        assert 1 == len(tenants.authority.posts)
        assert "Here it is." in json.dumps(tenants.authority.posts)


async def test_a_user_s_revoked_token_is_none_of_ours() -> None:
    """The bot has its own."""
    async with tenancy() as (site, tenants):
        await install(site, tenants)
        await tenants.tell(site, {"type": "tokens_revoked", "tokens": {"oauth": ["U1"]}})
        await tenants.tell(site, message("1.1"))
        assert 1 == len(site.core.accepted)


async def test_the_install_pages_are_there_and_only_with_oauth() -> None:
    """With one bot token there is nothing to install."""
    async with tenancy() as (site, tenants):
        assert {("GET", "/install"), ("GET", "/oauth_redirect")} <= set(site.routes)
        tenants.section = lambda: {  # type: ignore[method-assign]
            "bot_token": TOKEN, "signing_secret": SIGNING, "api_url": f"{tenants.authority.url}/"
        }  # fmt: skip
        async with serving(SlackChannel, tenants, FakeCore("slack", vault=Vault([SecretStr(KEY)]))) as single:
            assert not {path for _, path in single.routes} & {"/install", "/oauth_redirect"}
