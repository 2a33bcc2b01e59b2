"""An answer on its way to whoever is watching it being written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.feed import Delta
from supportbot.storable import clean_text

if TYPE_CHECKING:
    from supportbot.feed import Feed
    from supportbot.messages import Turn


class LiveAnswer:
    """Counts the characters of one turn's answer and tells the feed; the model's ``Sink``."""

    def __init__(self, feed: Feed, turn: Turn) -> None:
        self._feed = feed
        self._turn = turn
        self._offset = 0

    async def append(self, text: str) -> None:
        """Show some more text."""
        if text:
            event = Delta(self._turn.id, self._offset, clean_text(text))
            self._feed.publish(self._turn.conversation_id, event)
            self._offset += len(text)

    async def restart(self) -> None:
        """Void what was shown: another model begins anew."""
        if self._offset:
            self._offset = 0
            self._feed.publish(self._turn.conversation_id, Delta(self._turn.id, 0, ""))
