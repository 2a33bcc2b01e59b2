"""supportbot.testing: its door, its plug-in, its fixtures, its page."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import supportbot.testing
from supportbot.errors import ConfigError
from supportbot.ids import now_ms
from supportbot.testing import RecordingChannel, ScriptedModel, model_down, started_bot

if TYPE_CHECKING:
    from supportbot.testing import Clock, StartBot, StartedBot

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "testing.md").read_text("utf-8")
EXAMPLES: list[str] = re.findall(r"(?ms)^```python\n(.*?)^```$", PAGE)


# -- the page --------------------------------------------------------------------------------------


def test_every_example_of_the_page_runs(tmp_path: Path) -> None:
    """What the page shows is a test that passes, in a pytest of its own, without a warning."""
    for number, example in enumerate(EXAMPLES):
        (tmp_path / f"test_example_{number}.py").write_text(example, "utf-8")
    options = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"]
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *options]
    ran = subprocess.run(
        [*command, "--rootdir", tmp_path, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert 0 == ran.returncode, ran.stdout
    assert re.fullmatch(rf"{PAGE.count('async def test_')} passed in .*", ran.stdout.strip().splitlines()[-1])


def test_every_public_name_is_on_the_page() -> None:
    """Whatever can be imported from supportbot.testing is explained."""
    assert [] == [name for name in supportbot.testing.__all__ if f"`{name}`" not in PAGE]


# -- the door --------------------------------------------------------------------------------------


def test_the_door_gives_what_it_promises() -> None:
    """Every public name can be imported, and nothing else."""
    for name in supportbot.testing.__all__:
        assert getattr(supportbot.testing, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        supportbot.testing.Nothing  # noqa: B018


def test_the_plug_in_costs_next_to_nothing() -> None:
    """Whoever has SupportBot installed and tests something else does not load SupportBot."""
    code = """if True:
        import sys, pytest
        before = set(sys.modules)
        import supportbot.testing.plugin
        print(*sorted(set(sys.modules) - before))
    """
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "supportbot supportbot.testing supportbot.testing.plugin\n" == ran.stdout


def test_without_pytest_asyncio_the_plug_in_stays_out_of_the_way(tmp_path: Path) -> None:
    """Tests that have nothing to do with SupportBot run where pytest-asyncio is not wanted."""
    (tmp_path / "test_other.py").write_text("def test_other():\n    pass\n", "utf-8")
    options = ["-q", "-W", "error", "-p", "no:asyncio", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 0 == ran.returncode, ran.stdout


# -- a bot -----------------------------------------------------------------------------------------


async def test_the_bot_of_the_fixture_answers(bot: StartedBot) -> None:
    """The plain fixture is a bot that repeats what it was told."""
    reply = await bot.say("Hello")
    assert ("answered", "You said: Hello") == (reply.state, reply.text)
    assert ["Hello", "You said: Hello"] == [message.text for message in await bot.messages()]


async def test_customers_have_conversations_of_their_own(bot: StartedBot) -> None:
    """Each name is another customer."""
    await bot.say("I am Anna")
    await bot.say("I am Ben", conversation="ben")
    assert ["I am Ben", "You said: I am Ben"] == [message.text for message in await bot.messages("ben")]


async def test_who_asks_for_a_person_gets_one(bot: StartedBot) -> None:
    """The button works, and afterwards nobody answers."""
    reply = await bot.say("Help", wants_person=True)
    assert "customer_asked" == reply.handoff
    later = await bot.say("Hello?")
    assert ("handed_over", "") == (later.state, later.text)


@pytest.mark.parametrize("words", ["talk to a person", "Can I speak to someone?", "human please"])
async def test_a_model_does_not_stand_in_the_way_of_a_person(start_bot: StartBot, words: str) -> None:
    """Prompts and texts tell customers to write it: who does is handed over, also with a healthy model."""
    bot = await start_bot({}, model=ScriptedModel(fallback=lambda _: "I am the model."))
    assert "customer_asked" == (await bot.say(words)).handoff


async def test_more_than_the_wish_for_a_person_is_the_model_s(start_bot: StartBot) -> None:
    """It may have the answer; triage.hand_over decides otherwise."""
    bot = await start_bot({}, model=ScriptedModel(fallback=lambda _: "I am the model."))
    reply = await bot.say("Before I ask to talk to a person: how long does the delivery of a lamp take?")
    assert "I am the model." == reply.text


async def test_a_turn_that_dies_says_sorry(start_bot: StartBot) -> None:
    """When the model never answers, the reply is the text for that, and says that it is none."""
    content = {"turns": {"attempts": 2, "retry_delay": 0.01}, "texts": {"failed": "Sorry."}}
    bot = await start_bot(content, model=ScriptedModel(model_down(), model_down()))
    reply = await bot.say("Hello")
    assert ("dead", "Sorry.") == (reply.state, reply.text)


async def test_a_reply_that_never_arrives_is_missed(bot: StartedBot) -> None:
    """A customer who sees nothing has got no reply, whatever the store says."""
    bot.platform.fates.append("refused")
    with pytest.raises(TimeoutError):
        await bot.say("Hello", within=0.3)


async def test_two_bots_in_one_test(start_bot: StartBot) -> None:
    """They share nothing, also when they come from the same text."""
    first, second = [await start_bot("bot: {name: Fern}\n", model=ScriptedModel()) for _ in range(2)]
    await first.say("Hello")
    assert first.url != second.url
    assert [] == await second.messages()


async def test_a_bot_from_its_folder(tmp_path: Path, start_bot: StartBot) -> None:
    """A bot.yaml keeps its prompts and its knowledge, and never its database."""
    bot = await start_bot(ROOT / "bot.yaml")
    assert str(tmp_path) in bot.loaded.database
    reply = await bot.say("What does shipping cost?")
    assert reply.citations
    assert {"web", "terminal", "customer"} == set(bot.channels)


async def test_a_mistake_in_bot_yaml_is_told(start_bot: StartBot) -> None:
    """The error is the one that the program gives."""
    with pytest.raises(ConfigError, match="chanels is not a known key"):
        await start_bot({"chanels": {}})


async def test_a_bot_without_pytest(tmp_path: Path) -> None:
    """The context manager does what the fixture does."""
    async with started_bot({}, tmp_path, channels={"fax": (RecordingChannel, {})}) as bot:
        assert "answered" == (await bot.say("Hello")).state
        assert [] == bot.channels["fax"].posts


# -- the clock -------------------------------------------------------------------------------------


def test_the_clock_jumps_and_goes_on(clock: Clock) -> None:
    """Time is what it was plus what it was set forward, and does not stand still."""
    before, before_ms = time.time(), now_ms()
    clock.advance(3600)
    assert 3600 <= time.time() - before < 3700
    assert 3_600_000 <= now_ms() - before_ms < 3_700_000
    clock.advance(-3600)
    assert 0 <= time.time() - before < 100
    reached = time.time_ns()
    while time.time_ns() == reached:
        pass
