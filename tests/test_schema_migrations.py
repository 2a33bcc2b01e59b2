"""The migrations, on both databases."""

from __future__ import annotations

import sqlite3
import stat
import tomllib
from contextlib import closing
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from procrastinate.schema import SchemaManager

from supportbot import migrations, schema
from supportbot.errors import (
    DatabaseUnusable,
    NotFound,
)
from supportbot.migrations import HEAD, KNOWN, expands
from supportbot.tables import metadata
from tests.databases import ROOT, connection_to, definitions, execute, file_of, ignore, photograph


@pytest.fixture(autouse=True)
def filled_sqlite() -> None:
    """Files are filled for real here."""


@pytest.fixture
def filled_postgres() -> str:
    """Databases are filled for real here."""
    return "template1"


def test_the_known_versions_are_those_of_the_folder() -> None:
    """The list that spares a start from reading the folder is the folder's."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "supportbot" / "migrations"))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert KNOWN == tuple(reversed(found))
    assert HEAD == KNOWN[-1]


def test_the_migrated_database_is_the_one_tables_describes(database_url: str) -> None:
    """Alembic finds no difference in tables, columns, types, keys and indexes."""
    schema.prepare(database_url)

    with connection_to(database_url) as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        differences = compare_metadata(context, metadata)

    assert [] == differences


def test_the_database_defines_both_in_the_same_words(database_url: str) -> None:
    """Down to conditions of partial indexes, constraint names and WITHOUT ROWID: made by the steps or by
    ``tables``, the database describes the same. (Alembic's comparison does not look at these.)"""
    schema.prepare(database_url)
    migrated = definitions(database_url)
    schema.migrate(database_url, "base", report=ignore)
    with connection_to(database_url) as connection:
        metadata.create_all(connection)

    assert definitions(database_url) == migrated
    assert {"ix_conversations_due", "ix_messages_pending", "ix_deliveries_open"} <= {n for n, _ in migrated}


def test_the_queue_of_version_0001_is_frozen() -> None:
    """It is made of procrastinate's words, which are those of the release it was made with."""
    words = SchemaManager.get_schema().encode()
    assert "c70ec4b400a60ad9592787653aae5ae77ae41bf801d56b5bd2712751a07f2009" == sha256(words).hexdigest()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "procrastinate==3.10.0" in extras["postgres"]


LATER: dict[str, dict[str, object]] = {
    "contacts": {"language": ""},
    "conversations": {"seen_seq": 0, "written_in": ""},
    "deliveries": {"kind": "reply", "planned_at": 0, "thread": "", "missed": "{}"},
}
"""The columns that came to tables which were there before, and what means in each that nobody filled it."""


def test_who_does_not_know_a_column_need_not_fill_it(database_url: str) -> None:
    """A process of a release from before those columns goes on writing beside one of this."""
    schema.prepare(database_url)
    with connection_to(database_url) as connection:
        connection.exec_driver_sql("INSERT INTO tenants VALUES ('shop', 'Shop', 1)")
        for name in ("contacts", "conversations", "messages", "deliveries"):
            table = metadata.tables[name]
            known = [column for column in table.columns if column.name not in LATER.get(name, {})]
            row = {column.name: _something(column) for column in known if not column.nullable}
            connection.execute(sa.table(name, *(sa.column(c.name, c.type) for c in known)).insert(), row)
        for name, meant in LATER.items():
            columns = [sa.cast(metadata.tables[name].c[column], sa.Text) for column in meant]
            (found,) = connection.execute(sa.select(*columns))
            assert [str(value) for value in meant.values()] == list(found)


def _something(column: sa.Column[Any]) -> Any:
    """What a column may hold: a key's own row, or any value of its kind."""
    if column.name == "tenant_id":
        return "shop"
    if isinstance(column.type, sa.Integer):
        return 1
    return "1"


def test_a_version_that_adds_adds_only_what_others_need_not_fill(postgres_database: str) -> None:
    """Every version with a letter: releases of the one before it work on beside it, on PostgreSQL."""
    for before, version in pairwise(KNOWN):
        if expands(version, before):
            schema.migrate(postgres_database, before, report=ignore)
            old = _columns(postgres_database)
            schema.migrate(postgres_database, version, report=ignore)
            assert [] == _in_the_way(old, _columns(postgres_database))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("ALTER TABLE contacts ADD COLUMN extra TEXT", []),
        ("ALTER TABLE contacts ADD COLUMN extra TEXT NOT NULL DEFAULT ''", []),
        ("CREATE TABLE teams (id TEXT PRIMARY KEY)", []),
        ("ALTER TABLE contacts ADD COLUMN extra TEXT NOT NULL", ["contacts.extra wants a value"]),
        ("ALTER TABLE contacts DROP COLUMN name", ["contacts.name is gone"]),
        (
            "ALTER TABLE contacts RENAME COLUMN name TO called",
            ["contacts.name is gone", "contacts.called wants a value"],
        ),
        ("ALTER TABLE turns ALTER COLUMN cost SET NOT NULL", ["turns.cost is another"]),
        ("ALTER TABLE turns ALTER COLUMN cost TYPE TEXT", ["turns.cost is another"]),
        ("ALTER TABLE deliveries ALTER COLUMN kind DROP DEFAULT", ["deliveries.kind is another"]),
        ("DROP TABLE drafts", ["drafts is gone"]),
    ],
)
def test_what_stands_in_an_older_releases_way_is_seen(
    postgres_database: str, step: str, said: list[str]
) -> None:
    """The test before this one has nothing to look at as long as there is one version."""
    schema.prepare(postgres_database)
    old = _columns(postgres_database)
    execute(postgres_database, step)

    assert said == _in_the_way(old, _columns(postgres_database))


Columns = dict[tuple[str, str], tuple[str, bool, bool]]


def _columns(url: str) -> Columns:
    """By table and column: its type, whether it may be empty, whether it has a value if nobody gives one."""
    with connection_to(url) as connection:
        inspector = sa.inspect(connection)
        return {
            (table, column["name"]): (
                str(column["type"]),
                column["nullable"],
                bool(column["default"] or column["autoincrement"] is True or column.get("identity")),
            )
            for table in inspector.get_table_names()
            for column in inspector.get_columns(table)
        }


def _in_the_way(old: Columns, new: Columns) -> list[str]:
    """Say what a release that knows the old columns would stumble on."""
    tables = {table for table, _ in old}
    gone = sorted(tables - {table for table, _ in new})
    missing = [f"{t}.{c} is gone" for t, c in old if (t, c) not in new and t not in gone]
    other = [f"{t}.{c} is another" for (t, c), what in old.items() if new.get((t, c), what) != what]
    wanting = [
        f"{t}.{c} wants a value"
        for (t, c), (_, may_be_empty, has_default) in new.items()
        if t in tables and (t, c) not in old and not may_be_empty and not has_default
    ]
    return [f"{table} is gone" for table in gone] + missing + other + wanting


def test_down_takes_everything_away_and_up_brings_it_back(database_url: str) -> None:
    """``base`` leaves nothing of ours but the empty version table, which counts as an empty database."""
    schema.prepare(database_url)

    schema.migrate(database_url, "base", report=ignore)

    assert schema.version(database_url) is None
    assert set() == definitions(database_url)
    schema.prepare(database_url)
    assert HEAD == schema.version(database_url)


def test_migrate_names_each_step(database_url: str) -> None:
    """Whoever migrates reads where it starts, what was applied, and that it ended."""
    lines: list[str] = []

    schema.migrate(database_url, report=lines.append)
    schema.migrate(database_url, report=lines.append)

    assert [
        "From schema version base to 0001.",
        "Applied 0001: the first tables",
        "Done.",
        "The database is at schema version 0001. Nothing to do.",
    ] == lines


def test_an_unknown_target_is_refused(sqlite_database: str) -> None:
    """A mistyped version changes nothing."""
    with pytest.raises(NotFound, match="There is no schema version '0815'"):
        schema.migrate(sqlite_database, "0815", report=ignore)

    assert not file_of(sqlite_database).exists()


def test_a_migration_that_fails_changes_nothing(database_url: str) -> None:
    """All steps are one transaction: an error in the last one takes the first one back."""
    schema.prepare(database_url)
    before = photograph(database_url)

    def fail(line: str) -> None:
        if line.startswith("Took back"):
            raise RuntimeError(line)

    with pytest.raises(RuntimeError, match="Took back 0001"):
        schema.migrate(database_url, "base", report=fail)

    assert before == photograph(database_url)


def test_sqlite_is_backed_up_before_it_is_migrated(sqlite_database: str) -> None:
    """The copy next to the file holds what was there, is named in the report, and is its owner's alone."""
    schema.prepare(sqlite_database)
    execute(sqlite_database, "INSERT INTO tenants VALUES ('shop', 'Shop', 1)")
    lines: list[str] = []

    schema.migrate(sqlite_database, "base", report=lines.append)

    (copy,) = file_of(sqlite_database).parent.glob("bot.db.0001-*Z.bak")
    assert f"Backup: {copy}" in lines
    assert 0o600 == stat.S_IMODE(copy.stat().st_mode)
    with closing(sqlite3.connect(copy)) as backup:
        assert [("default",), ("shop",)] == backup.execute("SELECT id FROM tenants ORDER BY id").fetchall()


def test_a_backup_never_overwrites_another(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two backups of the same second get two names."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls(2026, 5, 4, 3, 2, 1, tzinfo=tz)

    monkeypatch.setattr(schema, "datetime", Stopped)
    for _ in range(2):
        schema.prepare(sqlite_database)
        schema.migrate(sqlite_database, "base", report=ignore)

    names = sorted(path.name for path in file_of(sqlite_database).parent.glob("*.bak"))
    assert ["bot.db.0001-20260504T030201Z-2.bak", "bot.db.0001-20260504T030201Z.bak"] == names


def test_without_a_backup_there_is_no_migration(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the copy fails (a full disk), the database stays and no half a copy is left behind."""
    schema.prepare(sqlite_database)
    before = photograph(sqlite_database)
    real = sqlite3.connect

    def connect(database: Any, **options: Any) -> sqlite3.Connection:
        if str(database).endswith(".bak"):
            raise sqlite3.OperationalError("database or disk is full")
        connection: sqlite3.Connection = real(database, **options)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)

    with pytest.raises(DatabaseUnusable, match="database or disk is full"):
        schema.migrate(sqlite_database, "base", report=ignore)

    assert before == photograph(sqlite_database)
    assert [] == list(file_of(sqlite_database).parent.glob("*.bak"))


@pytest.mark.parametrize(
    ("version", "known", "added"),
    [
        ("0001a", "0001", True),
        ("0001b", "0001a", True),
        ("0001aa", "0001z", True),
        ("0001ab", "0001aa", True),
        ("0001z", "0001aa", False),
        ("0001", "0001", False),
        ("0001a", "0001a", False),
        ("0001", "0001a", False),
        ("0002a", "0001", False),
        ("1", "0001", False),
        ("other", "0001", False),
    ],
)
def test_a_name_says_which_version_only_added_to_which(version: str, known: str, added: bool) -> None:
    """After twenty-six that add, the next one has two letters."""
    assert added == migrations.expands(version, known)


@pytest.mark.parametrize(
    ("version", "head", "newer"),
    [
        ("0001aa", "0001z", True),
        ("0002", "0001z", True),
        ("0010", "0002aa", True),
        ("0001z", "0001aa", False),
        ("0001", "0001", False),
        ("9f3b", "0001", False),
    ],
)
def test_a_name_says_which_version_is_newer(
    version: str, head: str, newer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that no release of ours can have is not called newer."""
    monkeypatch.setattr(migrations, "HEAD", head)
    assert newer == migrations.is_newer(version)
