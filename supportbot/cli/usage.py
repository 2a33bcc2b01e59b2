"""``supportbot usage``: what the models were asked for, and what that cost."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from supportbot.cli.failures import say
from supportbot.cli.options import AsJson
from supportbot.cli.output import money, phrase, print_json, print_table
from supportbot.cli.stored import with_store

if TYPE_CHECKING:
    from supportbot.reports import UsageRow

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, as 2026-11-25; included.")]


def usage(
    context: typer.Context,
    *,
    by: Annotated[
        Literal["day", "model", "purpose", "conversation"], typer.Option(help="What to add up for each of.")
    ] = "day",
    since: Day = None,
    until: Day = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many rows at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Show what models were asked for and what it cost, by day, model, purpose or conversation."""
    from supportbot import reports

    rows = with_store(
        context,
        lambda store: reports.usage(store, by=by, since=_day(since), until=_day(until), limit=limit),
    )
    if as_json:
        print_json({"by": by, "rows": rows})
    elif not rows:
        say("No model was asked.")
    else:
        heads = (by, "requests", "tokens in", "cached", "tokens out", "cost")
        print_table(heads, [*map(_cells, rows), *_totals(rows)])


def _day(given: datetime | None) -> str:
    return "" if given is None else given.date().isoformat()


def _cells(row: "UsageRow") -> tuple[str, ...]:
    about = "~" if row.estimated else ""
    return (
        phrase(row.key),
        f"{row.requests:,}",
        f"{about}{row.prompt_tokens:,}",
        f"{row.cached_tokens:,}",
        f"{about}{row.completion_tokens:,}",
        money(row.cost, row.currency) if row.currency else "",
    )


def _totals(rows: "tuple[UsageRow, ...]") -> list[tuple[str, ...]]:
    """Return a line for each currency; none where it would only repeat the one above."""
    from dataclasses import replace

    sums: dict[str, UsageRow] = {}
    for row in rows:
        before = sums.get(row.currency)
        sums[row.currency] = replace(row, key="all") if before is None else _sum(before, row)
    return [_cells(total) for total in sums.values()] if len(rows) > len(sums) else []


def _sum(one: "UsageRow", other: "UsageRow") -> "UsageRow":
    from dataclasses import replace

    names = ("requests", "estimated", "prompt_tokens", "cached_tokens", "completion_tokens", "cost")
    return replace(one, **{name: getattr(one, name) + getattr(other, name) for name in names})
