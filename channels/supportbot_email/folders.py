"""Where drafts are left, and where those lie that were left before: people rename folders.

A folder keeps its UIDVALIDITY when it is renamed (RFC 3501, section 2.3.1.1), so by that it is found again.
It is written down, for a start after it was renamed. Blocking, as ``imap``; one object per connection.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from supportbot_email.failures import NoFolder, ServerSaysNo

if TYPE_CHECKING:
    from supportbot_email.imap import Connection, Folder

_MOST = 200
"""Folders of a mailbox among which one is sought."""

_LOOK_AGAIN = 600.0
"""Seconds until a folder is sought again that was not found: each look asks the server about all of them."""


class DraftsFolder:
    """The folder for drafts of a mailbox."""

    def __init__(self, named: str) -> None:
        """``named``: what bot.yaml calls it; empty: it is found by its mark, or by its usual names."""
        self._named = named
        self._name = named
        self.validity = 0
        """Of the folder that drafts were left in last; 0 as long as there was none."""
        self.problem = ""
        """That it is not where bot.yaml says, in one line; empty when it is."""
        self._sought: dict[int, tuple[str, float]] = {}
        """Names of folders by their UIDVALIDITY, empty for one that was not found, and when."""

    @property
    def name(self) -> str:
        """What it is called, as far as is known; empty: ask the server."""
        return self._name

    def open(self, connection: Connection, *, writing: bool) -> Folder:
        """Open it; where it is not as bot.yaml has it any more, the one that it has become.

        Raises:
            NoFolder, ServerSaysNo: it is not there, and never was, or cannot be opened.
        """
        try:
            folder = connection.open(connection.special("drafts", self._named), writing=writing)
        except (NoFolder, ServerSaysNo) as error:
            instead = self._instead(connection, error)
            folder = connection.open(instead, writing=writing)
            called = f"'{self._named}' for drafts" if self._named else "for drafts"
            self.problem = (
                f"The folder {called} is gone: drafts are left in '{instead}'. Name it in 'folders.drafts'."
            )
        else:
            self.problem = ""
        self._name, self.validity = folder.name, folder.validity
        return folder

    def home(self, connection: Connection, validity: int, *, writing: bool = False) -> Folder | None:
        """Open the folder with a UIDVALIDITY, whatever it is called now; None when there is none."""
        name, at = self._sought.get(validity, ("", 0.0))
        if not name and at and time.monotonic() - at < _LOOK_AGAIN:
            return None
        name = name or _with(connection, validity)
        self._sought[validity] = (name, time.monotonic())
        if not name:
            return None
        try:
            folder = connection.open(name, writing=writing)
        except ServerSaysNo:
            folder = None
        if folder is None or folder.validity != validity:  # it is sought anew
            del self._sought[validity]
            return None
        return folder

    def _instead(self, connection: Connection, error: NoFolder | ServerSaysNo) -> str:
        """Return the name of the folder that the one of before has become, or that the server marks.

        Raises:
            NoFolder, ServerSaysNo: the error, where there was none before, or it is there all the same.
        """
        if not self.validity or (self._named and self._named in connection.folders()):
            raise error
        name = _with(connection, self.validity)
        return name or connection.special("drafts", "")


def _with(connection: Connection, validity: int) -> str:
    """Return the name of the folder with a UIDVALIDITY; empty where there is none, or more than one."""
    found = [name for name in connection.folders()[:_MOST] if connection.validity_of(name) == validity]
    return found[0] if len(found) == 1 else ""
