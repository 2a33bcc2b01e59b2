"""``supportbot processes``: who works on the store, and which role nobody has."""

from typing import TYPE_CHECKING

import typer

from supportbot.cli.failures import say
from supportbot.cli.options import AsJson
from supportbot.cli.output import local, print_json, print_table
from supportbot.cli.settings import settings_of
from supportbot.cli.stored import with_store

if TYPE_CHECKING:
    from supportbot.cli.settings import Settings
    from supportbot.roster import Process


def processes(context: typer.Context, as_json: AsJson = False) -> None:
    """List the processes that work on the store, with their roles, and name the roles that nobody has."""
    from supportbot import roster

    settings = settings_of(context)
    alone = _alone(settings)
    present = with_store(context, roster.processes) if alone is None else alone
    missing = roster.missing_roles(present, _needed(settings))
    if as_json:
        print_json({"processes": present, "missing": missing})
        return
    if not present:
        say("No process works on it. To start one: supportbot serve")
        return
    print_table(("process", "roles", "version", "since", "last seen"), map(_cells, present))
    for role, problem in missing.items():
        say(f"role {role}: {problem}")


def _alone(settings: "Settings") -> "list[Process] | None":
    """Return the one bot of an SQLite file, which its lock knows better; None on PostgreSQL."""
    from supportbot.cli.stored import check_store
    from supportbot.host import ROLES
    from supportbot.ids import now_ms
    from supportbot.lockfile import read
    from supportbot.roster import Process
    from supportbot.store import sqlite_path

    database = settings.database()
    path = sqlite_path(database)
    if path is None:
        return None
    check_store(database)
    held = read(path)
    if held is None:
        return []
    return [
        Process(
            id=str(held.get("pid", "unknown")),
            roles=tuple(sorted(ROLES)),
            version=str(held.get("version", "")),
            started_at=int(held.get("started_at", now_ms())),
            seen_at=now_ms(),
        )
    ]


def _needed(settings: "Settings") -> frozenset[str]:
    """Return the roles that the channels of bot.yaml need; with mistakes in it, only what every bot needs."""
    from supportbot.processes import needed_roles

    loaded = settings.check().loaded
    return needed_roles(loaded.channels if loaded is not None else {})


def _cells(process: "Process") -> tuple[str, ...]:
    return (
        process.id,
        ", ".join(process.roles),
        process.version,
        local(process.started_at),
        local(process.seen_at),
    )
