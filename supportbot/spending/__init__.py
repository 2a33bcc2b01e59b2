"""What models use and cost: put down with the turn that asked, added up by the day, kept below the caps."""

from __future__ import annotations

from supportbot.spending.caps import Caps, Day
from supportbot.spending.till import Till

__all__ = ["Caps", "Day", "Till"]
