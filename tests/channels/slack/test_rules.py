"""Whom the bot answers, and where."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from supportbot.testing.host import FakeCore
from supportbot_slack.commands import NO_DIRECT
from supportbot_slack.config import Rate, SlackConfig
from supportbot_slack.events import Ignored
from supportbot_slack.rules import Rules
from tests.channels.slack.driver import SECRET, direct, event, mention, ts, twin
from tests.channels.slack.test_inbound import said
from tests.channels.slack.test_outbound import _delivered

if TYPE_CHECKING:
    from tests.channels.slack.workspace import ScriptedSlack


def rules(clock: Any = lambda: 0.0, **section: Any) -> Rules:
    secrets = {"bot_token": "xoxb-1-test", "signing_secret": SECRET}
    config = SlackConfig.model_validate({"type": "slack"} | secrets | section)
    return Rules(config, FakeCore().host.limiter, clock=clock)


def plain_message(**fields: Any) -> Any:
    return said(event(mention()["event"] | {"type": "message", "text": "hello"} | fields))


@pytest.mark.parametrize(
    ("section", "message", "verdict"),
    [
        ({}, said(mention()), "answer"),
        ({}, said(twin(mention())), "answer"),
        ({}, said(direct()), "answer"),
        ({"direct_messages": False}, said(direct()), "direct_message"),
        ({}, plain_message(), "not_addressed"),
        ({}, plain_message(thread_ts=ts(1)), "if_taking_part"),
        ({"channels": {"C1": {"answer": "every"}}}, plain_message(), "answer"),
        ({"others": {"answer": "every"}}, plain_message(), "answer"),
        ({"channels": {"C1": {"answer": "off"}}}, said(mention()), "channel_off"),
        ({"channels": {"C1": {"users": ["U2"]}}}, said(mention()), "user_not_allowed"),
        ({"channels": {"C1": {"users": ["U2"]}}}, said(mention(user="U2")), "answer"),
        ({}, said(mention(bot_id="B9")), "bot"),
        ({"bots": ["B9"]}, said(mention(bot_id="B9")), "answer"),
    ],
)
def test_who_is_answered(section: dict[str, Any], message: Any, verdict: str) -> None:
    """By channel, by user, by how the bot was spoken to."""
    found = rules(**section).judge(message)
    assert verdict == (found.reason if isinstance(found, Ignored) else found)


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"agents": ["@anna"]}, "Copy member ID"),
        ({"agents": ["C012AB3CD"]}, "Copy member ID"),
        ({"others": {"users": ["anna"]}}, "Copy member ID"),
        ({"channels": {"help": {"answer": "every"}}}, "Copy link"),
        ({"channels": {"#noise": {"answer": "off"}}}, "Copy link"),
        ({"channels": {"C012AB3CD": {"users": ["<@U1>"]}}}, "Copy member ID"),
        ({"bots": ["jira"]}, "bot_id"),
        ({"bots": ["U012AB3CD"]}, "bot_id"),
    ],
)
def test_an_id_that_can_never_match_is_refused(section: dict[str, Any], says: str) -> None:
    """Names are not ids; where to find the id is said."""
    with pytest.raises(ValidationError, match=says):
        rules(**section)


def test_ids_are_taken() -> None:
    """Users' begin with U or W, channels' with C or, private ones made long ago, with G, bots' with B."""
    ids = {"agents": ["U012AB3CD", "W012AB3CD"], "bots": ["B012AB3CD"]}
    rules(**ids, channels={"C012AB3CD": {}, "G012AB3CD": {"users": ["U1"]}})


async def test_two_bots_cannot_go_on_for_ever() -> None:
    """Ten times in ten minutes; a person in between, or time, lets them go on."""
    now = [0.0]
    held = rules(lambda: now[0], bots=["B9"])
    person = said(mention(thread_ts=ts(1)))

    def bots() -> Any:
        return said(mention(bot_id="B9", thread_ts=ts(1)))

    assert [""] * 10 + ["loop"] * 5 == [await held.too_much(bots()) for _ in range(15)]
    assert "" == await held.too_much(person)
    assert "loop" == await held.too_much(bots())  # the person's message may have been an old one
    held.came(person)
    assert "" == await held.too_much(bots())
    assert ["loop"] == list({await held.too_much(bots()) for _ in range(20)} - {""})
    now[0] = 601.0
    assert "" == await held.too_much(bots())


async def test_one_user_does_not_take_all() -> None:
    """Beyond the limit a message is recorded and not answered; others' are. What comes again counts once."""
    held = rules(limit=Rate(per_minute=60, burst=3).model_dump())
    asked = [mention() for _ in range(4)]
    counted = [
        await held.too_much(said(each)) for message in asked for each in (message, twin(message), message)
    ]
    assert [""] * 9 + ["too_many"] * 3 == counted
    assert "" == await held.too_much(said(direct(user="U2")))


async def test_whoever_stops_waiting_for_the_count_has_it_counted_once() -> None:
    """The sender of the first event hangs up while the count is under way: the third waits for it, as the
    second does."""
    asked: list[str] = []
    begun, counted = asyncio.Event(), asyncio.Event()

    class Slow:
        async def take(self, key: str) -> float:
            asked.append(key)
            begun.set()
            await counted.wait()
            return 0.0

    config = {"type": "slack", "bot_token": "xoxb-1-test", "signing_secret": SECRET}
    held = Rules(SlackConfig.model_validate(config), lambda *_, **__: Slow())
    message = said(mention())
    first = asyncio.create_task(held.too_much(message))
    await asyncio.sleep(0)  # so that it is the first
    others = [asyncio.create_task(held.too_much(message))]
    await begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    others.append(asyncio.create_task(held.too_much(message)))
    await asyncio.sleep(0)  # so that it asks before there is an answer
    counted.set()
    assert ["", ""] == await asyncio.gather(*others)
    assert ["T0/U1"] == asked


async def test_a_thread_that_it_takes_part_in_needs_no_mention(live: Any, slack: ScriptedSlack) -> None:
    """The first message calls it, the next ones just talk to it; in another thread nobody did."""
    async with live() as bot:
        await bot.send(mention("One", number=1))
        await slack.until(lambda: len(slack.posts) == 1)
        for number, thread in ((2, 1), (4, 3)):
            follow = mention(f"Number {number}", number=number, thread_ts=ts(thread))["event"]
            words = {"type": "message", "text": f"Number {number}", "channel_type": "channel"}
            await bot.send(event(follow | words))
        await slack.until(lambda: len(slack.posts) == 2)
        await _delivered(bot)
    assert ["You said: One", "You said: Number 2"] == slack.shown()


async def test_whoever_writes_too_much_is_told_once(live: Any, slack: ScriptedSlack) -> None:
    """All is acknowledged; one notice says that not all of it is answered."""
    async with live(limit={"per_minute": 1, "burst": 2}) as bot:
        for number in range(1, 7):
            assert 200 == await bot.send(direct(f"Message {number}", number=number))
        await slack.until(lambda: any("more than I can answer" in text for text in slack.shown()))
        await _delivered(bot)
    assert 3 == len(slack.posts)


async def test_a_direct_message_is_refused_in_words(live: Any, slack: ScriptedSlack) -> None:
    """Where there are none: once in a while, nothing is stored; another bot is told nothing."""
    async with live(direct_messages=False) as bot:
        await bot.send(direct("Beep", number=1, bot_id="B9", user="U9"))
        for number in (2, 3):
            assert 200 == await bot.send(direct(f"Hello {number}", number=number))
        await slack.until(lambda: slack.posts)
        await bot.send(mention("Hello there", number=4))
        await slack.until(lambda: len(slack.posts) == 2)
        await _delivered(bot)
        assert None is await bot.channel._host.transcripts.conversation_id("T0/D1")
    assert [("D1", NO_DIRECT), ("C1", "You said: Hello there")] == [(p.channel, p.text) for p in slack.posts]


async def test_where_it_is_off_a_mention_is_met_with_silence(live: Any, slack: ScriptedSlack) -> None:
    """Off is off: no post and no whisper; a mention elsewhere is answered."""
    async with live(channels={"C2": {"answer": "off"}}) as bot:
        await bot.send(mention("Anybody?", number=1, channel="C2"))
        await bot.send(mention("Hello", number=2))
        await slack.until(lambda: slack.posts)
        await _delivered(bot)
    assert [("C1", "You said: Hello")] == [(post.channel, post.text) for post in slack.posts]
    assert "chat.postEphemeral" not in [method for method, _ in slack.calls]


async def test_a_deleted_messages_words_go(live: Any, slack: ScriptedSlack) -> None:
    """From the store, whenever Slack says so."""
    async with live() as bot:
        await bot.send(direct("My card is 1234", number=1))
        await _delivered(bot)
        gone = {"type": "message", "subtype": "message_deleted", "channel": "D1", "deleted_ts": ts(1)}
        assert 200 == await bot.send(event(gone))
        [message, _] = await bot.channel._host.transcripts.messages("T0/D1")
    assert "[deleted]" == message.text
