"""Options and arguments that several commands share."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to list.")]
Before = Annotated[
    str,
    typer.Option(metavar="ID", help="List what is older than this one: the last line of the page before."),
]
Channel = Annotated[str, typer.Option(help="Only of this channel, by its name in bot.yaml.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, as 2026-11-25; included.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def in_order(since: datetime | None, until: datetime | None) -> None:
    """Refuse days that end before they begin: that nothing happened then would be no answer."""
    if since is not None and until is not None and until < since:
        raise typer.BadParameter("is before the day of --since; exchange the two.", param_hint="--until")


def between(since: datetime | None, until: datetime | None) -> dict[str, int]:
    """Return the times that a report takes, in Unix milliseconds: from a day's beginning to another's end.

    Days are those of this machine's time zone; one that is not given limits nothing.
    """
    in_order(since, until)
    ends = {"since": since, "until": until + timedelta(days=1) if until else None}
    return {name: int(day.timestamp() * 1000) for name, day in ends.items() if day is not None}
