"""Which readers of a channel are there, and what they have seen; see ``supportbot.host.Presence``.

Nothing is written down where a channel has no follow-ups. Where it has, that somebody is there: of
conversations that go on elsewhere, while something in them has not been seen yet. And how far they have read,
of every conversation: whoever gives their address a moment later has not missed what they had just read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot import routes
from supportbot.ids import now_ms
from supportbot.storable import clean_key

if TYPE_CHECKING:
    from collections.abc import Collection

    from supportbot.store import Store, Tx

_LONGEST_PAUSE = 30.0


class ChannelPresence:
    """The readers of one channel."""

    def __init__(self, store: Store, channel: str, *, after: float = 0.0, tenant: str = "default") -> None:
        """``after``: seconds after which those who left are told elsewhere; 0: nobody is."""
        self._store = store
        self._where = {"of": channel, "tenant": tenant}
        self.every = min(_LONGEST_PAUSE, after / 3)

    async def here(self, external_ids: Collection[str]) -> None:
        """Somebody reads in these conversations right now."""
        if not self.every or not external_ids:
            return
        readers = list({clean_key(external) for external in external_ids})
        there = await self._store.read(
            lambda tx: routes.awaited(tx, self._where["of"], self._where["tenant"], readers)
        )
        if there:

            def unit(tx: Tx) -> None:
                for conversation in there:
                    tx.send(routes.IS_HERE, conversation=conversation, now=now_ms())

            await self._store.write(unit)

    async def seen(self, external_id: str, seq: int) -> None:
        """The reader of a conversation has seen everything up to message number ``seq``."""
        if not self.every:
            return
        external = clean_key(external_id)

        def unit(tx: Tx) -> None:
            row = tx.row(routes.SEEN, external=external, seq=seq, **self._where)
            if row is not None and row.last_seq <= seq:
                tx.send(routes.SET_DUE, conversation=row.id, due=None)

        await self._store.write(unit)
