"""A look into a database, and a hand in it, past the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

import supportbot
from supportbot.store import sqlite_path

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

ROOT = Path(supportbot.__file__).parents[1]

POSTGRES_CATALOGUE = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    UNION ALL
    SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT table_name || '.' || column_name,
           concat_ws(' ', data_type, is_nullable, is_identity, column_default)
    FROM information_schema.columns WHERE table_schema = 'public'
"""


def connection_to(url: str) -> AbstractContextManager[sa.Connection]:
    return sa.create_engine(url, poolclass=sa.NullPool).begin()


def execute(url: str, *statements: str) -> None:
    with connection_to(url) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with connection_to(url) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def definitions(url: str) -> set[tuple[str, str]]:
    """Everything the database knows about our tables, in its own words."""
    is_sqlite = sqlite_path(url) is not None
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL" if is_sqlite else POSTGRES_CATALOGUE
    found = {(str(name), " ".join(str(sql).split())) for name, sql in rows(url, query)}
    return {(name, sql) for name, sql in found if "alembic_version" not in name}


def file_of(url: str) -> Path:
    path = sqlite_path(url)
    assert path is not None
    return path


def ignore(_line: str) -> None:
    pass


def photograph(url: str) -> object:
    """What must not change: a SQLite file's bytes, or the definitions and rows of a server's tables."""
    path = sqlite_path(url)
    if path is not None:
        return path.read_bytes()
    tables = [row[0] for row in rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return definitions(url), {name: rows(url, f'SELECT * FROM "{name}"') for name in tables}
