"""The schema version of a database: checked before the bot starts, changed by ``supportbot migrate``.

The rule is that nothing is ever changed by surprise. A bot that starts fills an empty database
and otherwise only looks; a database that is older, newer or somebody else's is refused with a line
that says what to do, and stays as it was.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from supportbot.columns import differences
from supportbot.errors import (
    DatabaseAway,
    DatabaseDriverMissing,
    DatabaseForbids,
    DatabaseReadOnly,
    DatabaseShut,
    DatabaseUnusable,
    ForeignDatabase,
    NewerSchema,
    NotFound,
    SchemaBehind,
    SchemaDiffers,
    SupportBotError,
    UnknownSchema,
)
from supportbot.migrations import HEAD, KNOWN, expands, is_newer
from supportbot.migrations.running import run
from supportbot.rights import IN_WORDS, NO_SCHEMA, VERSION_TABLE, has_schema, rights_on, to_grant
from supportbot.store import sqlite_path
from supportbot.store.remedies import SERVER_ONLY_READS, only_reads, remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine

_NO_PRIVILEGE = "42501"  # https://www.postgresql.org/docs/current/errcodes-appendix.html

_AWAY = "Look whether it runs and whether 'database' in bot.yaml names it, its user and the password"
_BUSY = "Look which other program works on the file, and end that"

_WAIT = 30.0
"""Seconds to wait for another process that is filling or migrating the same SQLite file."""

_ADVISORY_LOCK = int.from_bytes(b"supportb")
"""The key under which the bot's processes queue to change a PostgreSQL schema; locks are per database."""

_LANDMARK = "conversations"  # in every version of ours: tells our version "0001" from another program's

_SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT GLOB 'sqlite_*'"
_POSTGRES_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
      AND NOT EXISTS (  -- what belongs to an extension is nobody's data
        SELECT FROM pg_depend
        WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
"""


@dataclass(frozen=True, slots=True)
class _Found:
    """What is in a database, as far as this module cares."""

    tables: frozenset[str] = frozenset()
    version: str | None = None
    differences: tuple[str, ...] = ()
    """Between its tables and those of the newest version, when it says it is at that or only added to it."""

    @property
    def is_expanded(self) -> bool:
        """Whether it is ours, at a version that only added to the newest one we know."""
        return self.version is not None and expands(self.version, HEAD) and _LANDMARK in self.tables


def prepare(url: str) -> None:
    """Make sure that a bot can start on this database; an empty one is filled.

    Several processes may do this at once: one fills the database, the others wait for it. A database that a
    newer release only added to is right as it is: that release may be taking over, process by process.

    Args:
        url: ``sqlite:////absolute/path`` or ``postgresql+psycopg://…``.

    Raises:
        SchemaBehind: the database is at an older version; ``migrate`` would help.
        SchemaDiffers: it says it is at the right version, and its tables are others.
        UnknownSchema: it is at a version that this release does not know.
        ForeignDatabase: it holds tables that are not ours.
        DatabaseAway: it does not answer.
        DatabaseUnusable: it cannot be opened, read or filled.
        DatabaseDriverMissing: the package that talks to it is not installed.
    """
    with _explained(url):
        if _is_ready(url, _look(url)):
            return
        with _alone(url) as connection:
            if not _is_ready(url, _look_through(connection)):
                run(connection, to="head", report=_say_nothing)


def check_writable(url: str) -> None:
    """Make sure that a bot may write what it found by ``prepare``; looking into it needs no such right.

    Args:
        url: as for ``prepare``.

    Raises:
        DatabaseReadOnly: the server or the file only reads, or its user may not change all tables.
        DatabaseAway, DatabaseUnusable: as for ``prepare``.
    """
    with _explained(url), _engine(url).begin() as connection:
        if sqlite_path(url) is not None:
            connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = version_num")  # noqa: S608 - constant
            connection.rollback()
            return
        rights = rights_on(connection)
    if rights.only_reading:
        cause = "its server only reads"
        raise DatabaseReadOnly(database=_shown(url), cause=cause, remedy=f"{SERVER_ONLY_READS}.")
    if rights.shut:
        cause = f"its user '{rights.user}' may not change {_enumerated(rights.shut)}"
        raise DatabaseReadOnly(database=_shown(url), cause=cause, remedy=to_grant(rights))


def migrate(url: str, revision: str = "head", *, report: Callable[[str], None]) -> None:
    """Bring a database to a schema version, forwards or back, in one transaction.

    A SQLite file that holds something is copied next to itself first. On PostgreSQL a backup is the
    operator's own. Going back to ``base`` removes all tables and all that is in them. No bot
    should be running on the database, unless the step only adds to it.

    Args:
        url: as for ``prepare``.
        revision: a version such as ``0001``; ``head`` for the newest, ``base`` for none.
        report: told about each step, one line each.

    Raises:
        NotFound: there is no such revision.
        SchemaDiffers, UnknownSchema, ForeignDatabase, DatabaseUnusable, DatabaseDriverMissing: as for
            ``prepare``.
    """
    wanted = _wanted(revision)
    with _explained(url):
        found = _look(url)
        if _judged(url, found) == wanted:
            _compare(url, found)
            report(f"The database is at schema version {wanted or 'base'}. Nothing to do.")
            return
        with _alone(url) as connection:
            current = _judged(url, _look_through(connection))
            report(f"From schema version {current or 'base'} to {wanted or 'base'}.")
            path = sqlite_path(url)
            if path is not None and current is not None:
                report(f"Backup: {_back_up(path, current)}")
            run(connection, to=wanted or "base", report=report, down=_rank(wanted) < _rank(current))
    report("Done.")


def version(url: str) -> str | None:
    """Return the schema version that a database says it is at; None when it says nothing.

    It is read, never judged: it may be unknown to this release, or another program's.

    Raises:
        DatabaseUnusable: the database cannot be opened or read.
        DatabaseDriverMissing: the package that talks to it is not installed.
    """
    with _explained(url):
        return _look(url).version


def is_empty(url: str) -> bool:
    """Say whether there is nothing in a database: no bot has run on it, and no other program.

    Raises:
        ForeignDatabase, UnknownSchema, DatabaseUnusable, DatabaseDriverMissing: as for ``prepare``.
    """
    with _explained(url):
        found = _look(url)
        return not found.is_expanded and _judged(url, found) is None


# -- looking -----------------------------------------------------------------------------------


def _look(url: str) -> _Found:
    """Look without being able to change anything: a SQLite file is opened read-only."""
    path = sqlite_path(url)
    if path is None:
        engine = _engine(url)
        with engine.connect() as connection:
            return _look_through(connection)
    if not path.exists():
        return _Found()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_WAIT)) as readonly:
        return _catalogue(readonly.execute, sqlite=True)


def _look_through(connection: Connection) -> _Found:
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite and not has_schema(connection):
        raise DatabaseShut(database=_shown(str(connection.engine.url)), cause=NO_SCHEMA, remedy=IN_WORDS)
    return _catalogue(connection.exec_driver_sql, sqlite=is_sqlite)


def _catalogue(query: Callable[[str], Iterable[Any]], *, sqlite: bool) -> _Found:
    tables = frozenset(row[0] for row in query(_SQLITE_TABLES if sqlite else _POSTGRES_TABLES))
    if VERSION_TABLE not in tables:
        return _Found(tables)
    versions = sorted(row[0] for row in query(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - constant
    fits = versions == [HEAD] or (len(versions) == 1 and expands(versions[0], HEAD))
    differs = differences(query, sqlite=sqlite) if fits and _LANDMARK in tables else []
    return _Found(tables, ", ".join(versions) or None, tuple(differs))


def _judged(url: str, found: _Found) -> str | None:
    """Return the version of a database that is ours, None for one that is empty; refuse any other."""
    foreign = sorted(found.tables - {VERSION_TABLE})
    if found.version is None and not foreign:
        return None
    if found.version is None or _LANDMARK not in found.tables:
        raise ForeignDatabase(database=_shown(url), tables=_enumerated(foreign or [VERSION_TABLE]))
    if found.version not in KNOWN:
        kind = NewerSchema if is_newer(found.version) else UnknownSchema
        raise kind(database=_shown(url), found=found.version, known=HEAD)
    return found.version


def _is_ready(url: str, found: _Found) -> bool:
    if found.is_expanded:
        _compare(url, found)
        return True
    current = _judged(url, found)
    if current not in {None, HEAD}:
        raise SchemaBehind(found=current, needed=HEAD)
    _compare(url, found)
    return current == HEAD


def _compare(url: str, found: _Found) -> None:
    """Refuse a database whose tables are not those of the version it names."""
    if found.differences:
        raise SchemaDiffers(
            database=_shown(url), found=found.version, differences=_enumerated(list(found.differences))
        )


# -- changing ----------------------------------------------------------------------------------


@contextmanager
def _alone(url: str) -> Iterator[Connection]:
    """Give a transaction that no other process of ours shares the database with; it commits at the end."""
    path = sqlite_path(url)
    if path is not None:
        _make_file(path)
    with _engine(url).begin() as connection:
        if path is None:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
        yield connection


def _make_file(path: Path) -> None:
    """Make the folder and an empty file that only its owner can read; SQLite's side files copy its mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _engine(url: str) -> Engine:
    """Make an engine that keeps no connection open."""
    if sqlite_path(url) is None:
        try:
            return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
        except ImportError as error:  # psycopg's own, too, where it finds no libpq
            raise DatabaseDriverMissing(module=error.name or "psycopg[binary]") from error
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _WAIT})
    event.listen(engine, "connect", _open_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _open_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # pysqlite would commit around DDL; we say BEGIN ourselves
    connection.execute("PRAGMA journal_mode=WAL")


def _back_up(path: Path, current: str) -> Path:
    """Copy a SQLite file, with what its write-ahead log holds, to a new file next to it."""
    copy = _new_file(path, f"{current}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    try:
        with (
            closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_WAIT)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.Error:
        copy.unlink()
        raise
    return copy


def _new_file(path: Path, label: str) -> Path:
    for number in count(1):
        copy = path.with_name(f"{path.name}.{label}{f'-{number}' if number > 1 else ''}.bak")
        try:
            os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            continue
        return copy
    raise AssertionError("unreachable: numbers do not end")


def _wanted(revision: str) -> str | None:
    """Return the version a revision names; None for ``base``."""
    if revision == "base":
        return None
    if revision == "head":
        return HEAD
    if revision not in KNOWN:
        raise NotFound(what="schema version", id=revision)
    return revision


def _rank(known: str | None) -> int:
    return -1 if known is None else KNOWN.index(known)


def _say_nothing(_line: str) -> None:
    """Report to nobody: an empty database is filled without words."""


# -- explaining --------------------------------------------------------------------------------


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn what drivers and the operating system raise into one line."""
    try:
        yield
    except DBAPIError as error:
        raise _unusable(url, error.orig) from error
    except ModuleNotFoundError as error:  # the queue's, where a step makes its tables
        raise DatabaseDriverMissing(module=error.name) from error
    except (sqlite3.Error, OSError) as error:
        raise _unusable(url, error) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        raise _unusable(url, error) from error  # of a step that speaks to the driver itself


def _unusable(url: str, error: BaseException | None) -> SupportBotError:
    told = {"database": _shown(url), "cause": _first_line(error)}
    if getattr(error, "sqlstate", None) == _NO_PRIVILEGE:
        granted = _lacking(url)
        return DatabaseShut(**told, remedy=granted) if granted else DatabaseForbids(**told)
    if only_reads(error):
        return DatabaseReadOnly(**told, remedy=f"{remedy(error)}.")
    if _is_busy(error):
        return DatabaseAway(**told, remedy=_BUSY)
    if _is_server_s(error):
        return DatabaseAway(**told, remedy=remedy(error) or _AWAY)
    return DatabaseUnusable(**told)


def _lacking(url: str) -> str:
    """Return what the owner of our tables may say; empty if none are there, or none is shut."""
    try:
        with _engine(url).connect() as connection:
            rights = rights_on(connection)
    except DBAPIError:
        return IN_WORDS  # it was away a moment later, or hides its catalogue
    is_ours = rights.is_there and rights.version_table is not None
    return to_grant(rights) if is_ours and (rights.shut or not rights.may_see_version) else ""


def _is_server_s(error: BaseException | None) -> bool:
    """Say whether PostgreSQL failed or was not there; psycopg, which knows, need not be installed."""
    return hasattr(error, "sqlstate") and "OperationalError" in {
        kind.__name__ for kind in type(error).__mro__
    }


def _is_busy(error: BaseException | None) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, sqlite3.Error) and code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().split("\n", 1)[0][:300]


def _shown(url: str) -> str:
    """Return the URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def _enumerated(tables: list[str]) -> str:
    return ", ".join(tables[:3]) + (f" and {len(tables) - 3} more" if len(tables) > 3 else "")
