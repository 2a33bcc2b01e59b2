"""Sending on a real server: once, whatever breaks, and never when nobody knows."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.errors import Refused, RetryAfter, StoreUnavailable, Unclear
from supportbot.messages import Sent
from supportbot.testing.memory import MemoryRecords
from supportbot_email.credentials import Credentials
from supportbot_email.dispatch import Dispatch, Trace, Traces
from supportbot_email.failures import Disconnected
from supportbot_email.folders import MailFolder
from supportbot_email.smtp import Submission
from tests.channels.email.dovecot import PASSWORD, dovecot, mail, needs_dovecot
from tests.channels.email.mailboxes import config, line
from tests.channels.email.relay import Relay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot

ID = "<sb.dlv_one.mac@example.com>"
RAW = mail("It comes tomorrow.\n.\n..\nBye", Message_ID=ID).replace(b"\n", b"\r\n")


class Desk:
    """Sends one mail as the channel does."""

    def __init__(self, dispatch: Dispatch) -> None:
        self.dispatch = dispatch

    async def send(self) -> Sent:
        return await self.dispatch.send("dlv_one", ID, to="anna@customer.test", raw=RAW)

    async def find(self) -> Sent | None:
        return await self.dispatch.find("dlv_one", ID, raw=RAW)


@asynccontextmanager
async def desk(
    address: str, server: Dovecot, relay: Relay, records: MemoryRecords, **keys: Any
) -> AsyncIterator[Desk]:
    """Give a desk; leaving the block is what a kill looks like to the next one."""
    settings = config(
        address, server.port, mode="send", send_to_unverified=True, **{"smtp": relay.section(), **keys}
    )
    own, sent = line(settings), MailFolder("sent", settings.folders.sent, records)
    dispatch = Dispatch(settings, Submission(settings, Credentials(settings)), own, Traces(records), sent)
    try:
        yield Desk(dispatch)
    finally:
        await dispatch.close()
        await own.close()


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


async def test_a_mail_is_sent_and_kept(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """To its one recipient, from the mailbox, byte for byte; a copy lies in Sent, read; and only once."""
    async with Relay() as relay, desk(address, server, relay, records) as own:
        assert Sent(external_id=ID) == await own.send()
        assert Sent(external_id=ID) == await own.send()
        assert Sent(external_id=ID) == await own.find()
    [taken] = relay.mails
    assert (address, "anna@customer.test", RAW) == (taken.sender, taken.recipient, taken.raw)
    assert [(address, PASSWORD)] == relay.logins
    assert [RAW] == server.mails(address, "Sent")
    assert "\\Seen" in server.flags(address, "Sent")[0]


async def test_where_the_provider_keeps_it_no_copy_is_made(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """Neither with the key set, nor where the provider was quicker."""

    async def keep(_taken: object) -> None:
        await asyncio.to_thread(server.deliver, address, RAW, "Sent")

    async with Relay() as relay:
        relay.on_taken = keep
        async with desk(address, server, relay, records) as own:
            await own.send()
        async with desk(address, server, relay, MemoryRecords(), save_sent=False) as own:
            await own.send()
    assert [RAW] * 2 == server.mails(address, "Sent")


@pytest.mark.parametrize(
    ("step", "said", "raised", "seconds"),
    [
        ("sender", "451 4.3.0 try later", RetryAfter, None),
        ("sender", "550 5.7.1 not your address", RetryAfter, 600),
        ("sender", "550 5.4.5 Daily user sending limit exceeded", RetryAfter, 3600),
        ("sender", "552 5.3.4 too large", Refused, None),
        ("recipient", "450 4.7.1 greylisted", RetryAfter, None),
        ("recipient", "550 5.1.1 <anna@customer.test>: no such user", Refused, None),
        ("recipient", "530 5.7.0 authentication required", RetryAfter, 600),
        ("content", "421 4.3.2 closing", RetryAfter, None),
        ("content", "452 4.3.1 disk full", RetryAfter, None),
        ("content", "554 5.7.1 looks like spam", Refused, None),
    ],
)
async def test_what_the_server_says_decides(
    server: Dovecot,
    address: str,
    records: MemoryRecords,
    *,
    step: Any,
    said: str,
    raised: type[RetryAfter | Refused],
    seconds: float | None,
) -> None:
    """Never, or later; its words are told without addresses. Nothing is unclear: the next try sends it."""
    async with Relay() as relay, desk(address, server, relay, records) as own:
        relay.answers = {step: said}
        with pytest.raises(raised) as error:
            await own.send()
        assert said[:9] in str(error.value)
        assert "anna" not in str(error.value)
        assert seconds == getattr(error.value, "seconds", None)
        assert await own.find() is None
        relay.answers = {}
        await own.send()
    assert 1 == len(relay.mails)


async def test_an_address_beyond_ascii_is_refused(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """It would need SMTPUTF8; the connection is not lost over it."""
    async with Relay() as relay, desk(address, server, relay, records) as own:
        with pytest.raises(Refused, match="SMTPUTF8"):
            await own.dispatch.send("dlv_one", ID, to="änna@customer.test", raw=RAW)


async def test_a_server_that_is_away_is_waited_for(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """Nothing was handed over, so nothing is unclear; ``/readyz`` tells, until it works again."""
    async with Relay() as relay:
        nowhere = relay.section(port=1)
        async with desk(address, server, relay, records, smtp=nowhere) as own:
            with pytest.raises(RetryAfter):
                await own.send()
            assert "nothing listens there: check 'smtp.host'" in own.dispatch.problem
            assert await own.find() is None
        async with desk(address, server, relay, records) as own:
            await own.send()
            assert "" == own.dispatch.problem
    assert 1 == len(relay.mails)


async def test_a_refused_login_is_not_tried_again_and_again(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """Providers lock accounts: the second mail does not even connect, and the password is not told."""
    async with Relay() as relay:
        wrong = relay.section(username="other", password="no-such-password")
        async with desk(address, server, relay, records, smtp=wrong) as own:
            for _ in range(2):
                with pytest.raises(RetryAfter) as error:
                    await own.send()
                assert 590 < (error.value.seconds or 0) <= 600
                assert "no-such-password" not in str(error.value)
    assert (1, [("other", "no-such-password")]) == (relay.connections, relay.logins)


@pytest.mark.parametrize(
    ("drop", "taken", "raised"),
    [("before data", 0, RetryAfter), ("before taking", 0, Unclear), ("after taking", 1, Unclear)],
)
async def test_a_broken_connection_is_unclear_only_after_the_final_dot(
    server: Dovecot, address: str, records: MemoryRecords, *, drop: Any, taken: int, raised: type[Exception]
) -> None:
    """Before it the mail is thrown away; after it nobody knows, and it is never sent again."""
    async with Relay() as relay, desk(address, server, relay, records) as own:
        relay.drop = drop
        with pytest.raises(raised):
            await own.send()
        relay.drop = ""
        if raised is Unclear:
            for again in (own.find, own.send):
                with pytest.raises(Unclear):
                    await again()
        else:
            assert await own.find() is None
    assert taken == len(relay.mails)


async def test_what_lies_in_sent_was_sent(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """The answer got lost, and the provider keeps what it sends: one look tells."""
    async with Relay() as relay, desk(address, server, relay, records, save_sent=False) as own:
        relay.drop = "after taking"
        with pytest.raises(Unclear):
            await own.send()
        server.deliver(address, RAW, "Sent")
        assert Sent(external_id=ID) == await own.find()
    assert 1 == len(server.mails(address, "Sent"))


async def test_what_somebody_answers_was_sent(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """The customer names the mail whose fate nobody knew; now the copy can be kept too."""
    async with Relay() as relay, desk(address, server, relay, records) as own:
        relay.drop = "after taking"
        with pytest.raises(Unclear):
            await own.send()
        assert await Traces(records).prove("dlv_one")
        assert Sent(external_id=ID) == await own.find()
    assert [RAW] == server.mails(address, "Sent")


async def test_a_slow_last_word_is_waited_for(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """The core's patience ends before the server's: looking waits for the answer, and nothing is unclear."""
    async with Relay() as relay, desk(address, server, relay, records) as own:
        relay.hold = asyncio.Event()
        sending = asyncio.ensure_future(own.send())
        await relay.has_dot.wait()
        sending.cancel()
        await asyncio.wait([sending])
        finding = asyncio.ensure_future(own.find())
        relay.hold.set()
        assert Sent(external_id=ID) == await finding
    assert 1 == len(relay.mails)


async def test_killed_while_the_server_thinks(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """Between the final dot and its answer: the next process neither sends nor claims that it arrived."""
    async with Relay() as relay:
        relay.hold = asyncio.Event()
        async with desk(address, server, relay, records) as own:
            sending = asyncio.ensure_future(own.send())
            await relay.has_dot.wait()
        await asyncio.wait([sending])
        relay.hold.set()
        async with desk(address, server, relay, records) as reborn:
            for again in (reborn.find, reborn.send):
                with pytest.raises(Unclear):
                    await again()
    assert 1 == len(relay.mails)


async def test_killed_before_the_copy_was_kept(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """The server's yes was written down, and no more: the next process keeps the copy, and sends nothing."""
    async with Relay() as relay:
        async with desk(address, server, relay, records, save_sent=False) as own:
            await own.send()
        async with desk(address, server, relay, records) as reborn:
            assert Sent(external_id=ID) == await reborn.find()
            assert Sent(external_id=ID) == await reborn.find()
    assert (1, [RAW]) == (len(relay.mails), server.mails(address, "Sent"))


async def test_killed_before_the_final_dot(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """Nothing was written down and nothing was handed over: the next process sends it."""
    async with Relay() as relay:
        async with desk(address, server, relay, records) as own:
            begun = records.add
            records.add = _killed  # type: ignore[method-assign]
            with pytest.raises(asyncio.CancelledError):
                await own.send()
            records.add = begun  # type: ignore[method-assign]
        async with desk(address, server, relay, records) as reborn:
            assert await reborn.find() is None
            await reborn.send()
    assert 1 == len(relay.mails)


async def _killed(*_: object, **__: object) -> bool:
    raise asyncio.CancelledError


async def _full(*_: object, **__: object) -> bool:
    raise StoreUnavailable(cause="disk full")


async def test_what_cannot_be_written_down_is_not_sent(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """The final dot is written only when it is known on disk that it will be."""
    async with Relay() as relay, desk(address, server, relay, records) as own:
        records.add = _full  # type: ignore[method-assign]
        with pytest.raises(RetryAfter):
            await own.send()
        assert await own.find() is None
    assert [] == relay.mails


async def test_an_answer_that_cannot_be_written_down_changes_nothing(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """The disk fills up after the server's yes: it counts as sent now, and as unclear later."""

    async def fill_up(_taken: object) -> None:
        records.put = _full  # type: ignore[method-assign, assignment]

    async with Relay() as relay, desk(address, server, relay, records, save_sent=False) as own:
        relay.on_taken = fill_up
        assert Sent(external_id=ID) == await own.send()
        with pytest.raises(Unclear):
            await own.send()
    assert 1 == len(relay.mails)


async def test_two_processes_send_one_mail(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """One that was thought dead comes back: the right to the final dot was given to the other."""
    async with (
        Relay() as relay,
        desk(address, server, relay, records) as one,
        desk(address, server, relay, records) as other,
    ):
        done = await asyncio.gather(one.send(), other.send(), return_exceptions=True)
    assert {Sent, Unclear} == set(map(type, done)) or [Sent, Sent] == list(map(type, done))
    assert 1 == len(relay.mails)


async def test_without_a_sent_folder_it_is_sent(
    address: str, records: MemoryRecords, server: Dovecot
) -> None:
    """The copy is for people: where it cannot be kept, the mail has gone all the same."""
    folders = {"sent": "No such folder"}
    async with Relay() as relay, desk(address, server, relay, records, folders=folders) as own:
        assert Sent(external_id=ID) == await own.send()
    assert 1 == len(relay.mails)


async def test_a_full_mailbox_keeps_no_copy(address: str, records: MemoryRecords) -> None:
    """A real quota: the mail has gone, and is not sent again for want of a copy."""
    with dovecot(quota="1") as small:
        small.deliver(address, mail("word " * 150))
        async with Relay() as relay, desk(address, small, relay, records) as own:
            for again in (own.send, own.send, own.find):
                assert Sent(external_id=ID) == await again()
        assert [] == small.mails(address, "Sent")
    assert 1 == len(relay.mails)


class _Slow(MemoryRecords):
    """A store that has written, and answers later, as one does whose disk is busy."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.go_on = asyncio.Event(), asyncio.Event()

    async def add(self, key: str, value: Any, *, expires_at: int | None = None) -> bool:
        done = await super().add(key, value, expires_at=expires_at)
        self.written.set()
        await self.go_on.wait()
        return done


async def test_a_right_that_was_taken_is_used(server: Dovecot, address: str) -> None:
    """The core gives up waiting while the store is slow: the mail goes out all the same, and is found."""
    records = _Slow()
    async with Relay() as relay, desk(address, server, relay, records) as own:
        sending = asyncio.create_task(own.send())
        await records.written.wait()
        sending.cancel()
        await asyncio.wait([sending])
        records.go_on.set()
        assert Sent(external_id=ID) == await own.find()
    assert 1 == len(relay.mails)


async def test_nothing_begins_after_the_end(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """The core delivers for a moment longer than the channel runs: nobody would close what is opened then."""
    async with Relay() as relay:
        async with desk(address, server, relay, records) as own:
            pass
        with pytest.raises(RetryAfter):
            await own.send()
        await Traces(records).begin(Trace(delivery="dlv_one", message_id=ID, at=1))
        with pytest.raises(Disconnected):
            await own.find()
    assert 0 == relay.connections
