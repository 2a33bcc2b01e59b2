"""What an operator does about what a database says, where there is one thing to do.

Drivers say what is wrong in the words of their database, and not who has to change what. Before a connection
is there PostgreSQL gives no code, only words: those are looked for in English, its default.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from supportbot.errors import StoreUnavailable
from supportbot.log import in_one_line

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

_TOO_MANY = (
    "All connections that PostgreSQL gives are taken: raise its max_connections, run fewer processes (each "
    "takes up to 27), or put a pooler in session mode between"
)
SERVER_ONLY_READS = (
    "This server only reads, as a standby does. Name the primary in 'database' in bot.yaml, or promote it"
)
"""What to do about a server that refuses every write."""
_NO_RIGHT = (
    "Let the owner of the tables grant this database's user SELECT, INSERT, UPDATE, DELETE on them and USAGE "
    "on their sequences, in the schema supportbot_queue too, or put the owner into 'database' in bot.yaml"
)
_FILE_ONLY_READS = (
    "Give the user who runs the bot the right to write the file and its folder, on a disk that may be written"
)

_BY_STATE = {
    "25006": SERVER_ONLY_READS,  # read_only_sql_transaction
    "42501": _NO_RIGHT,  # insufficient_privilege
    "53100": "Make room on the disk of the server",  # disk_full
    "53300": _TOO_MANY,  # too_many_connections
}
"""https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_BY_WORDS = {
    "too many clients already": _TOO_MANY,
    "remaining connection slots are reserved": _TOO_MANY,
    "too many connections for": _TOO_MANY,  # of a role, or to a database
    '" does not exist': "Make it, with createdb or createuser, or correct 'database' in bot.yaml",
}
_BY_CODE = {sqlite3.SQLITE_READONLY: _FILE_ONLY_READS, sqlite3.SQLITE_FULL: "Make room on the disk"}
"""https://www.sqlite.org/rescode.html"""

_COMPLAIN_EVERY = 10.0
"""Seconds between two lines in the log while the store cannot be used."""


def remedy(error: BaseException | None) -> str:
    """Return what to do about an error of a database driver, without a full stop; empty: nobody knows."""
    if isinstance(error, sqlite3.Error):
        return _BY_CODE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")
    if state := getattr(error, "sqlstate", None):
        return _BY_STATE.get(state, "")
    said = str(error)
    return next((what for words, what in _BY_WORDS.items() if words in said), "")


def only_reads(error: BaseException | None) -> bool:
    """Say whether an error of a driver is that the database does not let anybody write."""
    return remedy(error) in {SERVER_ONLY_READS, _FILE_ONLY_READS}


class Complaints:
    """Tells the operator that the store cannot be used, now and then: customers are being turned away."""

    def __init__(self, log: BoundLogger, where: str) -> None:
        """Take the log, and which store it is."""
        self._log = log
        self._where = where
        self._silent_until = 0.0

    def tell(self, error: StoreUnavailable, now: float) -> None:
        """Write it down, unless that was done in the last seconds; ``now`` is the event loop's time."""
        if now >= self._silent_until:
            self._silent_until = now + _COMPLAIN_EVERY
            self._log.warning("store.unavailable", store=self._where, **error.details)


def unavailable(error: BaseException) -> StoreUnavailable:
    """Return what to raise for an error of a driver or of the operating system."""
    return StoreUnavailable(cause=said(error), remedy=remedy(error))


def in_words(error: BaseException) -> str:
    """Say what is wrong with the store, for the log; also where a library wrapped what a driver said."""
    inner: BaseException | None = error
    while inner is not None and not hasattr(inner, "sqlstate"):
        inner = inner.__cause__
    return in_one_line(unavailable(inner) if inner is not None else error)


def said(error: BaseException) -> str:
    """Return a driver's first line: never the statement or its parameters, which hold customers' words.

    Of what is no driver's error only the kind.
    """
    is_driver_s = isinstance(error, sqlite3.Error) or hasattr(error, "sqlstate")
    return str(error).strip().split("\n", 1)[0][:200] if is_driver_s else type(error).__name__
