"""Which direct message a user is answered in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from supportbot_slack.direct import DirectMessages
from supportbot_slack.workspaces import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Workspace(team="T1", bot_token="xoxb-here")


class Slack:
    """Opens a direct message with anybody."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.calls: list[tuple[str, str, Mapping[str, Any]]] = []

    async def call(self, token: str, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((token, method, arguments))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or {"ok": True, "channel": {"id": "D" + arguments["users"][1:]}}


@pytest.mark.parametrize("place", ["C1", "D1", "G1", ""])
async def test_a_channel_is_where_it_is(place: str) -> None:
    """Nothing is asked for it."""
    slack = Slack()
    assert place == await DirectMessages(slack.call).channel(HERE, place)
    assert [] == slack.calls


async def test_slack_is_asked_once_for_each_user() -> None:
    """Of each workspace, with its own token."""
    slack, there = Slack(), Workspace(team="T2", bot_token="xoxb-there")
    known = DirectMessages(slack.call)
    for workspace, user in ((HERE, "U1"), (HERE, "U1"), (there, "U1"), (HERE, "W2"), (HERE, "U1")):
        assert "D" + user[1:] == await known.channel(workspace, user)
    assert [("xoxb-here", "U1"), ("xoxb-there", "U1"), ("xoxb-here", "W2")] == [
        (token, arguments["users"]) for token, _, arguments in slack.calls
    ]


async def test_a_failure_is_not_remembered() -> None:
    """It is for whoever posts to say what it means; the next try asks again."""
    slack = Slack(RuntimeError("away"))
    known = DirectMessages(slack.call)
    with pytest.raises(RuntimeError):
        await known.channel(HERE, "U1")
    slack.answer = None
    assert "D1" == await known.channel(HERE, "U1")


async def test_a_strange_answer_leaves_the_user() -> None:
    """Slack takes a user for a channel, too; only looking for the answer there would not work."""
    assert "U1" == await DirectMessages(Slack({"ok": True}).call).channel(HERE, "U1")
