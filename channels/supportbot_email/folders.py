"""The folders of a mailbox for drafts and for sent mail, wherever they are now: people rename folders.

A folder keeps its UIDVALIDITY when it is renamed (RFC 3501, section 2.3.1.1), so by that it is found again.
Where it was found is written down, also for the next start, and it is sought anew only when it is not there:
each search asks the server about all folders. Blocking, as ``imap``, where a connection is asked for.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from supportbot_email.failures import NoFolder, ServerSaysNo

if TYPE_CHECKING:
    from supportbot_email.config import Folders as Named
    from supportbot_email.imap import Connection, Folder, FolderUse

NOTED = "folder:"
"""How the keys of their records begin."""

_MOST = 200
"""Folders of a mailbox among which one is sought."""

_LOOK_AGAIN = 600.0
"""Seconds until a folder is sought again that was not found."""

_FOR = {
    "drafts": ("for drafts", "drafts are left in '{instead}'"),
    "sent": ("for sent mail", "'{instead}' is taken for it"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a folder was when it was last opened."""

    named: str = ""
    """What bot.yaml called it then."""
    name: str = ""
    validity: int = 0
    """Its UIDVALIDITY; 0 as long as there was none."""
    former: str = ""
    """What it was called before it was renamed; empty if it was not."""
    strayed: bool = False
    """It was not where bot.yaml or the server says."""


class Kept(Protocol):
    """What is needed of a channel's records."""

    async def get(self, key: str) -> Any | None:
        """Return what is written down; None when nothing is."""

    async def put(self, key: str, value: Any) -> None:
        """Write it down, where that is done."""


class MailFolder:
    """The folder of a mailbox for drafts, or for sent mail."""

    def __init__(self, use: FolderUse, named: str, records: Kept) -> None:
        """Name it.

        Args:
            use: what it is for.
            named: what bot.yaml calls it; empty: it is found by its mark, or by its usual names.
            records: where it is written down.
        """
        self._use: FolderUse = use
        self._named = named
        self._records = records
        self._kept = self._place = Place()
        """Where it is, as it is written down, and as far as is known."""
        self._looked = False
        """The server was asked for its mark since the start: another folder may have that by now."""
        self._sought: dict[int, tuple[str, float]] = {}
        """Names of folders by their UIDVALIDITY, empty for one that was not found, and when."""

    @property
    def name(self) -> str:
        """What it is called, as far as is known; empty: ask the server."""
        return self._place.name or self._named

    @property
    def called(self) -> str:
        """What bot.yaml calls it and with which key, or what it is for."""
        return f"'{self._named}', as 'folders.{self._use}' names it" if self._named else _FOR[self._use][0]

    @property
    def former(self) -> str:
        """What it was called before it was renamed; empty if it was not, as far as is known."""
        return self._place.former

    @property
    def problem(self) -> str:
        """That it is not where bot.yaml says, in one line; empty when it is."""
        if not self._place.strayed:
            return ""
        what, then = _FOR[self._use]
        called = f"'{self._named}' {what}" if self._named else what
        then = then.replace("{instead}", self._place.name)
        return f"The folder {called} is not there: {then}. Name it in 'folders.{self._use}'."

    async def remember(self) -> None:
        """Keep in mind where it is, also beyond this process; to be called before it is opened, and after."""
        if not self._place.validity:
            self._kept = self._place = await self._written()
        elif self._place != self._kept:
            self._kept = self._place
            await self._records.put(self._key, asdict(self._kept))

    async def _written(self) -> Place:
        found = await self._records.get(self._key)
        if found is None:
            return Place()
        return Place(**{name: value for name, value in found.items() if name in Place.__dataclass_fields__})

    @property
    def _key(self) -> str:
        return f"{NOTED}{self._use}"

    def open(self, connection: Connection, *, writing: bool = False) -> Folder:
        """Open it; where it is not as bot.yaml has it any more, the one that it has become.

        Raises:
            NoFolder, ServerSaysNo: it is not there, and never was, or cannot be opened.
        """
        folder, strayed = self._opened(connection, writing=writing)
        before = self._place
        renamed = before.validity == folder.validity and before.name not in {"", folder.name}
        self._place = Place(
            named=self._named,
            name=folder.name,
            validity=folder.validity,
            former=before.name if renamed else before.former if before.name == folder.name else "",
            strayed=strayed,
        )
        self._looked = True
        return folder

    def _opened(self, connection: Connection, *, writing: bool) -> tuple[Folder, bool]:
        """Open it, and say whether it was somewhere else than bot.yaml or the server says."""
        if self._looked and not self._named and (folder := self._as_it_was(connection, writing=writing)):
            return folder, self._place.strayed
        try:
            called = connection.special(self._use, self._named)
            return connection.open(called, writing=writing), False
        except (NoFolder, ServerSaysNo) as error:
            folder = self._as_it_was(connection, writing=writing)
            if folder is None:
                folder = connection.open(self._instead(connection, error), writing=writing)
            return folder, True

    def _as_it_was(self, connection: Connection, *, writing: bool) -> Folder | None:
        """Open it where it was last; None when that is not it any more, or bot.yaml means another one now."""
        place = self._place
        if place.named != self._named or place.name in {"", self._named}:
            return None
        return self._with(connection, place.name, place.validity, writing=writing)

    def _with(self, connection: Connection, name: str, validity: int, *, writing: bool) -> Folder | None:
        try:
            folder = connection.open(name, writing=writing)
        except ServerSaysNo:
            return None
        return folder if folder.validity == validity else None

    def _instead(self, connection: Connection, error: NoFolder | ServerSaysNo) -> str:
        """Return the name of the folder that the one of before has become, or that the server marks.

        Raises:
            NoFolder, ServerSaysNo: the error, where there was none before, or it is there all the same.
        """
        if not self._place.validity or (self._named and self._named in connection.folders()):
            raise error
        return _called(connection, self._place.validity) or connection.special(self._use, "")

    def home(self, connection: Connection, validity: int, *, writing: bool = False) -> Folder | None:
        """Open the folder with a UIDVALIDITY, whatever it is called now; None when there is none."""
        name, at = self._sought.get(validity, ("", 0.0))
        if not name and at and time.monotonic() - at < _LOOK_AGAIN:
            return None
        name = name or _called(connection, validity)
        self._sought[validity] = (name, time.monotonic())
        if not name:
            return None
        folder = self._with(connection, name, validity, writing=writing)
        if folder is None:  # it is sought anew
            del self._sought[validity]
        return folder


class Folders:
    """Those of a mailbox that people rename, and we follow; the inbox is watched under its name."""

    def __init__(self, named: Named, records: Kept) -> None:
        """``named``: as bot.yaml does; ``records``: where it is written down where they are."""
        self.drafts = MailFolder("drafts", named.drafts, records)
        self.sent = MailFolder("sent", named.sent, records)

    async def remember(self) -> None:
        """Keep in mind where they are, as ``MailFolder.remember``."""
        await self.drafts.remember()
        await self.sent.remember()


def _called(connection: Connection, validity: int) -> str:
    """Return the name of the folder with a UIDVALIDITY; empty where there is none, or more than one."""
    found = [name for name in connection.folders()[:_MOST] if connection.validity_of(name) == validity]
    return found[0] if len(found) == 1 else ""
