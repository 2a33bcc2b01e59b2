"""The schema version check on both databases: what a bot starts on, and what it refuses."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from supportbot import schema
from supportbot.errors import (
    DatabaseAway,
    DatabaseDriverMissing,
    DatabaseUnusable,
    ForeignDatabase,
    SchemaBehind,
    SchemaDiffers,
    UnknownSchema,
)
from supportbot.migrations import HEAD
from supportbot.tables import metadata
from tests.databases import ROOT, connection_to, definitions, execute, file_of, ignore, photograph, rows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def filled_sqlite() -> None:
    """Files are filled for real here."""


@pytest.fixture
def filled_postgres() -> str:
    """Databases are filled for real here."""
    return "template1"


# -- an empty database -------------------------------------------------------------------------


def test_an_empty_database_is_filled(database_url: str) -> None:
    """A bot's first start makes every table and the one tenant."""
    schema.prepare(database_url)

    assert HEAD == schema.version(database_url)
    assert [("default", "Default")] == rows(database_url, "SELECT id, name FROM tenants")
    with connection_to(database_url) as connection:
        assert {*metadata.tables, "alembic_version"} == set(sa.inspect(connection).get_table_names())


def test_preparing_again_changes_nothing(database_url: str) -> None:
    """A second start finds the database as the first one left it, with what was stored since."""
    schema.prepare(database_url)
    execute(database_url, "INSERT INTO tenants VALUES ('shop', 'Shop', 1)")

    schema.prepare(database_url)

    assert [(2,)] == rows(database_url, "SELECT count(*) FROM tenants")


def test_the_sqlite_folder_is_made(tmp_path: Path) -> None:
    """The folders above a SQLite file need not exist; the file is its owner's alone, and in WAL mode."""
    url = f"sqlite:///{tmp_path}/a/b/50% off/bot.db"

    schema.prepare(url)

    assert 0o600 == stat.S_IMODE(file_of(url).stat().st_mode)
    assert [("wal",)] == rows(url, "PRAGMA journal_mode")


def test_an_empty_file_counts_as_an_empty_database(sqlite_database: str) -> None:
    """A file of no bytes holds nothing that could be lost."""
    file_of(sqlite_database).touch()

    schema.prepare(sqlite_database)

    assert HEAD == schema.version(sqlite_database)


def test_looking_makes_no_file(sqlite_database: str) -> None:
    """Asking for the version of a database that is not there does not bring it about."""
    assert schema.version(sqlite_database) is None
    assert not file_of(sqlite_database).exists()


def test_what_a_killed_writer_left_in_the_log_is_read(sqlite_database: str) -> None:
    """A write-ahead log that nobody folded in belongs to the database: it is looked at too."""
    schema.prepare(sqlite_database)
    code = (
        "import os, signal, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        """connection.execute("UPDATE alembic_version SET version_num = '9999'")\n"""
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    subprocess.run([sys.executable, "-c", code, str(file_of(sqlite_database))], check=False, timeout=30)

    assert "9999" == schema.version(sqlite_database)


def test_a_ready_database_is_seen_without_alembic(database_url: str) -> None:
    """The everyday start does not pay for the migration tool."""
    schema.prepare(database_url)
    code = (
        "import sys; from supportbot.schema import prepare\n"
        "prepare(sys.argv[1]); print('alembic' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, database_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert "False\n" == done.stdout


def test_processes_that_start_at_once_all_succeed(database_url: str) -> None:
    """One of them fills the database; the others wait for it and find it ready."""
    code = (
        "import sys; import alembic.command; from supportbot.schema import prepare\n"
        "print('ready', flush=True); sys.stdin.readline(); prepare(sys.argv[1])"
    )
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", code, database_url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for starter in starters:
        assert starter.stdout is not None
        assert "ready\n" == starter.stdout.readline()
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    errors = [starter.communicate(timeout=120)[1] for starter in starters]

    assert ["", "", ""] == errors
    assert [(1,)] == rows(database_url, "SELECT count(*) FROM tenants")


def test_bots_of_one_process_that_start_at_once_all_succeed(tmp_path: Path) -> None:
    """Each on a database of its own, which none of the others fills."""
    urls = [f"sqlite:///{tmp_path}/{number}.db" for number in range(4)]
    together = threading.Barrier(len(urls))

    def start(url: str) -> None:
        together.wait()
        schema.prepare(url)

    with ThreadPoolExecutor(len(urls)) as threads:
        list(threads.map(start, urls))

    assert [[(1,)]] * 4 == [rows(url, "SELECT count(*) FROM tenants") for url in urls]


# -- a database that is refused ----------------------------------------------------------------


def test_an_unknown_version_is_refused(database_url: str) -> None:
    """A database made by a newer release is named as such and left alone, by a start and by migrate."""
    schema.prepare(database_url)
    execute(database_url, "UPDATE alembic_version SET version_num = '9999'")
    before = photograph(database_url)

    with pytest.raises(UnknownSchema) as refused:
        schema.prepare(database_url)
    with pytest.raises(UnknownSchema):
        schema.migrate(database_url, report=ignore)
    with pytest.raises(UnknownSchema):
        schema.migrate(database_url, "base", report=ignore)

    said = str(refused.value)
    assert "was migrated by a newer SupportBot: it is at schema version '9999'" in said
    assert f"this one knows up to '{HEAD}'" in said
    assert f"with the newer one: supportbot migrate {HEAD}" in said
    assert "backup" not in said
    assert before == photograph(database_url)
    assert "9999" == schema.version(database_url)


def test_a_version_that_only_added_to_ours_is_worked_with(database_url: str) -> None:
    """A newer release may run beside this one: its start goes well, and nothing is changed."""
    schema.prepare(database_url)
    execute(database_url, "ALTER TABLE conversations ADD COLUMN priority TEXT")
    execute(database_url, "CREATE TABLE teams (id TEXT PRIMARY KEY)")
    execute(database_url, f"UPDATE alembic_version SET version_num = '{HEAD}b'")
    before = photograph(database_url)

    schema.prepare(database_url)
    with pytest.raises(UnknownSchema):
        schema.migrate(database_url, report=ignore)

    assert before == photograph(database_url)


@pytest.mark.parametrize(
    ("version", "change"),
    [
        (f"{HEAD}b", "ALTER TABLE conversations DROP COLUMN owner"),
        (f"{HEAD}b", "ALTER TABLE seen RENAME COLUMN seen_at TO at"),
        ("0002b", "CREATE TABLE teams (id TEXT PRIMARY KEY)"),
        (f"{HEAD}1", "CREATE TABLE teams (id TEXT PRIMARY KEY)"),
    ],
)
def test_a_version_that_did_more_is_not(database_url: str, version: str, change: str) -> None:
    """Whatever its number says, and whatever its tables are: both must hold."""
    schema.prepare(database_url)
    execute(database_url, change)
    execute(database_url, f"UPDATE alembic_version SET version_num = '{version}'")
    with pytest.raises((UnknownSchema, SchemaDiffers)):
        schema.prepare(database_url)


def test_an_older_version_is_not_migrated_by_a_start(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start never migrates what holds data: it says what to run."""
    schema.prepare(database_url)
    before = photograph(database_url)
    monkeypatch.setattr(schema, "KNOWN", (HEAD, "0009"))
    monkeypatch.setattr(schema, "HEAD", "0009")

    with pytest.raises(SchemaBehind) as refused:
        schema.prepare(database_url)

    assert str(refused.value).endswith(f"'{HEAD}' and this release needs '0009'. Run: supportbot migrate")
    assert before == photograph(database_url)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE conversations DROP COLUMN owner", "conversations.owner is missing"),
        ("DROP TABLE leases", "leases.holder is missing"),
        ("ALTER TABLE seen RENAME COLUMN seen_at TO at", "seen.at is unknown"),
    ],
)
def test_tables_of_another_day_are_refused(database_url: str, change: str, told: str) -> None:
    """The number is right and the columns are not: both a start and ``migrate`` say so, with their names."""
    schema.prepare(database_url)
    execute(database_url, change)
    before = definitions(database_url)
    for attempt in (
        lambda: schema.prepare(database_url),
        lambda: schema.migrate(database_url, report=lambda _: None),
    ):
        with pytest.raises(SchemaDiffers) as refused:
            attempt()
        assert told in str(refused.value)
    assert definitions(database_url) == before


def test_a_column_that_somebody_added_is_nobodys_concern(database_url: str) -> None:
    """What the bot need not fill does not keep it from working."""
    schema.prepare(database_url)
    execute(database_url, "ALTER TABLE contacts ADD COLUMN shoe_size INTEGER")
    schema.prepare(database_url)


def test_a_database_from_before_the_queue_is_refused(postgres_database: str) -> None:
    """On PostgreSQL the turns' queue belongs to the schema."""
    schema.prepare(postgres_database)
    execute(postgres_database, "DROP SCHEMA supportbot_queue CASCADE")
    with pytest.raises(SchemaDiffers, match=r"supportbot_queue\.procrastinate_jobs is missing"):
        schema.prepare(postgres_database)


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE orders (id INTEGER)", "INSERT INTO orders VALUES (1)"),
        ("CREATE TABLE orders (id INTEGER)", "CREATE TABLE alembic_version (version_num TEXT)"),
        (
            "CREATE TABLE orders (id INTEGER)",
            "CREATE TABLE alembic_version (version_num TEXT)",
            "INSERT INTO alembic_version VALUES ('0001')",  # the same number, but another program's
        ),
        (
            "CREATE TABLE orders (id INTEGER)",
            "CREATE TABLE alembic_version (version_num TEXT)",
            "INSERT INTO alembic_version VALUES ('ae1027a6acf')",  # another program's
        ),
        ("CREATE VIEW orders AS SELECT 1 AS id",),
    ],
    ids=["no version", "empty version", "our version", "another version", "a view"],
)
def test_somebody_elses_database_is_refused(database_url: str, statements: tuple[str, ...]) -> None:
    """A database with tables that are not ours is never written to, whatever version it claims."""
    execute(database_url, *statements)
    before = photograph(database_url)

    with pytest.raises(ForeignDatabase) as refused:
        schema.prepare(database_url)
    with pytest.raises(ForeignDatabase):
        schema.migrate(database_url, report=ignore)

    assert "tables that SupportBot did not make (orders)" in str(refused.value)
    assert before == photograph(database_url)


def test_a_version_that_nobody_released_is_not_called_newer(database_url: str) -> None:
    """Our tables at a version such as no release has: there is no newer one to install."""
    schema.prepare(database_url)
    execute(database_url, "UPDATE alembic_version SET version_num = 'priority'")
    with pytest.raises(
        UnknownSchema, match="at schema version 'priority', which no release of SupportBot has"
    ):
        schema.prepare(database_url)


def test_a_file_that_is_no_database_is_refused(sqlite_database: str) -> None:
    """A path that names some other file is an error of configuration; the file stays as it was."""
    text = "name: not a database\n" * 100
    file_of(sqlite_database).write_text(text)

    with pytest.raises(DatabaseUnusable, match="file is not a database"):
        schema.prepare(sqlite_database)

    assert text == file_of(sqlite_database).read_text()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file where a folder should be gives one line, not a traceback of the driver's."""
    (tmp_path / "data").touch()

    with pytest.raises(
        DatabaseUnusable, match=r"data/bot\.db cannot be used: .*Check 'database' in bot\.yaml"
    ):
        schema.prepare(f"sqlite:///{tmp_path}/data/bot.db")


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    """The line about an unreachable server shows the URL, never its secret."""
    with pytest.raises(DatabaseAway) as refused:
        schema.prepare("postgresql+psycopg://bot:s3cret@127.0.0.1:1/bot")

    assert "postgresql+psycopg://bot:***@127.0.0.1:1/bot does not answer: " in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_file_that_another_program_holds_does_not_answer(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not wrong, it is busy: trying again may help, and correcting bot.yaml does not."""
    monkeypatch.setattr(schema, "_WAIT", 0.05)
    execute(sqlite_database, "CREATE TABLE t (id INTEGER)", "DROP TABLE t")
    with closing(sqlite3.connect(file_of(sqlite_database), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseAway, match="database is locked"):
            schema.prepare(sqlite_database)


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg, a PostgreSQL URL says which extra brings it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(DatabaseDriverMissing, match=r"'psycopg'.*pip install '\.\[postgres\]'"):
        schema.version("postgresql+psycopg://bot@127.0.0.1:1/bot")
