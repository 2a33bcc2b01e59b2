"""How much may be used, and when a day begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from supportbot.model.price import nano

if TYPE_CHECKING:
    from supportbot.config.spending import CapSection, SpendingSection


@dataclass(frozen=True, slots=True)
class Day:
    """One day in the time zone of bot.yaml."""

    name: str
    """As ``2026-11-25``."""
    ends_at: int
    """When the next one begins, in Unix milliseconds."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that may be used; None where there is no limit."""

    tokens: int | None
    cost: int | None
    """In billionths of the currency."""

    def reached(self, tokens: int, cost: int, *, priced: bool) -> bool:
        """Say whether so much leaves nothing. What costs nothing is not kept back by a limit of money."""
        too_many = self.tokens is not None and tokens >= self.tokens
        return too_many or (priced and self.cost is not None and cost >= self.cost)


@dataclass(frozen=True, slots=True)
class Caps:
    """The section ``spending`` of bot.yaml, as it is worked with."""

    currency: str
    zone: ZoneInfo
    conversation: Cap | None
    day: Cap | None

    @classmethod
    def of(cls, section: SpendingSection) -> Caps:
        """Read the section."""
        return cls(
            currency=section.currency,
            zone=ZoneInfo(section.time_zone),
            conversation=_cap(section.conversation),
            day=_cap(section.day),
        )

    def day_of(self, at: int) -> Day:
        """Return the day of a time, which is in Unix milliseconds."""
        date = datetime.fromtimestamp(at / 1000, self.zone).date()
        following = date + timedelta(days=1)
        midnight = datetime(following.year, following.month, following.day, tzinfo=self.zone)
        return Day(date.isoformat(), int(midnight.timestamp() * 1000))


def _cap(section: CapSection) -> Cap | None:
    if not section.is_set:
        return None
    return Cap(section.tokens, None if section.cost is None else nano(section.cost))
