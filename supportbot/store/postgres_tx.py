"""A transaction on the bare PostgreSQL driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.util import await_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.store.statement import Statement
    from supportbot.store.wire import Answer, Wire


class PostgresTx:
    """One transaction, or one look, in a greenlet that waits for the server; see ``Tx``."""

    __slots__ = ("_before", "_wire", "begun", "callbacks", "reads")

    def __init__(self, wire: Wire, *, reads: bool = False, before: Statement | None = None) -> None:
        """``before``: a statement without parameters that is run at its beginning."""
        self._wire = wire
        self._before = before
        self.reads = reads
        self.begun = False
        self.callbacks: list[Callable[[], None]] = []

    def rows(self, statement: Statement, /, **params: Any) -> list[Any]:
        """Run a query, return all rows."""
        name = statement.for_postgres().row
        return [name(row) for row in self._wire.rows(self._ask(statement, params))]

    def row(self, statement: Statement, /, **params: Any) -> Any | None:
        """Run a query, return the first row or None."""
        found = self._wire.rows(self._ask(statement, params))
        return statement.for_postgres().row(found[0]) if found else None

    def run(self, statement: Statement, /, **params: Any) -> int:
        """Run a statement, return how many rows it touched."""
        return self._ask(statement, params).touched

    def send(self, statement: Statement, /, **params: Any) -> None:
        """Hand a statement over; it is answered with what follows."""
        self._hand_over(statement, params)

    def lock(self, statement: Statement, /, **params: Any) -> None:
        """Lock the rows that a query finds; what follows runs after it."""
        self._hand_over(statement, params)

    def after_commit(self, callback: Callable[[], None], /) -> None:
        """Remember what to call once the transaction is on disk."""
        self.callbacks.append(callback)

    def _ask(self, statement: Statement, params: dict[str, Any]) -> Answer:
        answer = self._hand_over(statement, params)
        await_only(self._wire.synced())
        return answer

    def _hand_over(self, statement: Statement, params: dict[str, Any]) -> Answer:
        if not self.begun:
            self.begun = True
            if not self.reads:
                self._wire.begin()
            if self._before is not None:
                self._wire.send(self._before.for_postgres(), ())
        prepared = statement.for_postgres()
        return self._wire.send(prepared, prepared.bind(params))
