"""A transaction on the bare PostgreSQL driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.util import await_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.store.statement import Statement
    from supportbot.store.wire import Answer, Wire


class _Asked:
    """A statement on its way; see ``Asked``."""

    __slots__ = ("_answer", "_statement", "_tx")

    def __init__(self, tx: PostgresTx, statement: Statement, answer: Answer) -> None:
        self._tx = tx
        self._statement = statement
        self._answer = answer

    def row(self) -> Any | None:
        """Return the first row of the answer, or None."""
        found = self._tx.answered(self._answer)
        return self._statement.for_postgres().row(found[0]) if found else None

    def touched(self) -> int:
        """Return how many rows it touched."""
        self._tx.wait_for(self._answer)
        return self._answer.touched


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
        return [name(row) for row in self.answered(self._hand_over(statement, params))]

    def row(self, statement: Statement, /, **params: Any) -> Any | None:
        """Run a query, return the first row or None."""
        return self.ask(statement, **params).row()

    def run(self, statement: Statement, /, **params: Any) -> int:
        """Run a statement, return how many rows it touched."""
        return self.ask(statement, **params).touched()

    def ask(self, statement: Statement, /, **params: Any) -> _Asked:
        """Hand a statement over; it is answered with what follows, or when its answer is wanted."""
        return _Asked(self, statement, self._hand_over(statement, params))

    def send(self, statement: Statement, /, **params: Any) -> None:
        """Hand a statement over; it is answered with what follows."""
        self._hand_over(statement, params)

    def lock(self, statement: Statement, /, **params: Any) -> None:
        """Lock the rows that a query finds; what follows runs after it."""
        self._hand_over(statement, params)

    def after_commit(self, callback: Callable[[], None], /) -> None:
        """Remember what to call once the transaction is on disk."""
        self.callbacks.append(callback)

    def answered(self, answer: Answer) -> list[tuple[Any, ...]]:
        """Wait for an answer and return its rows."""
        self.wait_for(answer)
        return self._wire.rows(answer)

    def wait_for(self, answer: Answer) -> None:
        """Wait until the server has said what came of a statement."""
        if answer.result is None:
            await_only(self._wire.synced())

    def _hand_over(self, statement: Statement, params: dict[str, Any]) -> Answer:
        if not self.begun:
            self.begun = True
            if not self.reads:
                self._wire.begin()
            if self._before is not None:
                self._wire.send(self._before.for_postgres(), ())
        prepared = statement.for_postgres()
        return self._wire.send(prepared, prepared.bind(params))
