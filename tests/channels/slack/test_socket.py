"""Socket Mode: an envelope is acknowledged once its content is stored."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.errors import StoreUnavailable
from supportbot.testing import FakeCore
from supportbot.testing.site import serving
from supportbot_slack import SlackChannel, socket
from tests.channels.slack.driver import direct, mention
from tests.channels.slack.test_outbound import _delivered
from tests.channels.test_contract import Workspace

if TYPE_CHECKING:
    from tests.channels.slack.workspace import ScriptedSlack

FRAMES = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parent / "payloads").glob("socket_*.json"))
}
APP = {"app_token": "xapp-1-test", "signing_secret": None}


async def test_events_come_and_are_answered(live: Any, slack: ScriptedSlack) -> None:
    """Over several connections, and once each."""
    async with live(**APP) as bot:
        await slack.until(lambda: len(slack.sockets) == 2)
        first = mention()
        for payload in (first, first, direct()):
            acknowledged = await slack.push("events_api", payload)
            assert {"envelope_id"} == set(acknowledged)
        await slack.until(lambda: len(slack.posts) == 2)
        await _delivered(bot)
    assert 2 == len(slack.posts)


async def test_a_connection_that_slack_renews_is_opened_again(live: Any, slack: ScriptedSlack) -> None:
    """Whether it says so before, or just closes."""
    async with live(**APP):
        await slack.until(lambda: len(slack.sockets) == 2)
        before = list(slack.sockets)
        await before[0].send_json({"type": "disconnect", "reason": "refresh_requested"})
        await before[1].close()
        await slack.until(lambda: len(slack.sockets) == 2 and not set(before) & set(slack.sockets))
        await slack.push("events_api", mention())
        await slack.until(lambda: slack.posts)


async def test_commands_are_answered_in_the_acknowledgement(live: Any, slack: ScriptedSlack) -> None:
    """As Slack wants it."""
    fields = {"command": "/ask", "text": "", "team_id": "T0", "user_id": "U1", "trigger_id": "1.2"}
    async with live(**APP):
        await slack.until(lambda: slack.sockets)
        acknowledged = await slack.push("slash_commands", fields)
    assert "ephemeral" == acknowledged["payload"]["response_type"]


async def test_unknown_envelopes_are_acknowledged(live: Any, slack: ScriptedSlack) -> None:
    """Slack would send them again for ever."""
    async with live(**APP):
        await slack.until(lambda: slack.sockets)
        assert await slack.push("something_new", {})
        for frame in ("nonsense", "[]", '{"type": 7}'):
            await slack.sockets[-1].send_str(frame)
        assert await slack.push("interactive", {"type": "block_actions", "actions": 7})


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
async def test_recorded_envelopes_are_acknowledged(frame: dict[str, Any]) -> None:
    """Those that have an id, whatever is in them; after those that have none, the next one is taken."""
    async with Workspace() as platform:
        platform.more = APP | {"connections": 1}
        core = FakeCore("slack")
        async with serving(SlackChannel, platform, core):
            slack = platform.slack
            await slack.until(lambda: slack.sockets)
            [before] = slack.sockets
            acknowledged = slack.envelopes[frame.get("envelope_id", "")] = asyncio.Future()
            await before.send_json(frame)
            if "envelope_id" in frame:
                async with asyncio.timeout(20):
                    assert frame["envelope_id"] == (await acknowledged)["envelope_id"]
            elif frame["type"] == "disconnect":
                await slack.until(lambda: slack.sockets and slack.sockets != [before])
            taken = len(core.accepted)
            await slack.push("events_api", mention())
    assert taken + 1 == len(core.accepted)


async def test_what_is_not_stored_is_not_acknowledged() -> None:
    """It comes again, and the connection stays."""
    async with Workspace() as platform:
        platform.more = APP
        core = FakeCore("slack")
        async with serving(SlackChannel, platform, core):
            slack = platform.slack
            await slack.until(lambda: slack.sockets)
            core.failure = StoreUnavailable(cause="full")
            await slack.sockets[-1].send_json(
                {"type": "events_api", "envelope_id": "lost", "payload": mention()}
            )
            await slack.push("something_new", {})
            core.failure = None
            await slack.push("events_api", mention())
    assert 1 == len(core.accepted)


async def test_a_refused_app_token_is_reported(slack: ScriptedSlack) -> None:
    """``/readyz`` says why no event comes."""
    slack.refusals["apps.connections.open"] = "invalid_auth"
    platform = Workspace()
    platform.slack, platform.more = slack, APP
    async with serving(SlackChannel, platform, FakeCore("slack")) as site:
        channel: Any = site.channel
        await slack.until(lambda: ("apps.connections.open", {}) in slack.calls)
        assert "no connection" in channel.problem() or "invalid_auth" in channel.problem()


async def test_a_connection_that_breaks_is_opened_again(
    slack: ScriptedSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it breaks while envelopes are being stored."""
    read, broken = socket._envelope, []

    def breaks(frame: Any) -> dict[str, Any]:
        if not broken:
            broken.append(frame)
            raise ConnectionResetError
        return read(frame)

    monkeypatch.setattr(socket, "_envelope", breaks)
    platform = Workspace()
    platform.slack, platform.more = slack, APP | {"connections": 1}
    core = FakeCore("slack")
    async with serving(SlackChannel, platform, core):
        await slack.until(lambda: 2 == [method for method, _ in slack.calls].count("apps.connections.open"))
        await slack.until(lambda: len(slack.sockets) == 1)
        await slack.push("events_api", mention())
    assert 1 == len(core.accepted)


def test_pauses_between_connections() -> None:
    """They double up to half a minute, and are as long as Slack asks at least."""
    assert [0.5, 1.0, 15.0] == [socket._pause(failures, 0.0, 0.0) for failures in (1, 2, 99)]
    assert [1.0, 30.0] == [socket._pause(failures, 0.0, 1.0) for failures in (1, 99)]
    assert 60.5 == socket._pause(1, 60.0, 0.0)
