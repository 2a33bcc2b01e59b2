"""The channel in the fake Slack that is shipped, which checks what Slack checks: faults of every call."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.messages import Answer
from supportbot.testing import FakeSlack, ScriptedModel, started_bot
from supportbot_slack import api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from supportbot.messages import Prompt
    from supportbot.model.base import Sink
    from supportbot.testing import StartedBot
    from supportbot.testing.slack import Workspace

ANSWER = "It comes tomorrow."


@asynccontextmanager
async def answering(
    folder: Path, model: Any = None, *, socket: bool = False, **more: Any
) -> AsyncIterator[tuple[FakeSlack, Workspace, StartedBot]]:
    async with FakeSlack() as slack:
        team = slack.workspace()
        for channel in ("C0HELP", "D0ANNA"):
            team.conversation(channel)
        way_in = {"app_token": slack.world.app_token} if socket else {"signing_secret": slack.signing_secret}
        section = {"type": "slack", "bot_token": team.token, "api_url": slack.api_url} | way_in | more
        bot_yaml = {
            "deliveries": {"settle_delay": 0.05, "retry_delay": 0.05, "attempts": 20},
            "turns": {"retry_delay": 0.05},
            "channels": {"slack": section},
        }
        async with started_bot(bot_yaml, folder, model=model or ScriptedModel(ANSWER)) as bot:
            if socket:
                await slack.sockets.connected(2)
            else:
                slack.event_url = f"{bot.url}/channels/slack/events"
            yield slack, team, bot


async def settled(bot: StartedBot) -> None:
    """Wait until no delivery is open any more."""
    store = sqlite3.connect(bot.loaded.database.removeprefix("sqlite:///"))
    opened = "select 1 from deliveries where state in ('planned', 'sending')"
    answered = "select 1 from deliveries"
    try:
        async with asyncio.timeout(20):
            while not store.execute(answered).fetchone() or store.execute(opened).fetchone():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        store.close()


@pytest.mark.parametrize("socket", [False, True])
@pytest.mark.parametrize("channel", ["C0HELP", "D0ANNA"])
async def test_a_question_is_answered_once(tmp_path: Path, channel: str, socket: bool) -> None:
    """With twins and retries, either way in."""
    async with answering(tmp_path, socket=socket) as (slack, team, bot):
        mention = f"<@{team.bot_user}> " if channel == "C0HELP" else ""
        await slack.say(team.id, channel, "U0ANNA", f"{mention}Where is it?", retries=3)
        await settled(bot)
        assert [ANSWER] == slack.posts(channel)
        [message] = [m for m in slack.messages(channel) if m.bot_id]
        assert "supportbot_reply" == message.metadata["event_type"]
        assert ["markdown", "context_actions", "actions"] == [block["type"] for block in message.blocks]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["reset", "hang", "status", "html", "malformed", "cut", "ratelimited"])
async def test_every_fault_of_a_post_leaves_one_answer(
    tmp_path: Path, kind: Any, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no second post without a read, unless Slack said that it took nothing."""
    if kind == "hang":
        monkeypatch.setattr(api, "_TIMEOUT", 0.5)
    async with answering(tmp_path) as (slack, team, bot):
        slack.fail("chat.postMessage", kind, after=after and kind != "ratelimited")
        await slack.say(team.id, "D0ANNA", "U0ANNA", "Where is it?")
        await settled(bot)
        assert [ANSWER] == slack.posts("D0ANNA")
        methods = [call.method for call in slack.calls]
        first = methods.index("chat.postMessage")
        if "chat.postMessage" in methods[first + 1 :] and kind != "ratelimited":
            assert "conversations.history" in methods[first : methods.index("chat.postMessage", first + 1)]


async def test_a_post_that_shows_late_is_found(tmp_path: Path) -> None:
    """The second look finds it."""
    async with answering(tmp_path) as (slack, team, bot):
        slack.hide_posts(1)
        slack.fail("chat.postMessage", "reset", after=True)
        await slack.say(team.id, "D0ANNA", "U0ANNA", "Where is it?")
        await settled(bot)
        assert [ANSWER] == slack.posts("D0ANNA")


class Waiting(ScriptedModel):
    """A model that writes a beginning, waits until that is shown, and writes the rest."""

    until: Any

    def __init__(self, beginning: str, rest: str) -> None:
        super().__init__()
        self.parts = (beginning, rest)

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        beginning, rest = self.parts
        await live.append(beginning)
        await self.until()
        await live.append(rest)
        return Answer(prompt=prompt, text=beginning + rest, model=self.name)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["", "reset", "status", "cut", "ratelimited"])
@pytest.mark.parametrize("method", ["chat.startStream", "chat.appendStream", "chat.stopStream"])
async def test_a_stream_ends_as_one_answer(tmp_path: Path, method: str, kind: Any, after: bool) -> None:
    """Whatever becomes of any of its calls; a long one, with code."""
    answer = "First.\n\n```py\nx = 1 < 2\n```\n\n" + "And so on. " * 30
    model = Waiting("It comes ", answer)
    async with answering(tmp_path, model) as (slack, team, bot):
        if kind:
            slack.fail(method, kind, after=after and kind != "ratelimited")
        model.until = lambda: slack.until(lambda: slack.called("chat.startStream"))
        await slack.say(team.id, "C0HELP", "U0ANNA", f"<@{team.bot_user}> Where is it?")
        await settled(bot)
        [message] = [m for m in slack.messages("C0HELP") if m.bot_id]
        assert message.streaming_since is None
        shown = next((b["text"] for b in message.blocks if b["type"] == "markdown"), message.text)
        assert shown.startswith("It comes First.")
        assert 30 == shown.count("And so on.")
        assert 2 == shown.count("```")


async def test_a_long_answer_that_was_shown_is_finished(tmp_path: Path) -> None:
    """Its beginning in the post that grew, the rest behind it."""
    model = Waiting("It comes ", "in one of many, many days. " * 900)
    async with answering(tmp_path, model) as (slack, team, bot):
        model.until = lambda: slack.until(lambda: slack.called("chat.startStream"))
        await slack.say(team.id, "C0HELP", "U0ANNA", f"<@{team.bot_user}> When?")
        await settled(bot)
        posts = [m for m in slack.messages("C0HELP") if m.bot_id]
        assert [1, 2, 3] == [m.metadata["event_payload"]["part"] for m in posts]
        assert all(m.streaming_since is None for m in posts)


async def test_feedback_and_a_person(tmp_path: Path) -> None:
    """The buttons do what they say."""
    async with answering(tmp_path) as (slack, team, bot):
        await slack.say(team.id, "C0HELP", "U0ANNA", f"<@{team.bot_user}> Where is it?")
        await settled(bot)
        [message] = [m for m in slack.messages("C0HELP") if m.bot_id]
        buttons = [e for block in message.blocks for e in block.get("elements", ())]
        good = {"action_id": buttons[0]["action_id"], "value": buttons[0]["positive_button"]["value"]}
        person = {"action_id": buttons[1]["action_id"], "value": buttons[1]["value"]}
        for action in (good, person):
            pressed = await slack.press(team.id, "C0HELP", "U0ANNA", action, ts=message.ts)
            assert 200 == pressed.status
        await slack.until(lambda: len(slack.posts("C0HELP")) == 2)
