"""Threads of any length and pace are read at both ends, in a few calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from supportbot.testing import ScriptedModel
from supportbot_slack.address import Address
from supportbot_slack.api import Declined, RateLimited
from supportbot_slack.threads import Thread
from tests.channels.slack.test_fake import answering, settled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

BEGIN = 1_700_000_000.0
DAY = 24 * 3600.0


class Replies:
    """Slack's ``conversations.replies`` of one thread, as it pages."""

    def __init__(self, times: Sequence[float], *, reply_count: bool = True, page: int = 1000) -> None:
        self.stamps = [f"{BEGIN + seconds:.6f}" for seconds in times]
        self.calls: list[Mapping[str, Any]] = []
        self.fails_after = 1_000
        self._counts = reply_count
        self._page = page

    async def read(self, _: str, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a call."""
        assert "conversations.replies" == method
        self.calls.append(arguments)
        if len(self.calls) > self.fails_after:
            raise RateLimited(60)
        oldest, latest = arguments.get("oldest", "0"), arguments["latest"]
        root, *replies = self.stamps
        within = [ts for ts in replies if float(oldest) < float(ts) < float(latest)]
        start = int(arguments.get("cursor", "0"))
        end = start + min(self._page, arguments["limit"])
        shown: list[dict[str, Any]] = [{"ts": root, "thread_ts": root}]
        if self._counts:
            shown[0]["reply_count"] = len(replies)
        shown += [{"ts": ts, "thread_ts": root} for ts in within[start:end]]
        more = {"response_metadata": {"next_cursor": str(end)}} if end < len(within) else {}
        return {"messages": shown} | more


async def read(
    slack: Replies, *, most: int = 30, before: float | None = None, counts: Any = None
) -> list[str]:
    """Read a thread as a bot that is called in at its end; returns the timestamps."""
    last = f"{float(slack.stamps[-1]) + 1:.6f}" if before is None else f"{BEGIN + before:.6f}"
    address = Address(team="T1", channel="C1", thread=slack.stamps[0], ts=last)
    api: Any = slack
    counts = counts or (lambda message: message["ts"] < last)
    return [message["ts"] for message in await Thread(api, "xoxb-1", address, counts=counts).read(most)]


def evenly(number: int, seconds: float) -> list[float]:
    return [n * seconds / number for n in range(number)]


PACES = {
    "one page": evenly(200, DAY),
    "evenly": evenly(5000, 30 * DAY),
    "all in a second": evenly(5000, 1.0),
    "silence, then a storm": [0.0, *(90 * DAY + t for t in evenly(5000, 600))],
    "a storm, then now and then": [*evenly(5000, 3600), *(n * DAY for n in range(1, 300))],
    "slower and slower": [n**3 / 1000 for n in range(3000)],
    "faster and faster": [90 * DAY - n**3 / 1000 for n in range(1900, -1, -1)],
}
STORMS = {
    "a storm, then silence": [*evenly(5000, 60), 90 * DAY],
    "two storms": [*evenly(2500, 60), *(30 * DAY + t for t in evenly(2500, 60)), 60 * DAY],
}


@pytest.mark.parametrize("most", [1, 2, 30, 200])
@pytest.mark.parametrize("reply_count", [True, False])
@pytest.mark.parametrize("pace", PACES)
async def test_the_first_and_the_newest_are_read(pace: str, reply_count: bool, most: int) -> None:
    """Exactly these, whatever the pace, in no more calls than are allowed."""
    slack = Replies(PACES[pace], reply_count=reply_count)
    newest = slack.stamps[1:][-(most - 1) :] if most > 1 else []
    assert [slack.stamps[0], *newest] == await read(slack, most=most)
    assert len(slack.calls) <= 10


@pytest.mark.parametrize("reply_count", [True, False])
@pytest.mark.parametrize("pace", STORMS)
async def test_what_cannot_be_reached_is_left_out(pace: str, reply_count: bool) -> None:
    """Thousands within a minute, long ago: the newest are there, and nothing is between them."""
    slack = Replies(STORMS[pace], reply_count=reply_count)
    first, *found = await read(slack)
    assert slack.stamps[0] == first
    assert slack.stamps[-len(found) :] == found
    assert found
    assert len(slack.calls) <= 10


async def test_most_threads_take_one_call() -> None:
    """They are short."""
    slack = Replies(evenly(40, DAY))
    assert 30 == len(await read(slack))
    assert 1 == len(slack.calls)


async def test_a_long_one_takes_few() -> None:
    """Where people write as evenly as people do."""
    slack = Replies(evenly(20_000, 30 * DAY))
    await read(slack)
    assert len(slack.calls) <= 3


async def test_what_was_said_after_the_question_is_not_read() -> None:
    """The question may have waited."""
    slack = Replies(evenly(5000, 30 * DAY))
    found = await read(slack, before=10 * DAY)
    assert max(found) < f"{BEGIN + 10 * DAY:.6f}"
    assert float(found[-1]) > BEGIN + 9.9 * DAY


async def test_an_app_that_may_hardly_call_gets_the_beginning() -> None:
    """Fifteen messages, and one call a minute: what there is, and no error."""
    slack = Replies(evenly(5000, DAY), page=15)
    slack.fails_after = 1
    assert slack.stamps[:16] == await read(slack)
    slack = Replies(evenly(5000, DAY), page=15)
    slack.fails_after = 0
    with pytest.raises(RateLimited):
        await read(slack)


async def test_what_was_found_before_an_error_is_kept() -> None:
    """The newest that were read by then."""
    slack = Replies([*evenly(5000, 60), 89 * DAY, 90 * DAY])
    slack.fails_after = 2
    assert [slack.stamps[0], *slack.stamps[-2:]] == await read(slack)


async def test_a_thread_that_begins_with_what_does_not_count() -> None:
    """Posts of our own, for one: the newest of the others are read all the same."""
    slack = Replies(evenly(5000, DAY))
    late = slack.stamps[4000]
    found = await read(slack, counts=lambda message: late <= message["ts"])
    assert slack.stamps[-30:] == found


async def test_small_pages_are_enough() -> None:
    """Ten calls of fifteen messages reach the newest, if not all that were wanted."""
    slack = Replies(evenly(5000, DAY), page=15)
    found = await read(slack)
    assert (slack.stamps[0], slack.stamps[-1]) == (found[0], found[-1])
    assert len(slack.calls) <= 10


@pytest.mark.parametrize("answer", [{}, {"messages": None}, {"messages": ["x", None, {}]}])
async def test_nonsense_is_no_thread(answer: dict[str, Any]) -> None:
    """An answer without what it should hold."""

    class Strange(Replies):
        async def read(self, _: str, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
            return answer | {"response_metadata": {"next_cursor": "again"}}

    assert [] == await read(Strange([0.0]), counts=lambda message: "ts" in message)


async def test_a_thread_that_may_not_be_read_is_an_error() -> None:
    """Which the caller knows how to live with."""

    class Refusing(Replies):
        async def read(self, _: str, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
            raise Declined("missing_scope")

    with pytest.raises(Declined):
        await read(Refusing([0.0]))


async def test_a_bot_that_is_called_late_knows_how_the_thread_stands(tmp_path: Path) -> None:
    """In Slack as it pages: its first message, and the last ones of thousands."""
    model = ScriptedModel("It is fixed.")
    async with answering(tmp_path, model) as (slack, team, bot):
        place = (team.id, "C0HELP")
        team.user("U0BEN")
        root = slack.world.store.post(place, "U0BEN", "The printer smells of smoke")
        root.thread_ts = root.ts
        for number in range(2_500):
            slack.world.store.post(place, "U0BEN", f"Message {number}", thread_ts=root.ts)
        question = f"<@{team.bot_user}> And now?"
        await slack.say(team.id, "C0HELP", "U0ANNA", question, thread_ts=root.ts)
        await settled(bot)
        told = [said.text.partition(": ")[2] for said in model.prompts[0].turn.memory.left_out]
        assert ["The printer smells of smoke", *(f"Message {n}" for n in range(2_471, 2_500))] == told
        assert len(slack.called("conversations.replies")) <= 10
