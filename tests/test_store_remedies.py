"""What an operator is told to do about what a database says."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
import structlog
from psycopg import errors
from structlog.testing import capture_logs

from supportbot.errors import StoreUnavailable
from supportbot.store.remedies import Complaints, in_words, only_reads, remedy, said, unavailable

BEGUN = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: FATAL:  '


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (psycopg.OperationalError(f"{BEGUN}sorry, too many clients already"), "raise its max_connections"),
        (
            psycopg.OperationalError(
                f"{BEGUN}remaining connection slots are reserved for roles with the SUPERUSER attribute"
            ),
            "raise its max_connections",
        ),
        (psycopg.OperationalError(f'{BEGUN}database "bot" does not exist'), "Make it, with createdb"),
        (errors.TooManyConnections("zu viele Verbindungen"), "raise its max_connections"),
        (errors.ReadOnlySqlTransaction("cannot execute UPDATE"), "Name the primary"),
        (errors.InsufficientPrivilege("permission denied for table turns"), "grant this database's user"),
        (errors.DiskFull("could not extend file"), "Make room on the disk of the server"),
    ],
)
def test_what_one_thing_helps_with_says_it(error: psycopg.Error, told: str) -> None:
    """By its code, which no language changes; before there is a connection, by its words."""
    assert told in remedy(error)
    assert told in str(unavailable(error))


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("the server closed the connection"),
        errors.UndefinedTable('relation "procrastinate_jobs" does not exist'),
        OSError(),
        None,
    ],
)
def test_what_nobody_knows_points_to_the_database(error: BaseException | None) -> None:
    """The operator is told where to look, and never what a client should do."""
    assert "" == remedy(error)
    told = str(unavailable(error or OSError()))
    assert told.endswith("Look whether the database of bot.yaml runs, can be reached and has room.")
    assert "try again" not in told


def test_only_the_driver_s_first_line_is_told() -> None:
    """Below it may stand a statement with a customer's words; another error may hold anything."""
    assert "it broke" == said(errors.DiskFull("it broke\nLINE 1: INSERT INTO messages VALUES ('my card is"))
    assert "OSError" == said(OSError("my card is"))


def test_a_file_s_failures_are_known_by_their_code() -> None:
    """Of SQLite, whose codes have the kind in their last byte."""
    error = sqlite3.OperationalError("attempt to write a readonly database")
    error.sqlite_errorcode = sqlite3.SQLITE_READONLY_DBMOVED
    assert "the right to write the file and its folder" in remedy(error)
    assert only_reads(error)
    assert not only_reads(sqlite3.OperationalError("database is locked"))


def test_what_a_library_wrapped_is_told_all_the_same() -> None:
    """The queue's own errors say nothing but that there was one."""
    wrapped = RuntimeError("Database error.")
    wrapped.__cause__ = errors.TooManyConnections("too many connections")
    assert "raise its max_connections" in in_words(wrapped)
    assert "RuntimeError at" in in_words(RuntimeError("my card is"))


def test_complaints_are_made_now_and_then() -> None:
    """A store that is away fails many times a second; the cause and what to do are on the line."""
    with capture_logs() as logs:
        complaints = Complaints(structlog.get_logger(), "bot.db")
        for now in (0.0, 5.0, 9.0, 11.0):
            complaints.tell(StoreUnavailable(cause="full", remedy="Make room"), now)
    line = {"event": "store.unavailable", "log_level": "warning", "store": "bot.db"}
    assert 2 * [{**line, "cause": "full", "remedy": "Make room"}] == logs
