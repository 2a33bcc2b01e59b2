"""Which channels organisations share (Slack Connect): their messages say so, and nothing else does.

The key of a conversation depends on it (``inbound.conversation_key``), also that of a question which is asked
by a shortcut, where Slack does not tell. So what messages said is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supportbot.host import Records

_PREFIX = "shared/"


class SharedChannels:
    """Remembers them, in memory and in the database: there are few."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._known: set[str] | None = None

    async def note(self, channel: str, *, shared: bool) -> None:
        """Take note of what a message says of its channel; costs nothing while that is no news.

        Raises:
            StoreUnavailable: it is news, and not on disk.
        """
        known = await self._all()
        if shared == (channel in known):
            return
        if shared:
            await self._records.put(_PREFIX + channel, 1)
            known.add(channel)
        else:
            await self._records.delete(_PREFIX + channel)
            known.discard(channel)

    async def has(self, channel: str) -> bool:
        """Whether a channel is shared, as far as its messages said, to this process or to another."""
        return channel in await self._all() or await self._records.get(_PREFIX + channel) is not None

    async def _all(self) -> set[str]:
        if self._known is None:
            self._known = {key.removeprefix(_PREFIX) async for key, _ in self._records.scan(_PREFIX)}
        return self._known
