"""``supportbot check``, ``schema`` and ``migrate``: what comes before a bot runs."""

import asyncio
import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from supportbot.cli.failures import TO_CHANGE, say
from supportbot.cli.options import AsJson, Yes
from supportbot.cli.output import print_json
from supportbot.cli.settings import settings_of
from supportbot.cli.stored import be_quiet, worked
from supportbot.errors import BotsAtWork

if TYPE_CHECKING:
    from supportbot.config import Loaded, Problem


def check(
    context: typer.Context,
    online: Annotated[
        bool, typer.Option("--online", help="Ask channels' platforms and models whether it works with them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check bot.yaml and what it names; print every problem as file:line:column: what: what to do."""
    settings = settings_of(context)
    report = settings.check()
    found = _ask(report.loaded) if online and report.loaded is not None else {}
    fine = report.loaded is not None and not any(found.values())
    if as_json:
        told = {"ok": fine, "problems": report.problems, "warnings": report.warnings}
        print_json(told | ({"online": found} if online else {}))
    else:
        _print_problems(report.problems, "")
        _print_problems(report.warnings, "warning: ")
        _print_found(found)
        if fine:
            typer.echo(f"{settings.config} is fine.")
    if not fine:
        raise typer.Exit(TO_CHANGE)


def _ask(loaded: "Loaded") -> "dict[str, tuple[str, ...]]":
    from supportbot.online import verified

    be_quiet()
    return asyncio.run(verified(loaded))


def _print_found(found: "dict[str, tuple[str, ...]]") -> None:
    for name, problems in found.items():
        for problem in problems or ("works",):
            typer.echo(f"{name}: {problem}")


def schema() -> None:
    """Print bot.yaml's JSON Schema, for editors."""
    from supportbot.config import schema as described

    typer.echo(json.dumps(described(), indent=2, ensure_ascii=False))


def migrate(
    context: typer.Context,
    version: Annotated[
        str, typer.Argument(help="To which schema version; head is the newest, base is none at all.")
    ] = "head",
    yes: Yes = False,
) -> None:
    """Bring the database to a schema version, while no bot runs on it."""
    from supportbot import schema as schemas

    be_quiet()
    database = settings_of(context).load().database
    if version == "base":
        _refuse_while_at_work(database)
    if version == "base" and not yes:
        typer.confirm("This removes all tables and everything in them. Go on?", abort=True, err=True)
    with ExitStack() as stack:
        _hold(database, stack)
        schemas.migrate(database, version, report=typer.echo)


def _refuse_while_at_work(database: str) -> None:
    """Keep the tables of a server's bots from being removed under them; an SQLite file has its lock for that.

    Raises:
        BotsAtWork: processes gave a sign of life lately.
    """
    from sqlalchemy.engine import make_url

    from supportbot import roster
    from supportbot import schema as schemas
    from supportbot.store import sqlite_path

    if sqlite_path(database) is not None or schemas.is_empty(database):
        return
    present = asyncio.run(worked(database, roster.processes))
    if present:
        shown = make_url(database).render_as_string(hide_password=True)
        raise BotsAtWork(database=shown, processes=", ".join(process.id for process in present))


def _hold(database: str, stack: ExitStack) -> None:
    """Keep bots off an SQLite file; on PostgreSQL the operator sees to it."""
    from supportbot.lockfile import LockFile
    from supportbot.store import sqlite_path

    path = sqlite_path(database)
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = LockFile(path)
        lock.acquire()
        stack.callback(lock.release)


def _print_problems(problems: "tuple[Problem, ...]", label: str) -> None:
    for problem in problems:
        typer.echo(f"{label}{problem}")


def warn(problems: "tuple[Problem, ...]") -> None:
    """Print warnings to stderr."""
    for problem in problems:
        say(f"warning: {problem}")
