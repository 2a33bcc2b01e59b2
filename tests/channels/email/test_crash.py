"""The real program on a real mailbox, killed where it hurts: one draft, and no mail skipped."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import section, sending, subject
from tests.channels.email.relay import Relay
from tests.channels.email.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path

    from supportbot.chaos.program import Program
    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot


def _folder(root: Path, address: str, port: int, database: str = "sqlite:///data/bot.db") -> BotFolder:
    support = {"type": "email", **section(address, port)}
    return BotFolder(root, database=database, deliveries={"timeout": 2}, channels={"support": support})


def _is_stored(folder: BotFolder) -> bool:
    with closing(sqlite3.connect(folder.database_file)) as database:
        return bool(database.execute("select 1 from messages").fetchall())


async def _watches(bot: Program) -> None:
    await until(lambda: any("email.watching" in line and "INBOX" in line for line in bot.errors), 30)


@pytest.mark.parametrize("where", ["hold fetch", "hold append", "hold receipt", "stored"])
async def test_killed_where_it_hurts(server: Dovecot, address: str, tmp_path: Path, where: str) -> None:
    """While it fetches, once the mail is stored, before the draft is taken, before the server's receipt."""
    async with Wire(server.port) as wire:
        folder = _folder(tmp_path, address, wire.port)
        async with program(folder) as bot:
            await _watches(bot)
            wire.cut = where if where != "stored" else ""  # type: ignore[assignment]
            server.deliver(address, mail("How long does a parcel take?", subject="one"))
            if where == "stored":
                await until(lambda: _is_stored(folder))
            else:
                await wire.was_cut.wait()
            await bot.kill()
            server.deliver(address, mail("How long does a parcel take?", subject="two"))
            await bot.start()
            await until(lambda: 2 == len(server.mails(address, "Drafts")), 40)
            assert 0 == await bot.stop()
    assert ["Re: one", "Re: two"] == sorted(map(subject, server.mails(address, "Drafts")))


async def test_killed_while_the_relay_thinks(server: Dovecot, address: str, tmp_path: Path) -> None:
    """In mode send, between the final dot and its answer: that mail is never sent again, the next one is."""
    async with Relay() as relay:
        support = sending(address, server.port, relay)
        folder = BotFolder(tmp_path, channels={"support": support}, deliveries={"attempts": 3})
        async with program(folder) as bot:
            await _watches(bot)
            relay.hold = asyncio.Event()
            server.deliver(address, mail("How long does a parcel take?", subject="one", From="a@c.test"))
            await relay.has_dot.wait()
            await bot.kill()
            relay.hold.set()
            relay.hold = None
            server.deliver(address, mail("How long does a parcel take?", subject="two", From="b@c.test"))
            await bot.start()
            await until(lambda: [("delivered",), ("unknown",)] == _ends(folder), 40)
            assert 0 == await bot.stop()
    assert ["Re: one", "Re: two"] == sorted(subject(taken.raw) for taken in relay.mails)
    assert ["Re: two"] == [subject(raw) for raw in server.mails(address, "Sent")]
    assert [] == server.mails(address, "Drafts")


async def test_stopped_while_the_relay_thinks(server: Dovecot, address: str, tmp_path: Path) -> None:
    """A relay that answers the final dot after a second is waited for when the bot stops: nothing is unclear,
    and the copy lies in Sent. One that answers never holds nobody up."""
    async with asyncio.timeout(90), Relay() as relay:
        support = sending(address, server.port, relay)
        folder = BotFolder(tmp_path, channels={"support": support})
        async with program(folder) as bot:
            await _watches(bot)
            relay.on_taken = lambda _taken: asyncio.sleep(1)
            server.deliver(address, mail("How long does a parcel take?", subject="one", From="a@c.test"))
            await relay.has_dot.wait()
            assert 0 == await bot.stop()
            assert [("delivered",)] == _ends(folder)
            assert ["Re: one"] == [subject(raw) for raw in server.mails(address, "Sent")]
            relay.on_taken, relay.hold = None, asyncio.Event()
            relay.has_dot.clear()
            await bot.start()
            server.deliver(address, mail("How long does a parcel take?", subject="two", From="b@c.test"))
            await relay.has_dot.wait()
            assert 0 == await bot.stop(within=8)
    assert [("delivered",), ("sending",)] == _ends(folder)


def _ends(folder: BotFolder) -> list[tuple[str]]:
    with closing(sqlite3.connect(folder.database_file)) as database:
        return database.execute("select state from deliveries order by state").fetchall()


async def test_killed_on_postgresql(
    server: Dovecot, address: str, tmp_path: Path, postgres_database: str
) -> None:
    """With a store that others may share, the delivery's lease has to end before the draft is looked for."""
    async with Wire(server.port) as wire:
        folder = _folder(tmp_path, address, wire.port, postgres_database)
        async with program(folder) as bot:
            await _watches(bot)
            wire.cut = "hold receipt"
            server.deliver(address, mail("How long does a parcel take?", subject="one"))
            await wire.was_cut.wait()
            await bot.kill()
            server.deliver(address, mail("How long does a parcel take?", subject="two"))
            await bot.start()
            await until(lambda: 2 <= len(server.mails(address, "Drafts")), 60)
            assert 0 == await bot.stop()
    assert ["Re: one", "Re: two"] == sorted(map(subject, server.mails(address, "Drafts")))


async def test_the_second_program_stands_by(
    server: Dovecot, address: str, tmp_path: Path, postgres_database: str
) -> None:
    """E58: two on one mailbox: one watches it, each mail gets one draft; then the other, after a kill."""
    async with Wire(server.port) as wire, Wire(server.port) as other:
        one = _folder(tmp_path / "one", address, wire.port, postgres_database)
        two = _folder(tmp_path / "two", address, other.port, postgres_database)
        async with program(one) as first:
            await _watches(first)
            async with program(two) as second:
                for name in ("one", "two", "three"):
                    server.deliver(address, mail("How long does a parcel take?", subject=name))
                await until(lambda: 3 <= len(server.mails(address, "Drafts")), 60)
                assert not other.idling.is_set(), "it watches as well"
                assert not any("email.watching" in line for line in second.errors)
                await first.kill()
                await _watches(second)
                server.deliver(address, mail("How long does a parcel take?", subject="four"))
                await until(lambda: 4 <= len(server.mails(address, "Drafts")), 60)
                assert 0 == await second.stop()
    found = sorted(map(subject, server.mails(address, "Drafts")))
    assert ["Re: four", "Re: one", "Re: three", "Re: two"] == found


async def test_frozen_while_it_hands_over(
    server: Dovecot, address: str, tmp_path: Path, postgres_database: str
) -> None:
    """Stopped when the mail server had said that it would take the draft, for as long as another process
    needs to leave it: awake again, it leaves no second one."""
    async with Wire(server.port) as wire:
        one = _folder(tmp_path / "one", address, wire.port, postgres_database)
        two = _folder(tmp_path / "two", address, server.port, postgres_database)
        async with program(one) as first:
            await _watches(first)
            wire.cut = "pause go-ahead"
            server.deliver(address, mail("How long does a parcel take?", subject="one"))
            await wire.was_cut.wait()
            first.freeze()
            async with program(two) as second:
                await until(lambda: server.mails(address, "Drafts"), 90)
                wire.go_on.set()
                first.thaw()
                await until(lambda: any("delivery.postponed" in line for line in first.errors), 30)
                server.deliver(address, mail("How long does a parcel take?", subject="two"))
                await until(lambda: 2 <= len(server.mails(address, "Drafts")), 60)
                assert [0, 0] == await asyncio.gather(first.stop(), second.stop())
    assert ["Re: one", "Re: two"] == sorted(map(subject, server.mails(address, "Drafts")))
