"""What a channel adds to a turn before it is answered: what it had no time to ask for before the
acknowledgement, such as names, what was said before it was called, the bytes of an image.

It may be slow and it may fail; then the turn is answered as it is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from supportbot.channel import CanComplete

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.channel import Channel
    from supportbot.messages import Turn

_WITHIN = 10.0
"""Seconds that a channel has."""

log = structlog.get_logger(__name__)


class Completions:
    """Asks the channels that can complete turns; costs the others nothing."""

    def __init__(self, *, within: float = _WITHIN) -> None:
        self._within = within
        self._channels: Mapping[str, CanComplete] = {}

    def use(self, channels: Mapping[str, Channel]) -> None:
        """Say which channels there are."""
        self._channels = {name: c for name, c in channels.items() if isinstance(c, CanComplete)}

    async def complete(self, turn: Turn) -> Turn:
        """Return the turn with what its channel knows beyond what was stored."""
        channel = self._channels.get(turn.channel)
        if channel is None:
            return turn
        try:
            async with asyncio.timeout(self._within):
                return await channel.complete(turn)
        except Exception as error:  # noqa: BLE001 - whatever it was, the customer gets an answer
            log.warning("turn.not_completed", error=type(error).__name__)
            return turn
