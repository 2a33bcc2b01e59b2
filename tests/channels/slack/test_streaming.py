"""Answers shown while they are written: never half of one left standing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.errors import ModelError
from supportbot.messages import Answer
from tests.channels.slack.driver import direct, mention, ts
from tests.channels.slack.test_outbound import _delivered

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.messages import Prompt
    from supportbot.model.base import Sink
    from tests.channels.slack.workspace import FakeSlack


class Writing:
    """A model that writes what it is given, waiting where a test says so."""

    name = "writing"

    def __init__(self, *tries: list[str | Callable[[], Any] | Exception], text: str = "") -> None:
        self.tries = list(tries)
        self.text = text

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        written = ""
        for piece in self.tries.pop(0):
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, str):
                written += piece
                await live.append(piece)
            else:
                await piece()
        return Answer(prompt=prompt, text=self.text or written, model=self.name)

    async def close(self) -> None:
        pass


def seen(slack: FakeSlack, text: str) -> Callable[[], Any]:
    """Wait until a text stands in Slack."""
    return lambda: slack.until(lambda: any(text in shown for shown in slack.shown()))


async def test_an_answer_grows_as_a_stream(live: Any, slack: FakeSlack) -> None:
    """Begun at the first words, ended with the buttons and the mark, in no other call."""
    model = Writing(["It comes ", seen(slack, "It comes"), "tomorrow at ten."])
    async with live(model) as bot:
        await bot.send(mention())
        await _delivered(bot)
    [post] = slack.posts
    assert ("It comes tomorrow at ten.", False, 0) == (post.text, post.streaming, post.updates)
    assert ["chat.startStream", "chat.stopStream"] == slack.methods()
    assert ["markdown", "context_actions", "actions"] == [block["type"] for block in post.fields["blocks"]]
    start = next(arguments for method, arguments in slack.calls if method == "chat.startStream")
    assert ("U1", "T0") == (start["recipient_user_id"], start["recipient_team_id"])


async def test_a_quick_answer_is_posted_whole(live: Any, slack: FakeSlack) -> None:
    """What takes no time needs no stream."""
    async with live(Writing(["It comes tomorrow."])) as bot:
        await bot.send(mention())
        await _delivered(bot)
    assert ["chat.postMessage"] == slack.methods()


@pytest.mark.parametrize("message", [mention, direct])
async def test_without_streams_a_post_grows_by_updates(live: Any, slack: FakeSlack, message: Any) -> None:
    """Where Slack has none, and in a direct message without a thread; it never shows a mere placeholder."""
    slack.refusals["chat.startStream"] = "unknown_method"
    async with live(Writing(["It comes ", seen(slack, "It comes"), "tomorrow."])) as bot:
        await bot.send(message())
        await _delivered(bot)
    [post] = slack.posts
    assert "It comes tomorrow." == post.text
    assert ["chat.postMessage", "chat.update"] == [m for m in slack.methods() if m != "chat.startStream"]


async def test_an_answer_that_changes_is_put_right(live: Any, slack: FakeSlack) -> None:
    """The core may deliver other words than the model wrote: those stand in the end."""
    model = Writing(["It comes ", seen(slack, "It comes"), "today."], text="Nobody knows.")
    async with live(model) as bot:
        await bot.send(mention())
        await _delivered(bot)
    assert ["Nobody knows."] == slack.shown()
    assert not slack.posts[0].streaming


async def test_a_model_that_dies_leaves_no_stream_open(live: Any, slack: FakeSlack) -> None:
    """The next try goes on with the same post; when there is none, it says what the bot says then."""
    fails = ["It comes ", seen(slack, "It comes"), ModelError(model="writing", cause="gone")]
    async with live(Writing(list(fails), list(fails), list(fails))) as bot:
        await bot.send(mention())
        await slack.until(lambda: slack.posts and slack.posts[0].updates)
    [post] = slack.posts
    assert not post.streaming
    assert "It comes" not in post.text


async def test_a_second_try_finishes_the_first_ones_post(live: Any, slack: FakeSlack) -> None:
    """One post, with the second answer."""
    fails = ["It came ", seen(slack, "It came"), ModelError(model="writing", cause="gone")]
    async with live(Writing(fails, ["It comes tomorrow."])) as bot:
        await bot.send(mention())
        await slack.until(lambda: any("tomorrow" in text for text in slack.shown()))
    assert ["It comes tomorrow."] == slack.shown()
    assert not slack.posts[0].streaming


@pytest.mark.parametrize("method", ["chat.startStream", "chat.stopStream"])
@pytest.mark.parametrize("fault", ["reset", "taken, then reset", "500", "html"])
async def test_a_stream_that_breaks_ends_in_one_answer(
    live: Any, slack: FakeSlack, method: str, fault: Any
) -> None:
    """Whether Slack took the call or not, and whichever it was."""
    slack.faults[method].append(fault)
    begun = lambda: slack.until(lambda: "chat.startStream" in slack.methods())  # noqa: E731
    async with live(Writing(["It comes ", begun, "tomorrow."])) as bot:
        await bot.send(mention())
        await _delivered(bot)
    assert not any(post.streaming for post in slack.posts)
    assert ["It comes tomorrow."] == slack.shown()


async def test_a_person_who_takes_over_removes_half_an_answer(live: Any, slack: FakeSlack) -> None:
    """Nothing of it stands beside what they say."""
    never = asyncio.Event()
    async with live(Writing(["I think that ", seen(slack, "I think"), never.wait]), agents=["UAGENT"]) as bot:
        asked = mention(number=3)
        await bot.send(asked)
        await slack.until(lambda: slack.posts)
        reply = mention("Let me.", user="UAGENT", thread_ts=ts(3), number=4)
        await bot.send(reply)
        await slack.until(lambda: not slack.posts)


async def test_a_slow_answer_shows_a_status(live: Any, slack: FakeSlack) -> None:
    """In the thread, until there are words."""
    thinking = lambda: slack.until(lambda: any(m == "assistant.threads.setStatus" for m, _ in slack.calls))  # noqa: E731
    async with live(Writing([thinking, "It comes tomorrow."])) as bot:
        await bot.send(mention())
        await _delivered(bot)
    assert ["It comes tomorrow."] == slack.shown()
