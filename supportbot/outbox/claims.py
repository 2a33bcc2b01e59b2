"""What became of an attempt to claim a delivery, and of deliveries that will not arrive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from supportbot.messages import DeliveryKind, Outbound

Death = Literal["refused", "expired", "failed", "returned", "unreadable", "no_channel", "settled"]
"""What a delivery died of: its platform will never take it; it only ever asked to wait, for a day; every try
failed; it was taken and came back; what is stored of it makes no sense; bot.yaml does not have its channel
any more; an operator said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that is somebody's to send or to look for, and what came of it so far."""

    outbound: Outbound
    fence: int
    """Which claim this is; under an older one nothing is recorded."""
    unclear: bool = False
    """It was already being sent: it must be looked for, not sent again."""
    sends: int = 1
    """How often it was handed to its channel, this time included, without those asked to wait."""
    looks: int = 0
    """How often it was not found on the platform since it was last sent."""
    waits: int = 0
    """How often in a row before this the platform asked to wait, or looking for it failed."""
    since: int = 0
    """When it was planned last, in Unix milliseconds."""

    @property
    def kind(self) -> DeliveryKind:
        """What of a delivery it is: a ``reply``, a ``follow_up``, a ``notice``."""
        if self.outbound.notice is not None:
            return "notice"
        return "reply" if self.outbound.missed is None else "follow_up"

    @property
    def is_update(self) -> bool:
        """Whether what it tells stands on the platform already, and is to be brought up to date."""
        return self.outbound.notice is not None and bool(self.outbound.notice.standing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A delivery that was put aside instead of claimed: what is stored of it is not what it should be."""

    channel: str
    kind: str
    reason: str
    following: str | None
    """The next delivery of its conversation, which is due now; None when none waits."""
