"""How far a folder has been read. Moved only after what was read is on disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from supportbot.ids import now_ms

if TYPE_CHECKING:
    from datetime import date

    from supportbot.host import Records
    from supportbot_email.imap import Folder

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_SKEW = 60_000
"""Milliseconds by which a server's clock may be behind ours; it also tells whole seconds only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Everything up to a UID has been read."""

    validity: int
    uid: int
    floor: int
    """Up to ``upto``, mail that arrived before this time (Unix milliseconds) is not for us."""
    upto: int
    """Mail above this UID came after we began to watch, whatever its date."""
    seen_at: int
    """When it was last known to be right, in Unix milliseconds."""

    @property
    def reached(self) -> bool:
        """Say whether what was there at the beginning has been read."""
        return self.uid >= self.upto

    @property
    def since(self) -> date:
        """The day from which the server has to search for it; one more, for servers in another time zone."""
        return datetime.fromtimestamp((self.floor - _DAY) / 1000, UTC).date()


class Cursors:
    """The cursors of a mailbox's folders."""

    def __init__(self, records: Records, *, backfill_hours: int) -> None:
        self._records = records
        self._backfill = backfill_hours * _HOUR

    async def at(self, folder: Folder, *, former: str = "") -> Cursor:
        """Return where to go on reading: at first now, or as far back as ``backfill`` says.

        When the server renumbered its mails (another UIDVALIDITY), everything since a day before we last
        looked is read again; what had been taken is recognised by its content key. A folder that was renamed
        is read on where it was read to under the name that it had.
        """
        known = [await self._of(name) for name in (folder.name, former) if name]
        own = [one for one in known if one is not None and one.validity == folder.validity]
        cursor = max(own, key=lambda one: one.uid) if own else known[0]
        if cursor is None:
            uid = 0 if self._backfill else folder.next_uid - 1
            return await self._begin(folder, uid=uid, floor=now_ms() - self._backfill - _SKEW)
        if cursor.validity != folder.validity:
            return await self._begin(folder, uid=0, floor=max(cursor.floor, cursor.seen_at - _DAY))
        return cursor

    async def _of(self, name: str) -> Cursor | None:
        found = await self._records.get(_key(name))
        return Cursor(**found) if found is not None else None

    async def _begin(self, folder: Folder, *, uid: int, floor: int) -> Cursor:
        upto = folder.next_uid - 1
        first = Cursor(validity=folder.validity, uid=uid, floor=floor, upto=upto, seen_at=now_ms())
        await self._records.put(_key(folder.name), asdict(first))
        return first

    async def move(self, name: str, cursor: Cursor, uid: int) -> Cursor:
        """Record that everything up to a UID has been read."""
        moved = replace(cursor, uid=max(cursor.uid, uid), seen_at=now_ms())
        await self._records.put(_key(name), asdict(moved))
        return moved


def _key(folder: str) -> str:
    return f"cursor:{folder}"
