"""The shared fixtures give what they promise."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, inspect, text

from supportbot import schema

if TYPE_CHECKING:
    from pathlib import Path

    from tests.filled import Filled


def test_a_database_is_there_with_nothing_in_it(database_url: str) -> None:
    """Each test begins with a database of its own that a bot can start on and that can be written."""
    schema.prepare(database_url)
    engine = create_engine(database_url)
    with engine.begin() as connection:
        assert [] == connection.execute(text("SELECT id FROM conversations")).all()
        connection.execute(text("CREATE TABLE leftover (id INTEGER)"))
    engine.dispose()


def test_nothing_is_left_over(database_url: str) -> None:
    """What the test before wrote is gone."""
    schema.prepare(database_url)
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert "leftover" not in inspect(connection).get_table_names()
    engine.dispose()


def test_a_copied_file_is_as_a_first_start_makes_it(tmp_path: Path, filled: Filled) -> None:
    """What tests start on is what bots start on: its tables, its mode, who may read it, nothing beside it."""
    copied, made = tmp_path / "copied" / "bot.db", tmp_path / "made" / "bot.db"
    schema.prepare(f"sqlite:///{copied}")
    filled.really_prepare(f"sqlite:///{made}")
    assert _of(made) == _of(copied)
    assert [copied] == list(copied.parent.iterdir())


def _of(file: Path) -> tuple[list[tuple[str, str]], str, int]:
    with closing(sqlite3.connect(file)) as database:
        tables = database.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        [(journal,)] = database.execute("PRAGMA journal_mode").fetchall()
    return tables, journal, stat.S_IMODE(file.stat().st_mode)


def test_a_file_that_is_there_is_left_as_it_is(sqlite_database: str) -> None:
    """Only what is not there yet is copied."""
    schema.prepare(sqlite_database)
    engine = create_engine(sqlite_database)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO tenants VALUES ('shop', 'Shop', 1)"))
    schema.prepare(sqlite_database)
    with engine.connect() as connection:
        assert 2 == connection.execute(text("SELECT count(*) FROM tenants")).scalar()
    engine.dispose()
