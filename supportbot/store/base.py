"""The port to the session store: units of work, each in one transaction.

A *unit* is a plain function of a transaction. It may run in the event loop, which stands still
meanwhile (as SQLite's writes do), interleaved with it, or in another thread, and be run again when the
database asks for it. So it must be quick, and do nothing but read and write through its transaction;
what should happen once it is on disk goes to ``after_commit``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from supportbot.store.statement import Statement

T = TypeVar("T")


class Asked(Protocol):
    """A statement that was handed over. What comes of it is waited for when it is wanted."""

    def row(self) -> Any | None:
        """Return the first row of its answer, or None."""

    def touched(self) -> int:
        """Return how many rows it touched."""


class Tx(Protocol):
    """One transaction, as a unit sees it. Rows have their columns as attributes."""

    def rows(self, statement: Statement, /, **params: Any) -> list[Any]:
        """Run a query, return all rows."""

    def row(self, statement: Statement, /, **params: Any) -> Any | None:
        """Run a query, return the first row or None."""

    def run(self, statement: Statement, /, **params: Any) -> int:
        """Run a statement, return how many rows it touched."""

    def send(self, statement: Statement, /, **params: Any) -> None:
        """Run a statement and do not ask what it did: where the database is a server, without waiting for it.

        Whatever is wrong with it is raised by what follows, the commit at the latest.
        """

    def ask(self, statement: Statement, /, **params: Any) -> Asked:
        """Run a statement and say later what is wanted of its answer.

        Statements run in the order in which they were handed over. Where the database is a server, those that
        are asked before the first answer is wanted cost one way there and back, not one each.
        """

    def lock(self, statement: Statement, /, **params: Any) -> None:
        """Run a ``SELECT ... FOR UPDATE`` for its locks, where the database locks rows.

        SQLite has one writing transaction at a time and needs none.
        """

    def after_commit(self, callback: Callable[[], None], /) -> None:
        """Call this in the event loop's thread once the transaction is on disk, and only then.

        It is called also when whoever waited for the unit has given up waiting.
        """


class Store(Protocol):
    """Where everything is kept."""

    async def write(self, unit: Callable[[Tx], T], *, patience: float = 0.0, fleeting: bool = False) -> T:
        """Run a unit in a transaction; returns when the commit has reached the disk.

        Args:
            unit: the work; what it raises is raised here, and nothing of it is stored.
            patience: for so many seconds, try again when the store cannot be written.
            fleeting: little is lost with it. Where the database is a server, the commit is not waited for
                until it is on the disk, and nobody waits for the unit longer than a second: not even when
                this process is stopped in the middle of it.

        Raises:
            StoreUnavailable: the store could not be written (locked, full, read-only, gone).
        """

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that only reads.

        Raises:
            StoreUnavailable: the store could not be read.
        """

    async def close(self) -> None:
        """Finish what was begun and let go of the database."""


def call_back(callbacks: Iterable[Callable[[], None]]) -> None:
    """Call what a unit left for after its commit.

    The unit is on disk whatever happens here: a callback that fails is reported by the event loop, and
    keeps nobody else from hearing of theirs.
    """
    for callback in callbacks:
        try:
            callback()
        except Exception as error:  # noqa: BLE001 - reported below
            context = {"message": "what should follow a commit failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
