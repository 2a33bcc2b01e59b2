"""``supportbot drafts``: what people made of the replies that were left for them to send."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from supportbot.cli.failures import say
from supportbot.cli.options import AsJson, Channel, Day, between
from supportbot.cli.output import phrase, print_json, print_table
from supportbot.cli.stored import check_channel, with_store

if TYPE_CHECKING:
    from supportbot.reports import DraftRow

drafts = typer.Typer(no_args_is_help=True, help="Replies that were left for a person to send.")


@drafts.callback()
def draft_commands() -> None:
    """Replies that were left for a person to send."""


@drafts.command("stats")
def stats(
    context: typer.Context,
    *,
    by: Annotated[
        Literal["topic", "channel", "model"], typer.Option(help="What to add up for each of.")
    ] = "topic",
    since: Day = None,
    until: Day = None,
    channel: Channel = "",
    as_json: AsJson = False,
) -> None:
    """Show what became of drafts, by topic, channel or model: sent as they were, edited, ignored, deleted."""
    from supportbot import reports

    times = between(since, until)
    rows = with_store(context, lambda store: reports.drafts_by(store, by=by, channel=channel, **times))
    if not rows:
        check_channel(context, channel)
    if as_json:
        print_json({"by": by, "rows": rows})
    elif not rows:
        say("No drafts.")
    else:
        heads = (by, "drafts", "open", "used", "edited", "ignored", "deleted", "replaced", "changed")
        print_table(heads, [*map(_cells, rows), *_total(rows)])


def _cells(row: "DraftRow") -> tuple[str, ...]:
    counts = (row.drafts, row.open, row.used, row.edited, row.ignored, row.deleted, row.replaced)
    changed = f"{row.changed / row.sent_length:.0%}" if row.sent_length else ""
    return (phrase(row.key) or "(none)", *(f"{count:,}" for count in counts), changed)


def _total(rows: "tuple[DraftRow, ...]") -> list[tuple[str, ...]]:
    """Return a line for all; none where it would only repeat the one above."""
    from dataclasses import asdict, replace

    if len(rows) < 2:
        return []
    names = [name for name in asdict(rows[0]) if name != "key"]
    return [_cells(replace(rows[0], key="all", **{n: sum(getattr(r, n) for r in rows) for n in names}))]
