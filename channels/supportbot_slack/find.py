"""What of an answer stands in Slack already: read from the thread, and believed only with our mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from supportbot_slack.events import id_at, text_at, ts_at
from supportbot_slack.inbound import plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot_slack.address import Address
    from supportbot_slack.api import SlackApi
    from supportbot_slack.marker import Marker
    from supportbot_slack.workspaces import Workspace

_PAGE = 200
_MOST_PAGES = 10
_ENOUGH = 40
"""Letters and digits that tell one answer's beginning from another's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What we wrote down of a stream that we opened: it has no mark before it ends."""

    words: str
    """What it was to begin with; written down before Slack was asked for it."""
    ts: str = ""
    """The post; empty as long as Slack's answer is not written down."""

    def is_it(self, ts: str, text: str) -> bool:
        """Whether a post of ours without a mark is that stream; Slack shows words with other signs."""
        if self.ts:
            return ts == self.ts
        words = _letters(self.words)
        return bool(words) and _letters(text).startswith(words)


@dataclass(slots=True)
class Standing:
    """An answer's posts, as they stand in Slack."""

    parts: dict[int, str] = field(default_factory=dict)
    """The finished ones: part -> timestamp."""
    of: int = 0
    """How many there are to be; 0 when none was found."""
    of_each: dict[int, int] = field(default_factory=dict)
    """How many there were to be when each was posted: it changes once, where Slack found a part too long."""
    begun: str = ""
    """A post that was begun and not finished: it was being written when the bot died."""
    shows: str = ""
    """What it shows, if that is known."""
    streaming: bool = False
    """Slack may still hold a stream open for it."""

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there."""
        return self.of > 0 and all(part in self.parts for part in range(1, self.of + 1))


async def look(
    api: SlackApi,
    workspace: Workspace,
    marker: Marker,
    address: Address,
    turn: str,
    *,
    begun: Begun | None = None,
) -> Standing:
    """Read what stands in the conversation since the question, newest page last.

    Slack takes the mark of a stream only with its end. So a post of ours without a mark may be this turn's,
    or the next turn's that is being written just now, or somebody else's who has our token: it is this
    turn's only if it is what ``begun`` says.

    Raises:
        SlackError: it cannot be read.
    """
    found = Standing()
    async for message in _messages(api, workspace.bot_token, address):
        ts = ts_at(message, "ts")
        if not ts or ts <= address.ts or not _is_ours(message, workspace):
            continue
        mark = marker.read(message.get("metadata"), address.place)
        if mark is None:
            is_bare = bool(address.thread) and not message.get("metadata")
            if is_bare and begun is not None and begun.is_it(ts, plain(text_at(message, "text"))):
                found.begun, found.streaming = ts, True
        elif mark.turn != turn:
            continue
        elif mark.of == 0:
            found.begun, found.streaming = ts, False
        else:
            found.of = mark.of
            found.parts.setdefault(mark.part, ts)
            found.of_each.setdefault(mark.part, mark.of)
    return found


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text[: 10 * _ENOUGH]))[:_ENOUGH]


def _is_ours(message: dict[str, Any], workspace: Workspace) -> bool:
    """Whether our own app posted it."""
    if id_at(message, "bot_id"):
        return id_at(message, "bot_id") == workspace.bot_id or (
            id_at(message, "app_id") == workspace.app_id != ""
        )
    return id_at(message, "user") == workspace.bot_user != ""


async def _messages(api: SlackApi, token: str, address: Address) -> AsyncIterator[dict[str, Any]]:
    """Yield the messages of the conversation from the question on."""
    method = "conversations.replies" if address.thread else "conversations.history"
    arguments: dict[str, Any] = {
        "channel": address.channel,
        "oldest": address.ts,
        "inclusive": True,
        "include_all_metadata": True,
        "limit": _PAGE,
    }
    if address.thread:
        arguments["ts"] = address.thread
    for _ in range(_MOST_PAGES):
        answer = await api.read(token, method, arguments)
        listed = answer.get("messages")
        for message in listed if isinstance(listed, list) else ():
            if isinstance(message, dict):
                yield message
        cursor = text_at(answer, "response_metadata", "next_cursor")
        if not cursor:
            return
        arguments["cursor"] = cursor
