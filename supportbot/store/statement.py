"""One SQLAlchemy Core statement, compiled once, run on either database.

SQLAlchemy's execution layer costs more CPU than either database's work for a one-row statement;
compiled once to a string and a parameter order, the same Core statement runs on the bare driver.
"""

from __future__ import annotations

import hashlib
from collections import namedtuple
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Insert
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.base import Executable

    Bind = Callable[[Mapping[str, Any]], tuple[Any, ...]]
    Row = Callable[[tuple[Any, ...]], Any]

_SQLITE = SQLiteDialect_pysqlite(paramstyle="qmark")
_asyncpg: Any = PGDialect_asyncpg  # untyped; for its words alone: $1, and a cast where a type must be known
_POSTGRES: Dialect = _asyncpg()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A statement as PostgreSQL keeps it prepared."""

    name: bytes
    """Made from the words: the same in every process, and for every statement that says the same."""
    sql: bytes
    bind: Bind
    """Puts named parameters in the statement's order."""
    row: Row
    """Names the columns of a result row."""


class Statement:
    """A Core expression whose parameters are ``bindparam``\\ s (or an ``insert`` of whole rows).

    Partial indexes are used only where the query spells their condition out: write such
    constants as ``literal_column``.
    """

    __slots__ = ("_postgres", "_sqlite", "core")

    def __init__(self, core: Executable) -> None:
        self.core = core
        self._sqlite: tuple[str, Bind, Row] | None = None
        self._postgres: Prepared | None = None

    def for_sqlite(self) -> tuple[str, Bind, Row]:
        """Return the SQL text, what puts named parameters in its order, and what names a result row."""
        if self._sqlite is None:
            self._sqlite = self._compiled(_SQLITE)
        return self._sqlite

    def for_postgres(self) -> Prepared:
        """Return the same for PostgreSQL."""
        if self._postgres is None:
            sql, bind, row = self._compiled(_POSTGRES)
            words = sql.encode()
            name = hashlib.blake2b(words, digest_size=10).hexdigest().encode()
            self._postgres = Prepared(name=name, sql=words, bind=bind, row=row)
        return self._postgres

    def _compiled(self, dialect: Dialect) -> tuple[str, Bind, Row]:
        compiled: Any = self.core.compile(dialect=dialect, column_keys=_insert_columns(self.core))  # type: ignore[attr-defined]
        order: list[str] = list(compiled.positiontup or ())
        constants = {key: value for key, value in compiled.params.items() if not compiled.binds[key].required}

        pick = _picker(order)
        bind: Bind = (lambda given: pick({**constants, **given})) if constants else pick
        columns = [str(column.key) for column in getattr(self.core, "exported_columns", ())]
        return str(compiled), bind, _row_type(columns)._make if columns else tuple


def _picker(order: list[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return what takes the values of these keys out of a mapping."""
    if len(order) > 1:
        return itemgetter(*order)
    return lambda given: tuple(given[key] for key in order)


def _row_type(columns: list[str]) -> Any:
    """Return a class whose fields are a result's columns, known only now."""
    make: Any = namedtuple
    return make("Row", columns, rename=True)


def _insert_columns(core: Executable) -> list[str] | None:
    """Return the columns an insert without values is given: all but the one the database numbers."""
    if not isinstance(core, Insert):
        return None
    return [column.key for column in core.table.c if column.autoincrement is not True]
