"""How often a mailbox is logged into once its server refused us, over all of its connections: too often, and
the server locks the account."""

from __future__ import annotations

import imaplib
import time
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from imap_tools import ImapToolsError

from supportbot_email.failures import LoginParked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARKED = 600.0
"""Seconds between two logins once one was refused."""

WRONG_LOGIN = (
    "'username', 'password' or token is wrong, or IMAP is off. Gmail and Fastmail want an app password, "
    "Microsoft 365 wants 'oauth'"
)


class Logins:
    """Lets one connection log in at a time, and after a refusal none for a while. For several threads."""

    def __init__(self, *, bearable: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        """Take how many refusals in a row change nothing: an access token may end before its time."""
        self._bearable = bearable
        self._clock = clock
        self._lock = Lock()
        self._refused = 0
        self._until = 0.0

    def look(self) -> None:
        """Do nothing while one may log in.

        Raises:
            LoginParked: not yet.
        """
        wait = self._until - self._clock()
        if wait > 0:
            raise LoginParked(cause=WRONG_LOGIN, seconds=wait)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Log in within the block; whoever waited for a login that was refused is not let in.

        Raises:
            LoginParked: not yet.
        """
        with self._lock:
            self.look()
            try:
                yield
            except imaplib.IMAP4.abort:  # it hung up, and said nothing of us
                raise
            except (imaplib.IMAP4.error, ImapToolsError):
                self._refused += 1
                if self._refused > self._bearable:
                    self._until = self._clock() + PARKED
                raise
            self._refused = 0
