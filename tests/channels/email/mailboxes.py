"""Parts of the channel at work on a test's mailbox."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import TYPE_CHECKING, Any

from supportbot.ids import now_ms
from supportbot_email.config import EmailConfig
from supportbot_email.credentials import Credentials
from supportbot_email.cursor import Cursors
from supportbot_email.imap import connect
from supportbot_email.lease import Lease
from supportbot_email.line import Line
from supportbot_email.mail import Settings
from supportbot_email.mailbox import Watcher
from supportbot_email.parse import parse
from tests.channels.email.dovecot import PASSWORD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from types import ModuleType

    import pytest

    from supportbot.testing.host import MemoryRecords
    from supportbot_email.folders import MailFolder
    from supportbot_email.mail import Mail
    from supportbot_email.mailbox import Reads
    from tests.channels.email.relay import Relay


def config(address: str, port: int, **keys: Any) -> EmailConfig:
    """Return the section of bot.yaml of a test's mailbox."""
    return EmailConfig.model_validate({"type": "email", **section(address, port), **keys})


def section(address: str, port: int) -> dict[str, Any]:
    """Return it without its type."""
    imap = {"host": "127.0.0.1", "port": port, "security": "none"}
    return {"address": address, "imap": imap, "password": PASSWORD}


def sending(address: str, port: int, relay: Relay, **keys: Any) -> dict[str, Any]:
    """Return it for a mailbox that answers by mail, also those for whom nobody vouches, as test mails are."""
    smtp = {"mode": "send", "smtp": relay.section(), "send_to_unverified": True}
    return {"type": "email", **section(address, port), **smtp, **keys}


def rows(folder: Path, query: str) -> list[Any]:
    """Return what the store of the first bot in a folder holds."""
    with closing(sqlite3.connect(folder / "bot1.db")) as database:
        return database.execute(query).fetchall()


def line(config: EmailConfig) -> Line:
    """Return a line to a mailbox."""
    return Line(partial(connect, config, Credentials(config)))


class Here:
    """Reads mails in this process."""

    async def parse(self, raw: bytes, *, whole: int = 0) -> Mail:
        """Return what a mail says."""
        return parse(raw, settings=Settings(), whole=whole)


class Clock:
    """The time that modules see: it stands, until a test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        self.now = now_ms()
        for module in modules:
            monkeypatch.setattr(module, "now_ms", self)

    def __call__(self) -> int:
        return self.now


class Taker:
    """Takes mails, and fails when it is told to."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.aside: list[bytes] = []
        self.failures: list[Exception] = []
        self._changed = asyncio.Condition()

    async def take(self, mail: Mail, raw: bytes) -> None:
        """Remember a mail, unless it is time to fail."""
        if self.failures:
            raise self.failures.pop(0)
        self.mails.append(raw)
        async with self._changed:
            self._changed.notify_all()

    async def set_aside(self, raw: bytes) -> None:
        """Remember a mail that could not be taken."""
        self.aside.append(raw)

    async def has(self, count: int) -> list[str]:
        """Wait until so many were taken; returns their subjects."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: len(self.mails) >= count)
        return [subject(raw) for raw in self.mails]


def subject(raw: bytes) -> str:
    """Return a mail's subject."""
    return raw.decode().partition("Subject: ")[2].partition("\r\n")[0]


@asynccontextmanager
async def watching(
    config: EmailConfig,
    records: MemoryRecords,
    taker: Taker,
    *,
    until: str = "",
    reads: Reads | None = None,
    folder: MailFolder | None = None,
) -> AsyncIterator[Watcher]:
    """Watch a mailbox until the block ends; begins when it is open, or when its problem holds some words.

    ``folder``: in place of the inbox.
    """
    own = line(config)
    lease = Lease(records)
    cursors = Cursors(records, backfill_hours=config.backfill_hours)
    watcher = Watcher(config, own, cursors, lease, taker, reads=reads or Here(), folder=folder)
    running = asyncio.ensure_future(watcher.run())
    try:
        async with asyncio.timeout(20):
            while watcher.problem and not (until and until in watcher.problem):  # noqa: ASYNC110 - it is words
                await asyncio.sleep(0.01)
        yield watcher
    finally:
        running.cancel()
        await asyncio.wait([running])
        await own.close()
        await lease.give_back()
