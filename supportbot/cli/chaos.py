"""``supportbot chaos``: put a throwaway bot on trial, and see whether the promise holds on this machine."""

import asyncio
import signal
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from supportbot.cli.failures import BROKE, TO_CHANGE, say
from supportbot.cli.options import AsJson
from supportbot.cli.output import console, print_json, print_table
from supportbot.cli.stored import be_quiet
from supportbot.errors import DatabaseDriverMissing, TrialBroke

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supportbot.chaos.plan import Done, Plan
    from supportbot.chaos.postgres import OwnServer
    from supportbot.chaos.verdict import Verdict

_EVERY = 10.0
"""Seconds between two lines of progress."""

_LONGEST = 7 * 24 * 3600.0
"""Seconds: a week, more than any trial is good for."""

_MOST_PROBLEMS = 20
"""So many are printed; ``--json`` has all of them."""


def chaos(
    *,
    database: Annotated[
        str,
        typer.Option(
            metavar="sqlite|embedded|URL",
            help="A throwaway SQLite file, a PostgreSQL server of the trial's own, or a server on which it "
            "may make a database.",
        ),
    ] = "sqlite",
    processes: Annotated[int, typer.Option(min=1, max=20, help="Processes of the bot.")] = 1,
    conversations: Annotated[int, typer.Option(min=1, max=1000, help="Customers who write at once.")] = 10,
    messages: Annotated[int, typer.Option(min=1, max=1000, help="Messages of each, at least.")] = 40,
    kills: Annotated[int, typer.Option(min=0, help="How often a process is ended by kill -9.")] = 20,
    freezes: Annotated[int, typer.Option(min=0, help="How often one is stopped past its lease.")] = 2,
    stops: Annotated[int, typer.Option(min=0, help="How often one is stopped cleanly, by SIGTERM.")] = 2,
    restarts: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="How often the database is crashed: 2 with 'embedded', and no other one is.",
            show_default=False,
        ),
    ] = None,
    model_faults: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="Requests at which the model fails.")
    ] = 0.1,
    platform_faults: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="Replies at which the platform fails.")
    ] = 0.15,
    attempts: Annotated[
        int,
        typer.Option(
            min=1, max=20, help="The bot's turns.attempts; from the third on, a death may cost one."
        ),
    ] = 20,
    seconds: Annotated[
        float, typer.Option(min=0, max=_LONGEST, help="Go on for at least so long; a week at most.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed decides the same by chance.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Put a throwaway bot on trial: kill it, freeze it, let all around it fail, and count what is lost."""
    from supportbot.chaos.plan import Plan

    if sys.platform == "win32":
        say("A trial needs kill -9 and SIGSTOP, which Windows does not have.")
        raise typer.Exit(TO_CHANGE)
    if database == "sqlite" and processes > 1:
        say("SQLite is for one process. For more: --database embedded, or the URL of a PostgreSQL server.")
        raise typer.Exit(TO_CHANGE)
    if restarts and database != "embedded":
        say("Only a database server of the trial's own is crashed: --database embedded, or no '--restarts'.")
        raise typer.Exit(TO_CHANGE)
    _check(database)
    plan = Plan(
        processes=processes,
        conversations=conversations,
        messages=messages,
        kills=kills,
        freezes=freezes,
        stops=stops,
        restarts=(2 if restarts is None else restarts) if database == "embedded" else 0,
        model_faults=model_faults,
        platform_faults=platform_faults,
        attempts=attempts,
        seconds=seconds,
        seed=seed,
    )
    be_quiet()
    # Whoever ends the trial must not leave its bot behind: SIGTERM ends it as Ctrl-C does.
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with _progress(plan) as report:
            verdict = _held(plan, database, report)
    except KeyboardInterrupt:
        say("The trial was ended early: nothing is known of the promise, and nothing of the trial is left.")
        raise
    if as_json:
        print_json({"passed": verdict.passed, "seed": seed} | asdict(verdict))
    else:
        _print(verdict, plan)
    if not verdict.passed:
        raise typer.Exit(BROKE)


def _check(database: str) -> None:
    """End it with a word on what to change if nothing can be tried on that."""
    from supportbot.config.fields import durable

    if database == "sqlite":
        return
    if database.startswith("sqlite:///"):
        say("'--database' names a file, and a trial makes one of its own: write sqlite.")
        raise typer.Exit(TO_CHANGE)
    if database != "embedded":
        try:
            durable(database)
        except ValueError as error:
            say(f"'--database' {error}.")
            raise typer.Exit(TO_CHANGE) from None
    if find_spec("psycopg") is None:
        say(str(DatabaseDriverMissing(module="psycopg")))
        raise typer.Exit(TO_CHANGE)


def _held(plan: "Plan", database: str, report: "Callable[[Done], None]") -> "Verdict":
    from sqlalchemy.exc import OperationalError

    from supportbot.chaos.trial import hold
    from supportbot.store.remedies import unavailable

    try:
        with (
            tempfile.TemporaryDirectory(prefix="supportbot-chaos-") as folder,
            _opened(database) as (url, server),
        ):
            return asyncio.run(hold(plan, Path(folder), url, server=server, report=report))
    except OperationalError as error:  # the trial's own look; no bot is to blame
        raise TrialBroke(cause=unavailable(error.orig or error).what) from error


@contextmanager
def _opened(database: str) -> "Iterator[tuple[str, OwnServer | None]]":
    """Give the URL of an empty database, and the server if it may be crashed."""
    from supportbot.chaos.postgres import own_database, own_server

    if database == "sqlite":
        yield "sqlite:///data/bot.db", None
    elif database == "embedded":
        with own_server() as server:
            yield server.url, server
    else:
        with own_database(database) as url:
            yield url, None


@contextmanager
def _progress(plan: "Plan") -> "Iterator[Callable[[Done], None]]":
    """Show on stderr how far it is: a bar in a terminal, elsewhere a line every ten seconds."""
    if not sys.stderr.isatty():
        yield _Lines(plan)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    totals = _totals(plan)
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        tasks = {name: bar.add_task(name, total=total) for name, total in totals.items()}

        def report(done: "Done") -> None:
            for name, task in tasks.items():
                bar.update(task, completed=min(int(getattr(done, name)), totals[name]))

        yield report


def _totals(plan: "Plan") -> dict[str, int]:
    totals = {
        "accepted": plan.conversations * plan.messages,
        "kills": plan.kills,
        "freezes": plan.freezes,
        "stops": plan.stops,
        "restarts": plan.restarts,
        "seconds": int(plan.seconds),
    }
    return {name: total for name, total in totals.items() if total}


class _Lines:
    """Says how far a trial is, a line now and then: for a log, or whoever looks in later."""

    def __init__(self, plan: "Plan") -> None:
        self._totals = _totals(plan)
        self._next = _EVERY

    def __call__(self, done: "Done") -> None:
        if done.seconds >= self._next:
            self._next = done.seconds + _EVERY
            counts = [f"{name} {getattr(done, name):,.0f}/{total:,}" for name, total in self._totals.items()]
            say(f"{done.seconds:,.0f} s: {', '.join(counts)}")


def _print(verdict: "Verdict", plan: "Plan") -> None:
    from supportbot.chaos.verdict import FAULTS

    counted = ("accepted", "answered", *FAULTS)
    print_table(("verdict", ""), [(_words(name), f"{getattr(verdict, name):,}") for name in counted])
    happened = [
        f.name for f in fields(verdict) if f.name not in {*counted, "problems", "written_down_within"}
    ]
    shown = [f"{getattr(verdict, name):,.0f} {_words(name)}" for name in happened]
    pace = f"what the platform took was written down within {verdict.written_down_within:.1f} s"
    typer.echo(f"\n{', '.join(shown)}; {pace}; seed {plan.seed}")
    for problem in verdict.problems[:_MOST_PROBLEMS]:
        typer.echo(f"- {problem[:300]}")
    if len(verdict.problems) > _MOST_PROBLEMS:
        typer.echo(f"… and {len(verdict.problems) - _MOST_PROBLEMS} more; --json has all of them")
    sys.stdout.flush()
    if plan.is_calm and verdict.passed:
        say("Nothing was made to fail, and nothing needed an excuse.")
    say("The promise holds." if verdict.passed else "THE PROMISE IS BROKEN.")


def _words(name: str) -> str:
    return name.replace("_", " ").replace("cross talk", "cross-talk")
