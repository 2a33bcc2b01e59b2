"""Watching a folder: every mail that arrives is handed over, in order; only then does the cursor move.

A mail may be handed over twice (after a crash, a renumbering), never not at all: whoever takes it knows it by
its content.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Protocol

import structlog

from supportbot.errors import NotAccepting, StoreUnavailable
from supportbot_email.ahead import read_ahead
from supportbot_email.failures import Broke, CannotRead, LoginParked, LoginRefused, MailServerError, Stumbled
from supportbot_email.imap import Connection
from supportbot_email.lease import RENEW
from supportbot_email.logins import PARKED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from supportbot_email.ahead import Coming
    from supportbot_email.config import EmailConfig
    from supportbot_email.cursor import Cursor, Cursors
    from supportbot_email.folders import MailFolder
    from supportbot_email.imap import Folder, Listed
    from supportbot_email.lease import Lease
    from supportbot_email.line import Line
    from supportbot_email.mail import Mail

_BATCH = 100
"""Mails whose sizes are asked for at once."""

_LONGEST_IDLE = 540.0
"""Seconds an IDLE lasts at most: below the 29 minutes of RFC 2177, and what routers in between forget."""

_SHORT = 1024 * 1024
"""Bytes that are read of a mail that is too large."""

_TRIES = 3
"""How often a mail may break its handling."""

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 300.0
_LONGEST_WAIT = 30.0
"""Seconds between two tries to hand over what was read already, which cost the mail server nothing."""
_SHORTEST = 0.75
"""Share of a pause that is waited at least; at most it is 1.25 of it."""

log = structlog.get_logger(__name__)


class Reads(Protocol):
    """Reads raw mails."""

    async def parse(self, raw: bytes, *, whole: int = 0) -> Mail:
        """Return what a mail says; several may be read at the same time.

        Args:
            raw: the mail, or its beginning.
            whole: bytes of all of it, where that is more.

        Raises:
            CannotRead: it has to be tried again.
        """


class Takes(Protocol):
    """Takes mails."""

    async def take(self, mail: Mail, raw: bytes) -> None:
        """Return when the mail is on disk, or known.

        Raises:
            StoreUnavailable, NotAccepting: it was not taken; it is handed over again.
            Exception: something about it; after three tries it is set aside.
        """

    async def set_aside(self, raw: bytes) -> None:
        """Record that there was a mail which cannot be handled."""


class Watcher:
    """Reads one folder for as long as it runs."""

    def __init__(
        self,
        config: EmailConfig,
        line: Line,
        cursors: Cursors,
        lease: Lease,
        takes: Takes,
        *,
        reads: Reads,
        folder: MailFolder | None = None,
    ) -> None:
        """Wire it.

        Args:
            config: the mailbox.
            line: to it, for this alone.
            cursors: how far its folders were read.
            lease: the right to watch it.
            takes: who takes the mails.
            reads: who reads them.
            folder: what is watched; the inbox when None.
        """
        self._config = config
        self._folder = folder
        self._line = line
        self._cursors = cursors
        self._lease = lease
        self._reads = reads
        self._takes = takes
        self._stumbled = (0, 0)
        """The mail that could not be handled, and how often."""
        self.problem = "not connected yet"
        """What keeps the mailbox from being read, in one line; empty when all is well."""

    async def run(self) -> None:
        """Watch, for ever; what goes wrong is waited out."""
        tries = 0
        while True:
            try:
                if await self._lease.take():
                    await self._watch_while_ours()
                    tries = 0
                self.problem = ""  # another process watches: that is as it should be
                await asyncio.sleep(RENEW)
            except LoginParked as error:  # another connection was refused: its time is over when this is
                await self._pause(error, error.seconds / _SHORTEST)
            except LoginRefused as error:
                await self._pause(error, PARKED / _SHORTEST)
            except (MailServerError, StoreUnavailable, NotAccepting) as error:
                tries = 1 if not self.problem else tries + 1
                await self._pause(error, _pause_after(tries))
            except Exception as error:  # a mistake of ours must not end the watch for good
                log.exception("email.watcher_broke", error=type(error).__name__)
                await self._pause(Broke(cause=type(error).__name__), _LONGEST_PAUSE)

    async def _pause(self, error: Exception, seconds: float) -> None:
        self.problem = str(error)
        log.warning("email.mailbox_unavailable", problem=self.problem, again_in=round(seconds))
        await asyncio.sleep(seconds * (_SHORTEST + 0.5 * random.random()))  # noqa: S311 - not a secret

    async def _watch_while_ours(self) -> None:
        """Watch until another process has the lease, or something fails."""
        watching = asyncio.ensure_future(self._watch())
        try:
            while not watching.done():
                await asyncio.wait([watching], timeout=RENEW)
                if not await self._lease.take():
                    return
            await watching
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError, MailServerError, StoreUnavailable, NotAccepting):
                await watching

    async def _watch(self) -> None:
        folder, former = await self._opened()
        name = folder.name
        cursor = await self._cursors.at(folder, former=former)
        self.problem = ""
        log.info("email.watching", folder=name, from_uid=cursor.uid)
        while True:
            cursor = await self._catch_up(name, cursor)
            await self._wait()

    async def _opened(self) -> tuple[Folder, str]:
        """Open the folder; with the name that it had before it was renamed, if it was."""
        if self._folder is None:
            return await self._line.run(Connection.open, self._config.folders.inbox), ""
        await self._folder.remember()
        folder = await self._line.run(self._folder.open)
        await self._folder.remember()
        return folder, self._folder.former

    async def _catch_up(self, name: str, cursor: Cursor) -> Cursor:
        """Read everything that is new."""
        while not cursor.reached:  # what was there when we came, but not before the floor
            old = await self._line.run(
                Connection.uids_between, cursor.uid + 1, cursor.upto, since=cursor.since
            )
            for batch in _batches(old):
                cursor = await self._read(name, cursor, batch)
            cursor = await self._cursors.move(name, cursor, cursor.upto)
        while new := await self._line.run(Connection.uids_after, cursor.uid):
            for batch in _batches(new):
                cursor = await self._read(name, cursor, batch)
        return cursor

    async def _read(self, name: str, cursor: Cursor, uids: Sequence[int]) -> Cursor:
        listed = await self._line.run(Connection.listed, uids)
        new = [mail for mail in listed if mail.uid > cursor.upto or mail.arrived_at >= cursor.floor]
        async with aclosing(read_ahead(new, self._fetch, self._parse)) as coming:
            async for one in coming:
                await self._hand_over(one)
                cursor = await self._cursors.move(name, cursor, one.uid)
        return await self._cursors.move(name, cursor, uids[-1])

    async def _fetch(self, mail: Listed) -> bytes | None:
        return await self._line.run(Connection.fetch, mail.uid, most=self._most(mail))

    async def _parse(self, mail: Listed, raw: bytes) -> Mail:
        return await self._reads.parse(raw, whole=mail.size if self._most(mail) else 0)

    async def _hand_over(self, one: Coming) -> None:
        """Hand a mail over; one that breaks whatever handles it must not keep those behind it waiting."""
        try:
            await self._taken(await one.mail, one.raw)
        except (StoreUnavailable, NotAccepting, CannotRead):
            raise
        except Exception as error:
            before, times = self._stumbled
            self._stumbled = (one.uid, times + 1 if before == one.uid else 1)
            if self._stumbled[1] < _TRIES:
                raise Stumbled(uid=one.uid, cause=type(error).__name__) from error
            log.exception("email.mail_set_aside", uid=one.uid)
            await self._takes.set_aside(one.raw)

    async def _taken(self, mail: Mail, raw: bytes) -> None:
        """Hand a mail over until the store takes it. What was fetched and read behind it waits as it is."""
        tries = 0
        while True:
            try:
                await self._takes.take(mail, raw)
            except StoreUnavailable as error:
                tries += 1
                await self._pause(error, min(_LONGEST_WAIT, _pause_after(tries)))
            else:
                self.problem = ""
                return

    def _most(self, mail: Listed) -> int | None:
        return _SHORT if mail.size > self._config.max_size else None

    async def _wait(self) -> None:
        """Wait for news. Some servers do not tell of what came just before IDLE: it never lasts long."""
        if await self._line.run(Connection.can_idle):
            await self._line.run(Connection.idle, min(_LONGEST_IDLE, self._config.poll))
        else:
            await asyncio.sleep(self._config.poll)


def _pause_after(tries: int) -> float:
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(tries - 1, 12))


def _batches(uids: list[int]) -> Iterator[list[int]]:
    return (uids[first : first + _BATCH] for first in range(0, len(uids), _BATCH))
