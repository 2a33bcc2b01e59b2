"""A fake Slack over real HTTP and WebSockets, for tests of whatever talks to Slack.

    async with FakeSlack() as slack:
        team = slack.workspace()
        slack.event_url = "http://127.0.0.1:8080/slack/events"
        await slack.say(team, "D0ANNA", "U0ANNA", "Where is my order?")
        assert ["On its way."] == slack.posts("D0ANNA")

It keeps what is posted, answers as Slack's Web API does, sends signed events or Socket Mode envelopes, and
fails in every way when it is told to. Shapes and rules are those of https://docs.slack.dev.
"""

from __future__ import annotations

from supportbot.testing.slack.calls import Call
from supportbot.testing.slack.faults import SlackFault
from supportbot.testing.slack.sender import Delivery
from supportbot.testing.slack.server import FakeSlack
from supportbot.testing.slack.store import Message
from supportbot.testing.slack.workspace import BOT_SCOPES, Conversation, Workspace

__all__ = [
    "BOT_SCOPES",
    "Call",
    "Conversation",
    "Delivery",
    "FakeSlack",
    "Message",
    "SlackFault",
    "Workspace",
]
