"""A transaction on the bare SQLite driver."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.store.statement import Statement


class _Asked:
    """What a statement gave; see ``Asked``."""

    __slots__ = ("_row", "_touched")

    def __init__(self, row: Any | None, touched: int) -> None:
        self._row = row
        self._touched = touched

    def row(self) -> Any | None:
        """Return the first row of the answer, or None."""
        return self._row

    def touched(self) -> int:
        """Return how many rows it touched."""
        return self._touched


class SqliteTx:
    """One transaction, in the event loop when it writes, in a reader's thread when it reads; see ``Tx``."""

    __slots__ = ("_cursor", "callbacks")

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self.callbacks: list[Callable[[], None]] = []

    def rows(self, statement: Statement, /, **params: Any) -> list[Any]:
        """Run a query, return all rows."""
        sql, bind, name = statement.for_sqlite()
        return [name(row) for row in self._cursor.execute(sql, bind(params)).fetchall()]

    def row(self, statement: Statement, /, **params: Any) -> Any | None:
        """Run a query, return the first row or None."""
        sql, bind, name = statement.for_sqlite()
        found = self._cursor.execute(sql, bind(params)).fetchall()
        return name(found[0]) if found else None

    def run(self, statement: Statement, /, **params: Any) -> int:
        """Run a statement, return how many rows it touched."""
        sql, bind, _ = statement.for_sqlite()
        return self._cursor.execute(sql, bind(params)).rowcount

    def ask(self, statement: Statement, /, **params: Any) -> _Asked:
        """Run a statement, keep what it gave."""
        return _Asked(self.row(statement, **params), self._cursor.rowcount)

    def send(self, statement: Statement, /, **params: Any) -> None:
        """Run a statement whose outcome nobody asks for."""
        sql, bind, _ = statement.for_sqlite()
        self._cursor.execute(sql, bind(params))

    def lock(self, statement: Statement, /, **params: Any) -> None:
        """Nobody else writes meanwhile."""

    def after_commit(self, callback: Callable[[], None], /) -> None:
        """Remember what to call once the transaction is on disk."""
        self.callbacks.append(callback)


def is_unreadable(error: BaseException) -> bool:
    """Whether Python did not understand what SQLite read, such as a text that is no UTF-8: a damaged row.

    Only SQLite's own errors have a code. The message has some of the text in it.
    """
    return isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode")
