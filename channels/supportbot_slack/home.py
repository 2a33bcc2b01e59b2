"""The app's Home tab: a short help, and the conversations of whoever looks at it.

https://docs.slack.dev/surfaces/app-home; it is published on ``app_home_opened`` with ``views.publish``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot_slack.events import id_at, ts_at
from supportbot_slack.manifest import ASK_COMMAND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.host import Begun
    from supportbot.messages import State

ASK_BUTTON = "ask"
"""The button's ``action_id``: it opens ``commands.form``."""
OPEN_BUTTON = "open_conversation"
"""Buttons that lead somewhere are pressed, too; Slack wants to hear that it was heard."""
MOST = 10
"""Conversations that are shown."""

_SHORT = 120
"""Characters of what a conversation began with."""
_STATES: dict[State, str] = {
    "bot": "answered by {bot}",
    "queued": "waiting for a person",
    "human": "with a person",
    "snoozed": "paused",
}
"""What is open, and how that is said. Whatever is not here is over, or none of the reader's business."""
_WAYS = f"Write to me under Messages, mention me in a channel, or type {ASK_COMMAND} anywhere."
_WAYS_IN_CHANNELS = "To ask me something, mention me in a channel."
_ANYWHERE = (
    "On any message, More actions → Ask the bot gets my answer into its thread. "
    "To reach a person, just say so."
)


def home_view(bot_name: str, begun: Sequence[Begun], *, direct_messages: bool = True) -> dict[str, Any]:
    """Return the view.

    Args:
        bot_name: what the bot calls itself.
        begun: what the reader began, the newest first (``Transcripts.begun_by``); closed ones are left out.
        direct_messages: whether they are answered; the form and the command are answered there, too.
    """
    theirs = [conversation for conversation in begun if conversation.state in _STATES][:MOST]
    return {
        "type": "home",
        "blocks": [
            _header(f"Hello, I am {bot_name}"),
            _section(f"{_WAYS if direct_messages else _WAYS_IN_CHANNELS} {_ANYWHERE}"),
            *([_actions()] if direct_messages else []),
            {"type": "divider"},
            _header("Your open conversations"),
            *(_conversation(bot_name, conversation) for conversation in theirs),
            *([] if theirs else [_section("There are none at the moment.")]),
        ],
    }


def _conversation(bot_name: str, begun: Begun) -> dict[str, Any]:
    words = " ".join(begun.text.split()) or "(no words)"
    short = words if len(words) <= _SHORT else words[: _SHORT - 1].rstrip() + "…"
    block = _section(f"{short}\n{_STATES[begun.state].format(bot=bot_name)}")
    url = _link(begun)
    if url:
        block["accessory"] = {
            "type": "button",
            "action_id": OPEN_BUTTON,
            "text": {"type": "plain_text", "text": "Open"},
            "url": url,
        }
    return block


def _link(begun: Begun) -> str:
    """Return where it stands; empty where only the person's own direct messages are known to be the place."""
    team, channel, thread = (
        id_at(begun.address, "team"), id_at(begun.address, "channel"), ts_at(begun.address, "thread")
    )  # fmt: skip
    if not team or not channel or channel[0] in "UW":
        return ""
    place = f"https://app.slack.com/client/{team}/{channel}"
    return f"{place}/thread/{channel}-{thread}" if thread else place


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text[:150]}}


def _section(text: str) -> dict[str, Any]:
    """Return a paragraph of plain text: nothing in it is read as markup."""
    return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _actions() -> dict[str, Any]:
    return {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": ASK_BUTTON,
                "style": "primary",
                "text": {"type": "plain_text", "text": "Ask a question"},
            }
        ],
    }
