"""Answers on their way to Slack: one visible answer, whatever breaks."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.testing import FakeCore, ScriptedModel
from supportbot_slack import SlackChannel
from tests.channels.slack import driver
from tests.channels.slack.driver import direct, mention, ts, twin

if TYPE_CHECKING:
    from supportbot.testing import Clock
    from tests.channels.slack.workspace import ScriptedSlack

ANSWER = "It comes tomorrow."


async def test_a_mention_is_answered_in_its_thread(live: Any, slack: ScriptedSlack) -> None:
    """One call, in the message's thread, with all that keeps a post quiet."""
    async with live(ScriptedModel(ANSWER)) as bot:
        assert 200 == await bot.send(mention(number=1))
        await slack.until(lambda: slack.posts)
    [post] = slack.posts
    assert ("C1", ts(1), ANSWER) == (post.channel, post.thread, post.text)
    quiet = {"parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
    assert quiet == {name: post.fields[name] for name in quiet}
    assert ["chat.postMessage"] == slack.methods()


async def test_a_direct_message_is_answered_beside_it(live: Any, slack: ScriptedSlack) -> None:
    """Not in a thread that nobody asked for; in one that is there, there."""
    async with live() as bot:
        await bot.send(direct("one"))
        await bot.send(direct("two", thread_ts=ts(5)))
        await slack.until(lambda: len(slack.posts) == 2)
    assert {"", ts(5)} == {post.thread for post in slack.posts}


async def test_many_answers_at_once_and_every_third_is_lost(live: Any, slack: ScriptedSlack) -> None:
    """Each conversation has its one answer."""
    slack.faults["chat.postMessage"].extend(["taken, then reset", "reset", "500"])
    async with live() as bot:
        await asyncio.gather(*(bot.send(mention(f"Question {n}")) for n in range(9)))
        await slack.until(lambda: len(slack.posts) >= 9)
        await _delivered(bot)
    assert sorted(f"You said: Question {n}" for n in range(9)) == sorted(slack.shown())


async def test_twins_and_retries_are_one_message(live: Any, slack: ScriptedSlack) -> None:
    """A mention comes as two events, each of them up to four times, all at once, in any order."""
    async with live() as bot:
        first = mention("Once?")
        await asyncio.gather(*(bot.send(each) for each in [first, twin(first)] * 4))
        second = mention("And once more?")
        await bot.send(twin(second))
        await bot.send(second, **{"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"})
        await slack.until(lambda: len(slack.posts) >= 2)
        await _delivered(bot)
    assert ["You said: And once more?", "You said: Once?"] == sorted(slack.shown())


async def test_what_comes_again_a_day_later_is_still_known(
    live: Any, slack: ScriptedSlack, clock: Clock
) -> None:
    """Slack may send an event again for an hour, and a person's client for longer."""
    async with live() as bot:
        first = mention("Once?")
        await bot.send(first)
        await _delivered(bot)
        clock.advance(25 * 3600)
        assert 200 == await bot.send(first)
        assert 200 == await bot.send(twin(first))
        await bot.send(mention("And now?", channel="C2"))
        await slack.until(lambda: "You said: And now?" in slack.shown())
    assert ["You said: Once?", "You said: And now?"] == slack.shown()


async def test_the_same_timestamp_in_two_channels_is_two_messages(live: Any, slack: ScriptedSlack) -> None:
    """A timestamp names a message in its channel only."""
    async with live() as bot:
        await bot.send(mention(number=7, channel="C1"))
        await bot.send(mention(number=7, channel="C2"))
        await slack.until(lambda: len(slack.posts) == 2)
    assert {"C1", "C2"} == {post.channel for post in slack.posts}


async def test_a_shared_channels_message_comes_once(live: Any, slack: ScriptedSlack) -> None:
    """Slack Connect may deliver one message with either organisation's id."""
    async with live() as bot:
        here = mention(number=9) | {"is_ext_shared_channel": True}
        await bot.send(here)
        await bot.send({**here, "event_id": "Evother", "team_id": "T9"})
        await slack.until(lambda: slack.posts)
        await _delivered(bot)
    assert 1 == len(slack.posts)


async def test_a_long_answer_is_several_posts_in_order(live: Any, slack: ScriptedSlack) -> None:
    """Only the last has buttons; one that gets lost is posted alone."""
    long = "\n\n".join(f"Paragraph {n}. " + "word " * 1500 for n in range(4))
    slack.faults["chat.postMessage"].append("taken, then reset")
    async with live(ScriptedModel(long)) as bot:
        await bot.send(mention())
        await slack.until(lambda: len(slack.posts) == 4)
        await _delivered(bot)
    assert [1, 2, 3, 4] == [post.fields["metadata"]["event_payload"]["part"] for post in slack.posts]
    assert [False, False, False, True] == [
        any(b["type"] == "actions" for b in post.fields["blocks"]) for post in slack.posts
    ]


def _refuses(slack: ScriptedSlack, too_long: Any) -> None:
    """Let Slack find some posts too long, as it does with words that take more room than they seem to."""
    taken = slack._chat_post_message

    def picky(arguments: dict[str, Any]) -> dict[str, Any]:
        return {"ok": False, "error": "msg_too_long"} if too_long(arguments) else taken(arguments)

    slack._chat_post_message = picky  # type: ignore[method-assign]


@pytest.mark.parametrize("cut", [0, 1, 2])
@pytest.mark.parametrize("fault", [None, "taken, then reset", "429"])
async def test_a_part_that_slack_finds_too_long_goes_out_in_more(
    live: Any, slack: ScriptedSlack, cut: int, fault: Any
) -> None:
    """Whichever it is; what stands there already stays, and what comes after it is found again."""
    letters = "ABC"
    long = "\n\n".join(f"{letter * 8} " * 1150 for letter in letters)
    _refuses(slack, lambda a: len(a["blocks"][0]["text"]) > 3000 and letters[cut] * 8 in a["text"])
    if fault:
        slack.faults["chat.postMessage"].extend([None, None, None, None, fault])  # type: ignore[list-item]
    async with live(ScriptedModel(long)) as bot:
        await bot.send(mention())
        await slack.until(lambda: slack.shown() and "CCC" in slack.shown()[-1])
        await _delivered(bot)
    numbers = [post.fields["metadata"]["event_payload"]["part"] for post in slack.posts]
    assert list(range(1, len(slack.posts) + 1)) == numbers
    assert long.split() == " ".join(slack.shown()).split()
    assert ["actions"] == [post.fields["blocks"][-1]["type"] for post in slack.posts[-1:]]


async def test_half_an_answer_is_not_called_refused(live: Any, slack: ScriptedSlack) -> None:
    """A part that Slack will not have at any length leaves the delivery unclear: it is looked for."""
    _refuses(slack, lambda a: "BBB" in a["text"])
    async with live(ScriptedModel("\n\n".join(f"{letter * 8} " * 1150 for letter in "AB"))) as bot:
        await bot.send(mention())
        await slack.until(lambda: "conversations.replies" in slack.methods())
    assert all("AAA" in text for text in slack.shown())


async def test_a_refused_post_is_dead(live: Any, slack: ScriptedSlack) -> None:
    """An archived channel will not take it later either."""
    slack.refusals["chat.postMessage"] = "is_archived"
    async with live() as bot:
        await bot.send(mention())
        await slack.until(lambda: "chat.postMessage" in slack.methods())
    assert ["chat.postMessage"] == slack.methods()


async def test_blocks_that_slack_will_not_take_are_left_out(live: Any, slack: ScriptedSlack) -> None:
    """Then the words go out alone."""
    taken = slack._chat_post_message

    def picky(arguments: dict[str, Any]) -> dict[str, Any]:
        return taken(arguments) if "blocks" not in arguments else {"ok": False, "error": "invalid_blocks"}

    slack._chat_post_message = picky  # type: ignore[method-assign]
    async with live(ScriptedModel(ANSWER)) as bot:
        await bot.send(mention())
        await slack.until(lambda: slack.posts)
    assert [ANSWER] == slack.shown()


async def test_a_revoked_token_parks_deliveries_and_is_reported(live: Any, slack: ScriptedSlack) -> None:
    """``/readyz`` says so and stays 200: other channels work. Nothing is lost: the delivery waits."""
    async with live() as bot:
        await bot.send(mention("one"))
        await slack.until(lambda: slack.posts)
        slack.refusals["chat.postMessage"] = slack.refusals["auth.test"] = "token_revoked"
        await bot.send(mention("two"))
        await slack.until(lambda: len([m for m in slack.methods() if m == "chat.postMessage"]) == 2)
        async with bot.http.get(f"{bot.bot.url}/readyz") as response:
            state = await response.json()
        assert (200, True, True) == (response.status, state["ready"], state["degraded"])
        assert "token_revoked" in state["checks"]["channel slack"]
        assert "ok" == state["checks"]["store"]
        assert "token_revoked" in bot.channel.problem()


async def test_what_cannot_be_looked_for_is_held(live: Any, slack: ScriptedSlack) -> None:
    """Without the right to read nothing is posted twice, unless bot.yaml says so."""
    slack.faults["chat.postMessage"].append("taken, then reset")
    slack.refusals["conversations.replies"] = "missing_scope"
    async with live(on_unclear="resend") as bot:
        await bot.send(mention())
        await slack.until(lambda: len(slack.posts) == 2)
        await _delivered(bot)
    assert 2 == len(slack.posts)


async def test_two_first_deliveries_share_what_they_need(slack: ScriptedSlack) -> None:
    """One register of streams, one of rate limits, whoever comes first."""
    core = FakeCore("slack")

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(core.host.records, name)

        async def get(self, key: str) -> Any:
            await asyncio.sleep(0)
            return await core.host.records.get(key)

    section = {"type": "slack", **driver.section(slack)}
    host = dataclasses.replace(core.host, records=Slow())
    channel = SlackChannel(SlackChannel.Config.model_validate(section), host)
    first, second = await asyncio.gather(channel._way_out(), channel._way_out())
    assert first is second


async def _delivered(bot: Any) -> None:
    """Wait until no delivery is open any more."""
    async with asyncio.timeout(20):
        while True:
            async with bot.http.get(f"{bot.bot.url}/metrics") as response:
                text = await response.text()
            counted = [line for line in text.splitlines() if line.startswith("supportbot_deliveries_total")]
            done = sum(float(line.rpartition(" ")[2]) for line in counted)
            turns = [line for line in text.splitlines() if line.startswith("supportbot_turns_total")]
            if done >= sum(float(line.rpartition(" ")[2]) for line in turns) > 0:
                return
            await asyncio.sleep(0.02)
