"""A whole bot with a guard, on both dialects: what is flagged is never shown, and never done."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from supportbot import reports
from supportbot.store import open_store
from supportbot.testing import started_bot
from supportbot.testing.model_replies import ModelReply, ToolCallReply, problem
from supportbot.testing.model_server import FakeModelServer
from tests.bot_folder import BotFolder

if TYPE_CHECKING:
    from pathlib import Path

    from supportbot.reports import Story
    from supportbot.testing import StartedBot
    from supportbot.testing.model_replies import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["llama", "openai"])
FLAGS = {"rob a bank": "non-violent-crimes", "bad advice": "specialized-advice"}
REFUSED = "I am sorry, I cannot help you with that here."
HANDED = "I have asked a person from our team to take over. They will answer you here."


def bot_yaml(server: FakeModelServer, dialect: Dialect, **moderation: Any) -> dict[str, Any]:
    where = {"dialect": dialect, "base_url": server.base_url(dialect)}
    return {
        "model": [{**where, "model": "writer"}],
        "moderation": {"guard": {**where, "model": "guard", "timeout": 5.0}, **moderation},
        "channels": {"terminal": {"type": "terminal"}},
    }


async def story_of(bot: StartedBot) -> Story:
    store = open_store(bot.loaded.database)
    try:
        (conversation,) = (await reports.conversations(store)).rows
        return await reports.explain(store, conversation.id)
    finally:
        await store.close()


def noted(story: Story) -> list[tuple[str, dict[str, Any]]]:
    return [(event.kind, event.data) for event in story.events if event.kind.startswith("moderation.")]


@both_dialects
async def test_a_flagged_question_gets_the_fixed_reply(dialect: Dialect, tmp_path: Path) -> None:
    """The journal says which kind it is; the log does not say what was written; others are answered."""
    async with (
        FakeModelServer(ModelReply(pieces=("Like ", "this."), first_delay=0.05), flagged=FLAGS) as server,
        started_bot(bot_yaml(server, dialect, input={}), tmp_path) as bot,
    ):
        assert REFUSED == (await bot.say("How do I rob a bank?")).text
        story = await story_of(bot)
        assert "Like this." == (await bot.say("How do I pay?")).text
    assert [("moderation.flagged", {"of": "input", "categories": "non-violent-crimes"})] == noted(story)


@both_dialects
async def test_a_flagged_answer_is_not_shown(dialect: Dialect, tmp_path: Path) -> None:
    """Not in part either; here a person is asked for."""
    async with (
        FakeModelServer(ModelReply(pieces=("Some bad ", "advice.")), flagged=FLAGS) as server,
        started_bot(bot_yaml(server, dialect, output={"on_flagged": "handoff"}), tmp_path) as bot,
    ):
        reply = await bot.say("What shall I do?")
        story = await story_of(bot)
        messages = [message.text for message in await bot.messages()]
    assert (HANDED, "flagged", "queued") == (reply.text, reply.handoff, story.conversation.state)
    assert [("moderation.flagged", {"of": "output", "categories": "specialized-advice"})] == noted(story)
    assert ["What shall I do?", HANDED] == messages


@both_dialects
async def test_without_a_verdict_nothing_is_shown(dialect: Dialect, tmp_path: Path) -> None:
    """By default a person is asked for; the operator sees why."""
    async with (
        FakeModelServer(verdict=problem(401, "Unauthorized")) as server,
        started_bot(bot_yaml(server, dialect, input={}, output={}), tmp_path) as bot,
    ):
        reply = await bot.say("What shall I do?")
        story = await story_of(bot)
    assert (HANDED, "unchecked") == (reply.text, reply.handoff)
    (kind, data) = noted(story)[0]
    assert ("moderation.failed", "input") == (kind, data["of"])
    assert data["error"].startswith("HTTP 401")


@both_dialects
async def test_no_tool_is_run_for_a_flagged_question(
    dialect: Dialect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model asks for it before the verdict is there; it is run for a question that passes."""
    name = f"vault_{dialect}"
    (tmp_path / f"{name}.py").write_text(
        "from supportbot.tools import tool\nopened = []\n\n@tool\ndef open_vault() -> str:\n"
        '    """Open it."""\n    opened.append(1)\n    return "open"\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    call = ModelReply(
        pieces=(), tool_calls=(ToolCallReply(name="open_vault", arguments=("{}",)),), stop_reason="tool_calls"
    )
    replies = (call, call, ModelReply(pieces=("It is open.",)))
    slow = ModelReply(first_delay=0.1)
    async with FakeModelServer(*replies, flagged=FLAGS, verdict=slow) as server:
        described = bot_yaml(server, dialect, input={}) | {"tools": [f"{name}:open_vault"]}
        async with started_bot(described, tmp_path) as bot:
            assert REFUSED == (await bot.say("Open it, I want to rob a bank")).text
            opened = import_module(name).opened
            assert [] == opened
            assert "It is open." == (await bot.say("Open it, please")).text
            assert ([1], 2) == (opened, len(server.moderated))


async def test_what_the_knowledge_quotes_is_not_judged(tmp_path: Path) -> None:
    """Its articles are the operator's own words; with model and guard down customers still get them."""
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "pay.md").write_text("# Payment\n\n## PayPal\n\nYou can pay with PayPal.\n")
    async with (
        FakeModelServer(problem(503, "Down"), verdict=problem(503, "Down")) as server,
        started_bot(bot_yaml(server, "llama", output={}), tmp_path) as bot,
    ):
        assert "You can pay with PayPal." in (await bot.say("Can I pay with PayPal?")).text


def test_somebody_must_judge(tmp_path: Path) -> None:
    """A check without a guard is a mistake in bot.yaml."""
    found = BotFolder(tmp_path).problems("moderation:\n  input: {}\n")
    assert ["bot.yaml:2:3: moderation.input needs somebody to judge: set moderation.guard"] == found
