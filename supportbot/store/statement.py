"""One SQLAlchemy Core statement, compiled once, run on either database.

SQLAlchemy's execution layer costs more CPU than SQLite's work for a one-row statement; compiled
once to a string and a parameter order, the same Core statement runs on the bare driver.
"""

from __future__ import annotations

from collections import namedtuple
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Insert
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.sql.base import Executable

_SQLITE = SQLiteDialect_pysqlite(paramstyle="qmark")


class Statement:
    """A Core expression whose parameters are ``bindparam``\\ s (or an ``insert`` of whole rows).

    Partial indexes are used only where the query spells their condition out: write such
    constants as ``literal_column``.
    """

    __slots__ = ("_bind", "_row", "_sql", "core")

    def __init__(self, core: Executable) -> None:
        self.core = core
        self._sql: str | None = None
        self._bind: Callable[[Mapping[str, Any]], tuple[Any, ...]]
        self._row: Callable[[tuple[Any, ...]], Any]

    def for_sqlite(self) -> tuple[str, Callable[..., tuple[Any, ...]], Callable[[tuple[Any, ...]], Any]]:
        """Return the SQL text, what puts named parameters in its order, and what names a result row."""
        if self._sql is None:
            self._compile()
        assert self._sql is not None
        return self._sql, self._bind, self._row

    def _compile(self) -> None:
        compiled: Any = self.core.compile(dialect=_SQLITE, column_keys=_insert_columns(self.core))  # type: ignore[attr-defined]
        order: list[str] = list(compiled.positiontup or ())
        constants = {key: value for key, value in compiled.params.items() if not compiled.binds[key].required}

        pick = _picker(order)

        def bind(given: Mapping[str, Any]) -> tuple[Any, ...]:
            return pick({**constants, **given} if constants else given)

        columns = [str(column.key) for column in getattr(self.core, "exported_columns", ())]
        self._bind = bind
        self._row = _row_type(columns)._make if columns else tuple
        self._sql = str(compiled)


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
