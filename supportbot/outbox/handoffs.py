"""What the team does with a conversation that it was told of: somebody takes it over, or gives it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sqlalchemy import bindparam, literal_column, select

from supportbot.changes import Change
from supportbot.feed import Settled, StateChanged
from supportbot.session import change_state
from supportbot.speaking import last_change
from supportbot.storable import clean_key, clean_name
from supportbot.store import Statement
from supportbot.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.feed import Feed
    from supportbot.messages import State
    from supportbot.store import Store, Tx

_LONGEST_NAME = 100
_TOLD = Statement(
    select(deliveries.c.id)
    .where(
        deliveries.c.conversation_id == bindparam("conversation"),
        deliveries.c.channel == bindparam("of"),
        deliveries.c.kind == literal_column("'notice'"),
    )
    .limit(bindparam("most"))
)


def was_told(tx: Tx, conversation_id: str, channel: str) -> bool:
    """Whether the team was told of a conversation by that channel."""
    return tx.row(_TOLD, conversation=conversation_id, of=channel, most=1) is not None


class ChannelHandoffs:
    """The conversations that one channel told the team of; see ``supportbot.host.Handoffs``."""

    def __init__(
        self,
        store: Store,
        feed: Feed,
        channel: str,
        *,
        interrupt: Callable[[str], None],
        look_at: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Wire them.

        Args:
            store: where conversations are.
            feed: who is told.
            channel: whose they are.
            interrupt: stops work on a conversation that a person has taken over.
            look_at: has a delivery made at once; without it, it is found a moment later.
        """
        self._store = store
        self._feed = feed
        self._channel = channel
        self._interrupt = interrupt
        self._look_at = look_at

    async def assign(
        self, conversation_id: str, to: Literal["bot", "person"], *, by: str, name: str = ""
    ) -> Change | None:
        """Say who speaks in a conversation; returns who does by now. None: the channel did not tell of it."""
        identity, who = clean_key(conversation_id), clean_key(by)
        state: State = "bot" if to == "bot" else "human"

        def unit(tx: Tx) -> Change | None:
            if not was_told(tx, identity, self._channel):
                return None
            called = clean_name(name)[:_LONGEST_NAME]
            named = {"name": called} if called else {}
            waiting = change_state(
                tx, identity, state, actor="person", look_at=self._look_at, by=who, **named
            )
            now_so = last_change(tx, identity) or Change(state=state, actor="person", by=who, name=called)
            if waiting is None:
                return now_so
            if state == "human":
                tx.after_commit(lambda: self._interrupt(identity))
            if waiting:
                settled = Settled(waiting, "handed_over", state)
                tx.after_commit(lambda: self._feed.publish(identity, settled))
            tx.after_commit(lambda: self._feed.publish(identity, StateChanged(state)))
            return now_so

        return await self._store.write(unit)
