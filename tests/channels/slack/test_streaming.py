"""Answers shown while they are written: never half of one left standing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.errors import ModelError
from supportbot.messages import Answer
from supportbot.testing import FakeCore
from supportbot_slack import shown, streaming
from supportbot_slack.address import Address
from supportbot_slack.api import SlackApi
from supportbot_slack.links import Links
from supportbot_slack.marker import Marker
from tests.channels.slack.driver import direct, event, mention, ts
from tests.channels.slack.test_outbound import _delivered

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.messages import Prompt
    from supportbot.model.base import Sink
    from tests.channels.slack.workspace import ScriptedSlack


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


def seen(slack: ScriptedSlack, text: str) -> Callable[[], Any]:
    """Wait until a text stands in Slack."""
    return lambda: slack.until(lambda: any(text in shown for shown in slack.shown()))


async def test_an_answer_grows_as_a_stream(live: Any, slack: ScriptedSlack) -> None:
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


async def test_a_quick_answer_is_posted_whole(live: Any, slack: ScriptedSlack) -> None:
    """What takes no time needs no stream."""
    async with live(Writing(["It comes tomorrow."])) as bot:
        await bot.send(mention())
        await _delivered(bot)
    assert ["chat.postMessage"] == slack.methods()


@pytest.mark.parametrize("message", [mention, direct])
async def test_without_streams_a_post_grows_by_updates(live: Any, slack: ScriptedSlack, message: Any) -> None:
    """Where Slack has none, and in a direct message without a thread; it never shows a mere placeholder."""
    slack.refusals["chat.startStream"] = "unknown_method"
    async with live(Writing(["It comes ", seen(slack, "It comes"), "tomorrow."])) as bot:
        await bot.send(message())
        await _delivered(bot)
    [post] = slack.posts
    assert "It comes tomorrow." == post.text
    assert ["chat.postMessage", "chat.update"] == [m for m in slack.methods() if m != "chat.startStream"]


async def test_an_answer_that_changes_is_put_right(live: Any, slack: ScriptedSlack) -> None:
    """The core may deliver other words than the model wrote: those stand in the end."""
    model = Writing(["It comes ", seen(slack, "It comes"), "today."], text="Nobody knows.")
    async with live(model) as bot:
        await bot.send(mention())
        await _delivered(bot)
    assert ["Nobody knows."] == slack.shown()
    assert not slack.posts[0].streaming


async def test_a_model_that_dies_leaves_no_stream_open(live: Any, slack: ScriptedSlack) -> None:
    """The next try goes on with the same post; when there is none, it says what the bot says then."""
    fails = ["It comes ", seen(slack, "It comes"), ModelError(model="writing", cause="gone")]
    async with live(Writing(list(fails), list(fails), list(fails))) as bot:
        await bot.send(mention())
        await slack.until(lambda: slack.posts and slack.posts[0].updates)
    [post] = slack.posts
    assert not post.streaming
    assert "It comes" not in post.text


async def test_a_second_try_finishes_the_first_ones_post(live: Any, slack: ScriptedSlack) -> None:
    """One post, with the second answer."""
    fails = ["It came ", seen(slack, "It came"), ModelError(model="writing", cause="gone")]
    async with live(Writing(fails, ["It comes tomorrow."])) as bot:
        await bot.send(mention())
        await slack.until(lambda: any("tomorrow" in text for text in slack.shown()))
    assert ["It comes tomorrow."] == slack.shown()
    assert not slack.posts[0].streaming


async def test_an_update_that_has_to_wait_updates_the_same_post(live: Any, slack: ScriptedSlack) -> None:
    """Where the stream's words were wrong and Slack asks to slow down."""
    slack.faults["chat.update"].append("429")
    model = Writing(["It comes ", seen(slack, "It comes"), "today."], text="Nobody knows.")
    async with live(model) as bot:
        await bot.send(mention())
        await _delivered(bot)
    assert ["Nobody knows."] == slack.shown()


async def test_a_person_who_takes_over_removes_half_an_answer(live: Any, slack: ScriptedSlack) -> None:
    """Nothing of it stands beside what they say."""
    never = asyncio.Event()
    async with live(Writing(["I think that ", seen(slack, "I think"), never.wait]), agents=["UAGENT"]) as bot:
        asked = mention(number=3)
        await bot.send(asked)
        await slack.until(lambda: slack.posts)
        words = {"type": "message", "text": "Let me.", "user": "UAGENT", "ts": ts(4), "thread_ts": ts(3)}
        await bot.send(event(asked["event"] | words))
        await slack.until(lambda: not slack.posts)


async def test_a_slow_answer_shows_a_status(live: Any, slack: ScriptedSlack) -> None:
    """In the thread, until there are words."""
    thinking = lambda: slack.until(lambda: any(m == "assistant.threads.setStatus" for m, _ in slack.calls))  # noqa: E731
    async with live(Writing([thinking, "It comes tomorrow."])) as bot:
        await bot.send(mention())
        await _delivered(bot)
    assert ["It comes tomorrow."] == slack.shown()


async def test_a_stream_ends_before_slack_ends_it(
    live: Any, slack: ScriptedSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The post goes on by updates: its mark says meanwhile that it is not finished."""
    monkeypatch.setattr(shown, "_STREAM_LIFETIME", 0.0)
    monkeypatch.setattr(shown, "_STREAM_PACE", 0.05)
    more = seen(slack, "tomorrow")
    async with live(Writing(["It comes ", seen(slack, "It comes"), "tomorrow or ", more, "later."])) as bot:
        await bot.send(mention())
        await _delivered(bot)
    assert ["It comes tomorrow or later."] == slack.shown()
    assert ["chat.startStream", "chat.stopStream", "chat.update", "chat.update"] == slack.methods()
    stop = next(arguments for method, arguments in slack.calls if method == "chat.stopStream")
    assert 0 == stop["metadata"]["event_payload"]["of"]


async def test_another_answers_stream_is_not_taken_for_ones_own(live: Any, slack: ScriptedSlack) -> None:
    """One that is looked for while the next is being written is posted by itself."""
    slack.faults["chat.postMessage"].append("500")
    slack.faults["conversations.replies"].extend(["500"] * 15)
    model = Writing(["The first."], ["The second ", seen(slack, "The first."), "comes."])
    async with live(model) as bot:
        await bot.send(mention(number=1))
        await slack.until(lambda: "conversations.replies" in slack.methods())
        await bot.send(mention(number=2, thread_ts=ts(1)))
        await slack.until(lambda: "The second" in slack.shown())
        slack.faults["conversations.replies"].clear()
        await _delivered(bot)
    assert ["The second comes.", "The first."] == slack.shown()


async def test_what_is_never_delivered_is_not_kept_for_ever(
    slack: ScriptedSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of answers that are dead, or that another process delivers, the oldest is let go."""
    monkeypatch.setattr(streaming, "_MOST", 2)
    core = FakeCore("slack")
    host = core.host
    workspaces: Any = None
    streams = streaming.Streams(host, SlackApi(slack.url), workspaces, Marker(b"key"), Links(()))
    for number in range(5):
        streams._begin(f"trn_{number}", Address(team="T0", channel="C1"))
    assert ["trn_3", "trn_4"] == list(streams._shown)
    await streams.end()
