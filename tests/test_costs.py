"""Cost stays flat: what is done in a conversation costs the same however long it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from supportbot import schema, withdrawals
from supportbot.outbox import handoffs, ledger
from supportbot.session import change_state
from supportbot.store.sqlite_tx import SqliteTx
from tests.plans import fill_long

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SHORT, LONG = "conv_short", "conv_long"
"""Conversations of 20 and of 4,000 messages, handed over 4 and 400 times."""


@pytest.fixture(scope="module")
def long_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A SQLite file with a short conversation and a long one."""
    path: Path = tmp_path_factory.mktemp("costs") / "bot.db"
    schema.prepare(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        fill_long(connection, SHORT, messages=20, notices=4)
        fill_long(connection, LONG, messages=4_000, notices=400)
        connection.execute("ANALYZE")
        yield connection


def steps(connection: sqlite3.Connection, unit: Callable[[SqliteTx], Any]) -> int:
    """Return how many instructions SQLite ran for it; what it changed is undone."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.execute("BEGIN")
    connection.set_progress_handler(step, 1)
    try:
        unit(SqliteTx(connection.cursor()))
    finally:
        connection.set_progress_handler(None, 0)
        connection.execute("ROLLBACK")
    return count


def _claim(tx: SqliteTx, conversation: str) -> None:
    change_state(tx, conversation, "human", actor="operator")
    claimed = ledger.claim(tx, f"{conversation}_notice_0", now=10**15, owner="me", lease_until=10**15 + 1)
    assert isinstance(claimed, ledger.Claimed)
    ledger.end(tx, claimed, state="delivered", now=10**15)


WORK: dict[str, Callable[[SqliteTx, str], Any]] = {
    "another one speaks": lambda tx, it: change_state(tx, it, "human", actor="operator"),
    "what the team was told follows": _claim,
    "somebody presses a button": lambda tx, it: handoffs.was_told(tx, it, "desk"),
}


@pytest.mark.parametrize("what", WORK)
def test_a_long_conversation_costs_what_a_short_one_does(long_one: sqlite3.Connection, what: str) -> None:
    """In instructions of SQLite, which are the same on every machine. A deeper index costs a few."""
    short, long = (steps(long_one, lambda tx, it=it: WORK[what](tx, it)) for it in (SHORT, LONG))
    assert short > 5
    assert long < 1.5 * short + 50


def test_withdrawing_costs_what_there_is_to_withdraw(long_one: sqlite3.Connection) -> None:
    """Of a hundred times as many posts, and not of the messages beside them."""
    short, long = (steps(long_one, lambda tx, it=it: withdrawals.plan(tx, it, 1)) for it in (SHORT, LONG))
    assert long < 130 * short
