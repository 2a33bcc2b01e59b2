"""``supportbot usage``: what the models were asked for, and what that cost."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from supportbot.cli.failures import say
from supportbot.cli.options import AsJson, Day, in_order
from supportbot.cli.output import money, phrase, print_json, print_table
from supportbot.cli.stored import with_store

if TYPE_CHECKING:
    from supportbot.reports import UsageRow
    from supportbot.store import Store


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

    in_order(since, until)
    days = {"since": _day(since), "until": _day(until)}

    async def read(store: "Store") -> "tuple[tuple[UsageRow, ...], tuple[UsageRow, ...]]":
        rows = await reports.usage(store, by=by, limit=limit + 1, **days)
        return rows, await reports.usage_totals(store, **days)

    found, totals = with_store(context, read)
    rows, more = found[:limit], len(found) > limit
    if as_json:
        print_json({"by": by, "rows": rows, "more": more, "totals": totals})
    elif not rows:
        say("No model was asked.")
    else:
        heads = (by, "requests", "tokens in", "cached", "tokens out", "cost")
        # A sum of one row would only repeat it.
        print_table(heads, [*map(_cells, rows), *(map(_cells, totals) if len(found) > len(totals) else ())])
        if more:
            say(f"There is more than these {limit:,}; 'all' is the sum of everything. To see more: --limit")


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
