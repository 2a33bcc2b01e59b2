"""Who answers which conversation when: the port, and the driver inside one process.

The tables are the truth; a driver only wakes a worker and serialises a conversation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from supportbot.turns.engine import Engine
from supportbot.turns.local import LocalEngine
from supportbot.turns.opening import Rules

if TYPE_CHECKING:
    from supportbot.store import Tx

__all__ = ["Engine", "LocalEngine", "Rules", "TurnEngine"]


class TurnEngine(Protocol):
    """The port of a turn engine."""

    def enlist(self, tx: Tx, conversation_id: str, due_at: int) -> None:
        """Inside a transaction: see to it that the conversation is looked at when it is due."""

    def interrupt(self, conversation_id: str) -> None:
        """Stop working on a conversation, if this process does and its turn was taken away."""

    async def start(self) -> None:
        """Begin to work, first on what an earlier process left behind."""

    async def stop(self, grace: float) -> None:
        """Take no new turns; finish those that finish within ``grace`` seconds, release the others."""
