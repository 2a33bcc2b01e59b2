"""What was said in the fake Slack: every message, with its thread, its edits and its metadata."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, str]
"""Team and channel."""


@dataclass(slots=True)
class Message:
    """A message as it is now."""

    ts: str
    user: str
    text: str
    thread_ts: str = ""
    """Empty when it begins no thread and is in none."""
    bot_id: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    edits: list[str] = field(default_factory=list)
    """The texts it had before, oldest first."""
    edited_ts: str = ""
    streaming_since: float | None = None
    """Unix seconds while a stream is open, otherwise None."""
    stream_mode: str = ""
    """``text`` or ``chunks``: what its stream was opened with. Such a stream takes nothing else."""
    unseen: int = 0
    """How many reads do not show it yet: Slack shows late at times."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """What it was posted with."""


@dataclass(slots=True)
class MessageStore:
    """Messages by team and channel, in their order. ``ts`` grows within a channel and is never used twice."""

    unseen: int = 0
    """How many reads the next posts of bots are absent from."""
    _messages: dict[Place, dict[str, Message]] = field(default_factory=dict)
    _last: dict[Place, int] = field(default_factory=dict)

    def next_ts(self, place: Place) -> str:
        """Return a new ``ts``: Unix seconds with six digits after the point."""
        micros = max(time.time_ns() // 1000, self._last.get(place, 0) + 1)
        self._last[place] = micros
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"

    def add(self, place: Place, message: Message) -> Message:
        """Keep a message."""
        self._messages.setdefault(place, {})[message.ts] = message
        return message

    def post(self, place: Place, user: str, text: str, **fields: Any) -> Message:
        """Keep a new message, with a new ``ts``."""
        message = Message(self.next_ts(place), user, text, **fields)
        message.unseen = self.unseen if message.bot_id else 0
        return self.add(place, message)

    def get(self, place: Place, ts: str) -> Message | None:
        """Return a message."""
        return self._messages.get(place, {}).get(ts)

    def delete(self, place: Place, ts: str) -> None:
        """Forget a message."""
        self._messages.get(place, {}).pop(ts, None)

    def edit(self, place: Place, message: Message, text: str) -> None:
        """Give a message a new text."""
        message.edits.append(message.text)
        message.text = text
        message.edited_ts = self.next_ts(place)

    def all(self, place: Place) -> list[Message]:
        """Return every message of a channel."""
        return list(self._messages.get(place, {}).values())

    def everywhere(self) -> list[tuple[Place, Message]]:
        """Return every message there is, with its place."""
        return [(place, message) for place, kept in self._messages.items() for message in kept.values()]

    def thread(self, place: Place, root: str) -> list[Message]:
        """Return a thread: its first message and the replies."""
        return [m for m in self.all(place) if root in (m.ts, m.thread_ts)]

    def read(self, messages: list[Message]) -> list[Message]:
        """Return those of the messages that a reader gets to see by now."""
        seen = [message for message in messages if not message.unseen]
        for message in messages:
            message.unseen = max(0, message.unseen - 1)
        return seen
