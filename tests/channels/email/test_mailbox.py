"""Watching an inbox on a real server: nothing skipped, nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supportbot.errors import StoreUnavailable
from supportbot.testing.memory import MemoryRecords
from supportbot_email import mailbox
from supportbot_email.failures import CannotRead
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import Here, Taker, config, watching
from tests.channels.email.wire import Wire

if TYPE_CHECKING:
    from supportbot_email.mail import Mail
    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot


@pytest.fixture
def taker() -> Taker:
    return Taker()


async def test_a_mail_that_arrives_is_taken_and_its_flags_stay(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords, wire: Wire
) -> None:
    """IDLE wakes the watcher; the mail is still unread in the person's mail program."""
    async with wire, watching(config(address, wire.port), records, taker):
        await wire.idling.wait()
        server.deliver(address, mail(subject="one"))
        assert ["one"] == await taker.has(1)
    assert [""] == [flags.replace("\\Recent", "") for flags in server.flags(address)]


async def test_a_server_that_does_not_push_is_asked(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords, wire: Wire
) -> None:
    """Without IDLE the folder is looked into every ``poll`` seconds."""
    async with wire:
        wire.hides = (b" IDLE",)
        async with watching(config(address, wire.port, poll=1.0), records, taker):
            server.deliver(address, mail(subject="one"))
            assert ["one"] == await taker.has(1)
    assert not any(b"IDLE" in line for line in wire.seen)


async def test_the_first_start_begins_at_now(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords
) -> None:
    """What lay in the mailbox before is nobody's question any more."""
    server.deliver(address, mail(subject="old"))
    async with watching(config(address, server.port), records, taker):
        server.deliver(address, mail(subject="new"))
        assert ["new"] == await taker.has(1)


@pytest.mark.parametrize(("backfill", "taken"), [(None, []), ("3d", ["yesterday"])])
async def test_ten_thousand_old_mails_are_left_alone(
    server: Dovecot,
    address: str,
    taker: Taker,
    records: MemoryRecords,
    *,
    backfill: str | None,
    taken: list[str],
) -> None:
    """E56: an inbox that nobody ever emptied: none of it is fetched, but for what ``backfill`` asks for."""
    server.fill(address, 10_000, days=30)
    server.fill(address, 1, days=1, subject="yesterday")
    async with (
        Wire(server.port) as wire,
        watching(config(address, wire.port, backfill=backfill), records, taker),
    ):
        server.deliver(address, mail(subject="new"))
        assert [*taken, "new"] == await taker.has(len(taken) + 1)
    assert len(taken) + 1 == len([line for line in wire.seen if b"BODY.PEEK" in line])


async def test_gaps_in_the_numbers_skip_nothing(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords
) -> None:
    """E55: mails that went before we came, in the middle and at the end: the others are taken, each once."""
    async with watching(config(address, server.port), records, taker):
        pass
    for name in ("one", "gone", "three", "gone too", "five", "gone at the end"):
        server.deliver(address, mail(subject=name))
    server.remove(address, "INBOX", "2,4,6")
    for more in ("six", "seven"):
        async with watching(config(address, server.port), records, taker):
            server.deliver(address, mail(subject=more))
            await taker.has(4 if more == "six" else 5)
    assert ["one", "three", "five", "six", "seven"] == await taker.has(5)


async def test_backfill_takes_what_lay_there_before(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords
) -> None:
    """With ``backfill`` the first start looks back."""
    server.deliver(address, mail(subject="old"))
    async with watching(config(address, server.port, backfill="3d"), records, taker):
        server.deliver(address, mail(subject="new"))
        assert ["old", "new"] == await taker.has(2)


async def test_what_came_while_it_was_stopped_is_taken(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords
) -> None:
    """The cursor outlives the process; also mail that a person has read already is taken."""
    async with watching(config(address, server.port), records, taker):
        pass
    server.deliver(address, mail(subject="missed"), flags="(\\Seen)")
    async with watching(config(address, server.port), records, taker):
        assert ["missed"] == await taker.has(1)


@pytest.mark.parametrize("cut", ["in idle", "in literal"])
async def test_a_broken_connection_skips_nothing(
    server: Dovecot, address: str, taker: Taker, wire: Wire, cut: str
) -> None:
    """The connection breaks while it waits, or in the middle of a mail: the mail is taken once, all of it."""
    async with wire, watching(config(address, wire.port), MemoryRecords(), taker):
        await wire.idling.wait()
        wire.cut = cut  # type: ignore[assignment]
        if cut == "in idle":
            wire.hang_up()
        sent = mail("word " * 300, subject="one")
        server.deliver(address, sent)
        await wire.was_cut.wait()
        assert ["one"] == await taker.has(1)
        assert sent.replace(b"\n", b"\r\n") == taker.mails[0]


async def test_the_cursor_waits_for_the_store(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords
) -> None:
    """A mail that could not be stored is handed over again."""
    taker.failures = [StoreUnavailable(cause="disk full")]
    async with watching(config(address, server.port), records, taker):
        server.deliver(address, mail(subject="one"))
        assert ["one"] == await taker.has(1)


async def test_what_was_read_is_kept_while_the_store_does_not_take_it(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it has to be handed over: no mail is fetched twice for that, and none read twice."""
    monkeypatch.setattr(mailbox, "_FIRST_PAUSE", 0.01)
    taker.failures = [StoreUnavailable(cause="disk full") for _ in range(5)]
    async with Wire(server.port) as wire, watching(config(address, wire.port), records, taker) as watcher:
        for name in ("one", "two"):
            server.deliver(address, mail(subject=name))
        assert ["one", "two"] == await taker.has(2)
        await until(lambda: not watcher.problem)
    assert 2 == len([line for line in wire.seen if b"BODY.PEEK" in line])


async def test_why_nothing_is_taken_is_said(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords
) -> None:
    """While the store does not take what was read, that is the mailbox's problem."""
    taker.failures = [StoreUnavailable(cause="disk full")]
    async with watching(config(address, server.port), records, taker) as watcher:
        server.deliver(address, mail(subject="one"))
        await until(lambda: "disk full" in watcher.problem)
        await taker.has(1)
        await until(lambda: not watcher.problem)


async def test_what_was_stored_before_the_cursor_moved_comes_again(
    server: Dovecot, address: str, taker: Taker
) -> None:
    """A process that ends between the two hands the mail over twice, and nothing behind it is skipped."""

    class Ending(MemoryRecords):
        async def put(self, key: str, value: object, *, expires_at: int | None = None) -> None:
            if key.startswith("cursor:") and 1 == len(taker.mails):
                taker.mails.append(b"Subject: ended\r\n")
                raise StoreUnavailable(cause="the process has ended")
            await super().put(key, value, expires_at=expires_at)

    async with watching(config(address, server.port), Ending(), taker):
        server.deliver(address, mail(subject="one"))
        server.deliver(address, mail(subject="two"))
        assert ["one", "ended", "one", "two"] == await taker.has(4)


async def test_a_mail_that_breaks_us_is_set_aside(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords
) -> None:
    """After three tries the mails behind it are taken."""
    taker.failures = [ValueError("poison")] * 3
    async with watching(config(address, server.port), records, taker):
        server.deliver(address, mail(subject="poison"))
        server.deliver(address, mail(subject="good"))
        assert ["good"] == await taker.has(1)
        assert 1 == len(taker.aside)


async def test_a_mail_that_cannot_be_read_now_is_read_later(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine starts no process: however often, that is no mail's fault, and none is set aside."""
    monkeypatch.setattr(mailbox, "_FIRST_PAUSE", 0.01)

    class Full(Here):
        left = 5

        async def parse(self, raw: bytes, *, whole: int = 0) -> Mail:
            if self.left:
                self.left -= 1
                raise CannotRead(cause="no room")
            return await super().parse(raw, whole=whole)

    async with watching(config(address, server.port), records, taker, reads=Full()):
        server.deliver(address, mail(subject="one"))
        server.deliver(address, mail(subject="two"))
        assert (["one", "two"], []) == (await taker.has(2), taker.aside)


async def test_a_renumbered_mailbox_is_read_again_from_where_we_were(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords
) -> None:
    """With another UIDVALIDITY what may be new is handed over; the inbox knows what is not."""
    async with watching(config(address, server.port), records, taker):
        server.deliver(address, mail(subject="one"))
        await taker.has(1)
    server.renumber(address)
    server.deliver(address, mail(subject="two"))
    async with watching(config(address, server.port), records, taker):
        assert ["one", "one", "two"] == await taker.has(3)


async def test_two_processes_do_not_watch_one_mailbox(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords
) -> None:
    """The second stands by, and says nothing is wrong."""
    second = Taker()
    async with (
        watching(config(address, server.port), records, taker),
        watching(config(address, server.port), records, second) as standing_by,
    ):
        server.deliver(address, mail(subject="one"))
        assert ["one"] == await taker.has(1)
        assert ("", []) == (standing_by.problem, second.mails)


async def test_a_wrong_password_parks_the_mailbox(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords
) -> None:
    """It says so, in words without the password."""
    wrong = config(address, server.port, password="no-such-password")
    async with watching(wrong, records, taker, until="does not let us in") as watcher:
        assert "no-such-password" not in watcher.problem


async def test_a_mail_that_vanishes_while_it_is_read_is_passed_over(
    server: Dovecot, address: str, records: MemoryRecords, wire: Wire
) -> None:
    """E55: somebody deletes mail that we have listed and not fetched yet: what comes after it is taken."""
    taker = Taker()
    async with wire:
        async with watching(config(address, wire.port), records, taker):
            pass
        wire.cut = "pause fetch"
        server.deliver(address, mail(subject="gone"))
        server.deliver(address, mail(subject="gone too"))
        async with watching(config(address, wire.port), records, taker):
            await wire.was_cut.wait()
            server.remove(address, "INBOX")
            server.deliver(address, mail(subject="three"))
            wire.go_on.set()
            assert ["three"] == await taker.has(1)


async def test_a_folder_that_goes_while_it_is_watched_is_waited_for(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords, wire: Wire
) -> None:
    """Somebody deletes it, and makes it anew: what comes then is taken, though its numbers begin again."""
    with server.person(address) as person:
        person.create("Support")
    async with (
        wire,
        watching(config(address, wire.port, folders={"inbox": "Support"}), records, taker) as watcher,
    ):
        await wire.idling.wait()
        server.deliver(address, mail(subject="one"), "Support")
        await taker.has(1)
        with server.person(address) as person:
            person.delete("Support")
        wire.hang_up()
        await until(lambda: watcher.problem)
        with server.person(address) as person:
            person.create("Support")
        server.deliver(address, mail(subject="two"), "Support")
        assert ["one", "two"] == await taker.has(2)


async def test_a_folder_that_is_not_there_is_waited_for(
    server: Dovecot, address: str, taker: Taker, records: MemoryRecords
) -> None:
    """It is named as the problem; once it is there, it is watched."""
    elsewhere = config(address, server.port, folders={"inbox": "Support"})
    async with watching(elsewhere, records, taker, until="Support") as watcher:
        with server.person(address) as person:
            person.create("Support")
        await until(lambda: not watcher.problem)
        server.deliver(address, mail(subject="one"), "Support")
        assert ["one"] == await taker.has(1)
