"""Listeners of the bot's author, written for Bolt."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import aiohttp
import pytest
import structlog
import yaml

from supportbot.config import check
from supportbot.testing import FakeCore, FakeSlack, serving, started_bot
from supportbot_slack import SlackChannel
from supportbot_slack.listeners import BadListeners, Listeners
from supportbot_slack.workspaces import Workspace
from tests.channels.slack.driver import SECRET
from tests.channels.slack.test_payloads import FILES
from tests.channels.test_contract import Workspace as Platform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from supportbot.testing import StartedBot

PAGE = (Path(__file__).parents[3] / "docs" / "slack.md").read_text("utf-8")
LISTENERS = """
def register(app):
    @app.command("/ticket")
    async def ticket(ack, command, client, context):
        assert [] == client.retry_handlers
        await ack(f"{context.bot_user_id} opens a ticket: {command['text']}")

    @app.action("approve")
    async def approve(ack, body, say):
        await ack()
        await say(f"Approved by {body['user']['id']}.")

    @app.view("refund")
    async def refund(ack):
        await ack(response_action="errors", errors={"amount": "Too much."})

    @app.shortcut("file_it")
    async def file_it(ack, client, body):
        await ack()
        await client.chat_postMessage(channel=body["channel"]["id"], text="Filed.")

    @app.event("reaction_added")
    async def reaction(event, client):
        await client.chat_postMessage(channel=event["item"]["channel"], text=f"Seen: {event['reaction']}")

    @app.event("app_home_opened")
    async def home(client, event):
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": []})

    @app.message("")
    @app.event("app_mention")
    async def never(say):
        await say("Twice!")

    @app.command("/broken")
    async def broken(ack):
        raise RuntimeError("My card is 1234")
"""


REFUND = {"id": "V1", "type": "modal", "callback_id": "refund", "state": {"values": {}}}


@asynccontextmanager
async def bot(
    folder: Path, name: str, listeners: str = LISTENERS
) -> AsyncIterator[tuple[StartedBot, FakeSlack, str]]:
    """A bot with listeners, in a Slack."""
    (folder / f"{name}.py").write_text(listeners, "utf-8")
    async with FakeSlack(signing_secret=SECRET) as slack:
        team = slack.workspace()
        team.conversation("C0HELP")
        keys = {"bot_token": team.token, "signing_secret": SECRET, "api_url": slack.api_url}
        keys |= {"listeners": f"{name}:register"}
        channels = {"slack": {"type": "slack"} | keys}
        async with started_bot({"bot": {"name": "Fern"}, "channels": channels}, folder) as started:
            slack.event_url = f"{started.url}/channels/slack/events"
            yield started, slack, team.id


async def test_what_is_not_the_bots_goes_to_the_listeners(tmp_path: Path) -> None:
    """Commands, buttons, forms, shortcuts and events, with the answers that Slack wants."""
    async with bot(tmp_path, "listeners_of_all") as (_, slack, team):
        command = await slack.command(team, "C0HELP", "U0ANNA", "/ticket", "No light")
        assert "U0BOTFAKE opens a ticket: No light" in command.body
        await slack.press(team, "C0HELP", "U0ANNA", {"action_id": "approve", "type": "button", "value": "1"})
        form = await slack.submit(team, "U0ANNA", REFUND)
        assert "Too much." in form.body
        said = await slack.say(team, "C0HELP", "U0ANNA", "Look at this")
        await slack.shortcut(team, "C0HELP", "U0ANNA", said.ts, "file_it")
        item = {"type": "message", "channel": "C0HELP", "ts": said.ts}
        await slack.event(
            team, {"type": "reaction_added", "user": "U0ANNA", "reaction": "eyes", "item": item}
        )
        await slack.until(lambda: len(slack.posts("C0HELP")) == 3)
        assert {"Approved by U0ANNA.", "Filed.", "Seen: eyes"} == set(slack.posts("C0HELP"))
        await slack.open_home(team, "U0ANNA")
        await slack.until(lambda: slack.called("views.publish"))
        assert [[]] == [call.arguments["view"]["blocks"] for call in slack.called("views.publish")]


async def test_the_listeners_of_the_page_work(tmp_path: Path) -> None:
    """As they are printed in docs/slack.md."""
    [printed] = re.findall(r"(?ms)^```python\n(.*?)^```$", PAGE)
    async with bot(tmp_path, "listeners_of_the_page", printed) as (_, slack, team):
        command = await slack.command(team, "C0HELP", "U0ANNA", "/ticket", "No light")
        assert "Thank you. I open a ticket: No light" in command.body
        item = {
            "type": "message",
            "channel": "C0HELP",
            "ts": (await slack.say(team, "C0HELP", "U0ANNA", "x")).ts,
        }
        done = {"type": "reaction_added", "user": "U0ANNA", "reaction": "white_check_mark", "item": item}
        await slack.event(team, done)
        await slack.until(lambda: slack.posts("C0HELP"))
    assert ["Solved. Glad to hear it!"] == slack.posts("C0HELP")


async def test_questions_stay_the_bots(tmp_path: Path) -> None:
    """A listener for messages gets none: each is stored first, and answered once."""
    async with bot(tmp_path, "listeners_of_questions") as (_, slack, team):
        await slack.say(team, "C0HELP", "U0ANNA", "<@U0BOTFAKE> Where is my parcel?", retries=1)
        await slack.command(team, "C0HELP", "U0ANNA", "/ask", "Where is it?")
        await slack.until(lambda: slack.posts("C0HELP") and slack.posts(slack.direct(team, "U0ANNA")))
        assert 1 == len(slack.posts("C0HELP"))
        assert "Twice!" not in str(slack.calls)


async def test_what_nobody_knows_is_acknowledged(tmp_path: Path) -> None:
    """And counted, as without listeners."""
    async with bot(tmp_path, "listeners_of_nothing") as (started, slack, team):
        button = {"action_id": "unknown", "type": "button", "value": "1"}
        assert 200 == (await slack.press(team, "C0HELP", "U0ANNA", button)).status
        assert 200 == (await slack.event(team, {"type": "something_new"})).status
        assert 200 == (await slack.interact({"type": "view_submission", "team": {"id": team}})).status
        async with aiohttp.ClientSession() as http, http.get(f"{started.url}/metrics") as response:
            metrics = await response.text()
        assert 'reason="interaction"' in metrics
        assert 'reason="unknown_event"' in metrics


async def test_a_listener_that_fails_is_not_acknowledged(tmp_path: Path) -> None:
    """So Slack tells the person; one line in the log says what failed, and the bot goes on."""
    async with bot(tmp_path, "listeners_that_fail") as (_, slack, team):
        broken = await slack.command(team, "C0HELP", "U0ANNA", "/broken", "")
        assert 503 == broken.status
        assert "1234" not in broken.body
        assert 200 == (await slack.command(team, "C0HELP", "U0ANNA", "/ticket", "x")).status


class Known:
    """One workspace, whatever is asked for."""

    async def get(self, team: str, enterprise: str = "") -> Workspace:
        return Workspace(team=team or "T0", enterprise=enterprise, bot_token="xoxb-1-test", bot_user="UBOT")


def _smaller(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a payload, and it without each of its keys and of theirs."""
    yield payload
    for key, part in payload.items():
        yield {name: value for name, value in payload.items() if name != key}
        if isinstance(part, dict):
            yield from (payload | {key: {n: v for n, v in part.items() if n != name}} for name in part)


def _payload(path: Path) -> dict[str, Any]:
    text = path.read_text("utf-8")
    payload: dict[str, Any] = json.loads(
        text if path.suffix == ".json" else parse_qs(text).get("payload", ["{}"])[0]
    )
    return payload


@pytest.mark.parametrize("payload", list(map(_payload, FILES)), ids=[path.stem for path in FILES])
async def test_whatever_slack_leaves_out_reaches_a_listener_or_nobody(
    tmp_path: Path, payload: dict[str, Any]
) -> None:
    """Bolt relies on keys; the way in does not."""
    (tmp_path / "listeners_of_payloads.py").write_text(LISTENERS, "utf-8")
    known: Any = Known()
    listeners = Listeners.load(
        "listeners_of_payloads:register", folder=tmp_path, workspaces=known, api_url="http://127.0.0.1:1/api/"
    )
    for changed in _smaller(payload):
        is_theirs, answer = await listeners.take(changed)
        assert is_theirs or answer is None


@pytest.mark.parametrize("name", ["no_such_module_there:register", "json:no_such_function"])
async def test_listeners_that_are_not_there_are_named(name: str) -> None:
    """When the bot starts."""
    async with Platform() as platform:
        platform.more = {"listeners": name}
        with pytest.raises(BadListeners, match=name):
            async with serving(SlackChannel, platform, FakeCore("slack")):
                pass


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("beside:register", ""),
        ("beside:imported", ""),
        ("folder_beside.inner:register", ""),
        ("json:loads", ""),
        ("sys:exit", ""),  # no source: the start will tell
        ("beside:registre", "'registre', which is not in the module 'beside'"),
        ("besides:register", "the module 'besides', which is not there"),
        ("folder_beside.none:register", "the module 'folder_beside.none', which is not there"),
        ("broken:register", "the module 'broken', which cannot be read (SyntaxError)"),
    ],
)
def test_listeners_are_checked_without_being_imported(tmp_path: Path, name: str, says: str) -> None:
    """``check`` says what the start would stumble over; no code of the module's runs."""
    code = "raise SystemExit\nfrom json import loads as imported\ndef register(app): ..."
    (tmp_path / "beside.py").write_text(code, "utf-8")
    (tmp_path / "broken.py").write_text("def register(:", "utf-8")
    (tmp_path / "folder_beside").mkdir()
    (tmp_path / "folder_beside" / "__init__.py").write_text("raise SystemExit", "utf-8")
    (tmp_path / "folder_beside" / "inner.py").write_text(code, "utf-8")
    section = {"type": "slack", "bot_token": "xoxb-1-test", "signing_secret": SECRET, "listeners": name}
    (tmp_path / "bot.yaml").write_text(
        yaml.safe_dump({"bot": {"name": "Fern"}, "channels": {"slack": section}}), "utf-8"
    )
    found = [str(problem) for problem in check(tmp_path / "bot.yaml").problems]
    about = [problem for problem in found if "channels.slack.listeners" in problem]
    assert (len(about) == 1 and says in about[0]) if says else not about, found


@pytest.mark.parametrize(
    ("decorator", "warned"),
    [
        ("app.message('hello')", ["message"]),
        ("app.event('message')", ["message"]),
        ("app.event({'type': 'message', 'subtype': 'file_share'})", ["message"]),
        ("app.event('app_mention')", ["app_mention"]),
        ("app.event('reaction_added')", []),
    ],
)
def test_a_listener_that_will_never_run_is_warned_of(
    tmp_path: Path, decorator: str, warned: list[str]
) -> None:
    """When the bot starts: messages and mentions go to the bot alone."""
    module = "never_" + re.sub(r"\W", "_", decorator)
    code = f"def register(app):\n    @{decorator}\n    async def heard(event): ..."
    (tmp_path / f"{module}.py").write_text(code, "utf-8")
    known: Any = None
    with structlog.testing.capture_logs() as logs:
        Listeners.load(
            f"{module}:register", folder=tmp_path, workspaces=known, api_url="http://127.0.0.1:1/api/"
        )
    assert warned == [line["on"] for line in logs if "never_runs" in line["event"]]


def test_bolt_is_imported_only_for_listeners() -> None:
    """It takes its time."""
    code = "import sys, supportbot_slack.channel; sys.exit('slack_bolt' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
