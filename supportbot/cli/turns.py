"""``supportbot turns`` and ``supportbot dead``: the bot's work, and what it failed on."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from supportbot.cli.failures import TO_CHANGE, say
from supportbot.cli.options import AsJson, Before, Channel, Limit
from supportbot.cli.output import local, money, phrase, rated
from supportbot.cli.pages import print_page
from supportbot.cli.stored import check_channel, why_not, with_store
from supportbot.cli.triage import in_short
from supportbot.errors import NotFound

if TYPE_CHECKING:
    from supportbot.reports import TurnRow
    from supportbot.store import Store

turns = typer.Typer(no_args_is_help=True, help="The bot's work on messages.")
dead = typer.Typer(no_args_is_help=True, help="Turns that were put aside because every try failed.")

TurnState = Literal["running", "waiting", "answered", "handed_over", "dead", "replayed"]

_REPLAYED_AT_ONCE = 200


@turns.command("list")
def list_turns(
    context: typer.Context,
    *,
    limit: Limit = 50,
    before: Before = "",
    channel: Channel = "",
    state: Annotated[TurnState | None, typer.Option(help="Only turns that are this far.")] = None,
    as_json: AsJson = False,
) -> None:
    """List turns, newest first."""
    from supportbot import reports

    page = with_store(
        context,
        lambda store: reports.turns(store, limit=limit, before=before, channel=channel, state=state or ""),
    )
    if not page.rows:
        check_channel(context, channel)
    heads = (
        *("turn", "begun", "channel", "state", "tries", "took", "model", "tokens", "cost", "triage", "rated"),
        "question",
    )
    print_page(page, heads, _cells, nothing="No turns.", as_json=as_json)


@dead.command("list")
def list_dead(
    context: typer.Context,
    *,
    limit: Limit = 50,
    before: Before = "",
    channel: Channel = "",
    as_json: AsJson = False,
) -> None:
    """List turns that were put aside, newest first."""
    from supportbot import reports

    page = with_store(context, lambda store: reports.dead(store, limit=limit, before=before, channel=channel))
    if not page.rows:
        check_channel(context, channel)
    heads = ("turn", "put aside", "channel", "tries", "reason", "question")
    print_page(page, heads, _dead_cells, nothing="Nothing is dead.", as_json=as_json)


@dead.command("replay")
def replay(
    context: typer.Context,
    turn: Annotated[str, typer.Argument(metavar="[TURN]", help="Which turn.", show_default=False)] = "",
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Give the messages of a dead turn back to the bot, which answers them in a new turn."""
    if bool(turn) == every:
        say("Name one turn, or say --all. The dead ones: supportbot dead list")
        raise typer.Exit(TO_CHANGE)
    replayed = with_store(context, lambda store: _replay_all(store) if every else _replay(store, turn))
    typer.echo(f"Given back to the bot: {replayed}.")


async def _replay(store: "Store", turn: str) -> int:
    from supportbot import session

    try:
        await session.replay_turn(store, turn)
    except NotFound as error:
        raise await why_not(store, turn, error, wanted="dead") from None
    return 1


async def _replay_all(store: "Store") -> int:
    """Replay what is dead now; what dies again meanwhile is newer and not met twice."""
    from supportbot import reports, session

    replayed, page = 0, await reports.dead(store, limit=_REPLAYED_AT_ONCE)
    while page.rows:
        for row in page.rows:
            with suppress(NotFound):  # somebody else was quicker
                await session.replay_turn(store, row.id)
                replayed += 1
        if not page.more:
            break
        say(f"{replayed} …")
        page = await reports.dead(store, limit=_REPLAYED_AT_ONCE, before=page.rows[-1].id)
    return replayed


def _cells(row: "TurnRow") -> tuple[str, ...]:
    took = "" if row.finished_at is None else f"{(row.finished_at - row.created_at) / 1000:.2f} s"
    return (
        row.id,
        local(row.created_at),
        row.channel,
        row.state,
        str(row.tries),
        took,
        phrase(row.model, 30),
        _tokens(row),
        "" if row.cost is None else money(row.cost, row.currency),
        in_short(row.triage),
        rated(row.good, row.bad),
        phrase(row.question),
    )


def _tokens(row: "TurnRow") -> str:
    if row.prompt_tokens is None and row.completion_tokens is None:
        return ""
    total = (row.prompt_tokens or 0) + (row.completion_tokens or 0)
    return f"~{total}" if row.estimated else str(total)


def _dead_cells(row: "TurnRow") -> tuple[str, ...]:
    put_aside = local(row.finished_at or row.created_at)
    return (
        row.id,
        put_aside,
        row.channel,
        str(row.tries),
        phrase(row.reason, 80),
        phrase(row.question),
    )
