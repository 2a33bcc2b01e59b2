"""``supportbot ratings``: what people think of answers and of conversations."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from supportbot.cli.failures import say
from supportbot.cli.options import AsJson, Channel, Day, Limit, between
from supportbot.cli.output import local, phrase, print_json, print_table
from supportbot.cli.stored import check_channel, with_store

if TYPE_CHECKING:
    from supportbot.reports import OpinionRow, RatingRow

ratings = typer.Typer(no_args_is_help=True, help="What people think of answers and of conversations.")


@ratings.command("list")
def list_ratings(
    context: typer.Context,
    *,
    limit: Limit = 50,
    bad: Annotated[bool, typer.Option("--bad", help="Only thumbs down, and scores of 1 and 2.")] = False,
    since: Day = None,
    until: Day = None,
    channel: Channel = "",
    as_json: AsJson = False,
) -> None:
    """List what people said, newest first: thumbs for answers, stars and words for conversations."""
    from supportbot import reports

    times = between(since, until)
    rows = with_store(
        context,
        lambda store: reports.opinions(store, limit=limit, channel=channel, only_bad=bad, **times),
    )
    if not rows:
        check_channel(context, channel)
    if as_json:
        print_json({"rows": rows})
    elif not rows:
        say("No ratings.")
    else:
        print_table(("conversation", "when", "channel", "said", "question, or comment"), map(_said, rows))


@ratings.command("stats")
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
    """Show how many answers were found good, by topic, channel or model; and conversations' mean score."""
    from supportbot import reports

    times = between(since, until)
    sums = with_store(context, lambda store: reports.ratings_by(store, by=by, channel=channel, **times))
    if not sums.rows and not sums.scored:
        check_channel(context, channel)
    if as_json:
        print_json({"by": by, "rows": sums.rows, "scored": sums.scored, "score": sums.score})
        return
    if not sums.rows and not sums.scored:
        say("No ratings.")
    if sums.rows:
        print_table((by, "rated", "good", "bad", "share good"), [*map(_cells, sums.rows), *_total(sums.rows)])
    if sums.score is not None:
        typer.echo(f"Conversations: {sums.scored:,} scored, {sums.score:.1f} of 5 on average.")


def _said(row: "OpinionRow") -> tuple[str, ...]:
    said = f"{row.score} of 5" if row.verdict is None else row.verdict
    return (row.conversation_id, local(row.rated_at), row.channel, said, phrase(row.text))


def _cells(row: "RatingRow") -> tuple[str, ...]:
    rated = row.good + row.bad
    return (
        phrase(row.key) or "(none)",
        f"{rated:,}",
        f"{row.good:,}",
        f"{row.bad:,}",
        f"{row.good / rated:.0%}",
    )


def _total(rows: "tuple[RatingRow, ...]") -> list[tuple[str, ...]]:
    """Return a line for all; none where it would only repeat the one above."""
    from supportbot.reports import RatingRow

    if len(rows) < 2:
        return []
    return [_cells(RatingRow(key="all", good=sum(r.good for r in rows), bad=sum(r.bad for r in rows)))]
