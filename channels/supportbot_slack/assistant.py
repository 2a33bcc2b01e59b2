"""The assistant pane: a greeting, questions to click on, a title. https://docs.slack.dev/ai/developing-agents"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot.ids import now_ms
from supportbot_slack.events import id_at, text_at, ts_at
from supportbot_slack.markdown import escaped, safe

if TYPE_CHECKING:
    from supportbot.host import Records
    from supportbot_slack.api import SlackApi
    from supportbot_slack.config import Assistant
    from supportbot_slack.events import Event
    from supportbot_slack.inbound import Heard
    from supportbot_slack.workspaces import Workspace, Workspaces

NOTE = "supportbot_note"
"""The ``event_type`` of what is posted beside answers."""
_KEEP = 2 * 24 * 3600 * 1000
"""Milliseconds for which it is remembered that a thread was greeted; Slack sends an event for an hour."""
_TITLE = 80


class Pane:
    """Greets, and names threads."""

    def __init__(self, settings: Assistant, api: SlackApi, workspaces: Workspaces, records: Records) -> None:
        self._settings = settings
        self._api = api
        self._workspaces = workspaces
        self._records = records

    async def greet(self, event: Event) -> None:
        """Begin a new thread of the pane, once.

        Raises:
            SlackError: it could not be.
        """
        channel = id_at(event.body, "assistant_thread", "channel_id")
        thread = ts_at(event.body, "assistant_thread", "thread_ts")
        workspace = await self._workspaces.get(event.team, event.enterprise)
        key = f"greeted/{event.team}/{channel}/{thread}"
        if not channel or not thread or workspace is None:
            return
        if not await self._records.add(key, 1, expires_at=now_ms() + _KEEP):
            return
        if self._settings.greeting:
            await self._call(workspace, "chat.postMessage", note(self._settings.greeting, channel, thread))
        if self._settings.prompts:
            prompts = [{"title": text[:75], "message": text} for text in self._settings.prompts]
            where = {"channel_id": channel, "thread_ts": thread}
            await self._call(workspace, "assistant.threads.setSuggestedPrompts", where | {"prompts": prompts})

    async def name(self, said: Heard) -> None:
        """Give a thread of the pane its first question as a title.

        Raises:
            SlackError: it could not be.
        """
        workspace = await self._workspaces.get(said.event.team, said.event.enterprise)
        title = " ".join(said.text.split())[:_TITLE]
        if workspace is not None and title:
            where = {"channel_id": said.channel, "thread_ts": said.thread, "title": title}
            await self._call(workspace, "assistant.threads.setTitle", where)

    async def _call(self, workspace: Workspace, method: str, arguments: dict[str, Any]) -> None:
        await self._api.call(workspace.bot_token, method, arguments)


def is_first(said: Heard, seq: int) -> bool:
    """Whether a message is the first of a thread in the assistant pane."""
    return seq == 1 and said.is_direct and bool(said.thread) and text_at(said.event.body, "subtype") == ""


def note(text: str, channel: str, thread: str) -> dict[str, Any]:
    """Return a post that is no answer; its mark tells it from one that was left half written."""
    where = {"thread_ts": thread} if thread else {}
    return where | {
        "channel": channel,
        "text": escaped(text),
        "blocks": [{"type": "markdown", "text": safe(text)}],
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": NOTE, "event_payload": {}},
    }
