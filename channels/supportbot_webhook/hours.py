"""When somebody of the team is there."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from supportbot_webhook.section import Section

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIMES = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")


def _check_times(times: str) -> str:
    if not _TIMES.fullmatch(times) or times[:5] >= times[6:]:
        raise ValueError("must be one span of a day such as 09:00-18:00, the end after the beginning")
    return times


def _check_zone(name: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Amsterdam") from None
    return name


Times = Annotated[str, AfterValidator(_check_times)]


class Hours(Section):
    """A week's hours; on a day without any, nobody is there."""

    time_zone: Annotated[str, AfterValidator(_check_zone)] = Field(
        "UTC", description="Whose clock: an IANA name such as Europe/Amsterdam."
    )
    mon: Times | None = Field(None, description="A span such as 09:00-18:00.")
    tue: Times | None = Field(None, description="Likewise.")
    wed: Times | None = Field(None, description="Likewise.")
    thu: Times | None = Field(None, description="Likewise.")
    fri: Times | None = Field(None, description="Likewise.")
    sat: Times | None = Field(None, description="Likewise.")
    sun: Times | None = Field(None, description="Likewise.")

    def away(self, now: int) -> bool:
        """Say whether nobody is there at a time (Unix milliseconds)."""
        from zoneinfo import ZoneInfo

        here = datetime.fromtimestamp(now / 1000, tz=UTC).astimezone(ZoneInfo(self.time_zone))
        times: str | None = getattr(self, _DAYS[here.weekday()])
        return times is None or not times[:5] <= here.strftime("%H:%M") < times[6:]
