"""What lies beside a draft: the note that explains it, and what the bot knows of mails that were answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.messages import Missed
from supportbot.records import ChannelRecords
from supportbot.testing.host import FakeCore, MemoryRecords
from supportbot_email import notes as notes_module
from supportbot_email.notes import Note, Notes
from tests.channels.email.desk import ANSWER, OWN, Clock, desk, taken
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.durable import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def test_another_thread_s_drafts_are_none_of_its_business(server: Dovecot, address: str) -> None:
    """A reply ends the drafts of its own thread only."""
    async with desk(address, server.port) as own:
        await own.leave("one")
        other = await own.leave("two")
        await own.answer_by_hand()
        assert "open" == own.outcome(other)


async def test_a_mail_that_a_person_has_answered_gets_no_draft(server: Dovecot, address: str) -> None:
    """They were faster than the model: a draft would only be sent a second time."""
    async with desk(address, server.port) as own:
        outbound = await own.ask()
        await own.answer_by_hand()
        with pytest.raises(Exception, match="a person has answered"):
            await own.channel.send(outbound)
        assert [] == server.mails(address, "Drafts")


async def test_what_was_forwarded_to_a_colleague_answers_nothing(server: Dovecot, address: str) -> None:
    """It names the customer's mail, as some programs do; the customer still waits."""
    async with desk(address, server.port) as own:
        forwarded = mail(
            OWN,
            From=address,
            To="ben@example.com",
            Message_ID="<f@x.test>",
            In_Reply_To="<one@customer.test>",
        )
        outbound = await own.ask()
        await own.take_sent(forwarded)
        await own.channel.send(outbound)
        await own.take_sent(forwarded)
        assert ("open", 1) == (own.outcome(outbound), len(server.mails(address, "Drafts")))


async def test_the_history_has_what_the_customer_has_read(server: Dovecot, address: str) -> None:
    """Drafts that nobody sent are no part of it; what a person sent is."""
    async with desk(address, server.port) as own:
        await own.leave("one")
        await own.take_sent(taken(server, address))
        await own.leave("two", thread="one")
        await own.take_sent(
            mail(
                OWN,
                From=address,
                To="anna@customer.test",
                Message_ID="<own@x.test>",
                In_Reply_To="<two@customer.test>",
            )
        )
        await own.leave("three", thread="one")
        said = own.core.messages("one")
        read = await own.outcomes.read_by_the_customer(said)
        assert ["Where is it?", ANSWER, "Where is it?", OWN, "Where is it?"] == [one.text for one in read]


async def test_two_who_change_a_note_lose_nothing(database_url: str) -> None:
    """One writes where the draft lies, the other what became of it, at the same time."""
    note = Note(delivery="d", conversation="c", message_id="<m@x>", text="", at=1)
    async with opened(database_url) as store:
        notes = Notes(ChannelRecords(store, "support"))
        assert note == await notes.plan(note)
        await asyncio.gather(
            *(notes.change("d", lambda now: replace(now, uid=now.uid + 1)) for _ in range(20)),
            notes.change("d", lambda now: replace(now, outcome="deleted")),
        )
        expected = replace(note, uid=20, outcome="deleted")
        assert (expected, [expected]) == (await notes.plan(note), await notes.waiting_in("c"))
        await notes.close(expected)
        assert (expected, [], []) == (
            await notes.get("d"),
            [note async for note in notes.waiting()],
            await notes.waiting_in("c"),
        )
        assert expected == await notes.plan(note)
        later = await notes.change("d", lambda now: replace(now, outcome="used"))
        assert (later, []) == (await notes.get("d"), [note async for note in notes.waiting()])


class _Counted(MemoryRecords):
    """Records that count how often one of them is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def get(self, key: str) -> Any | None:
        self.asked += 1
        return await super().get(key)

    async def scan(self, prefix: str) -> AsyncIterator[tuple[str, Any]]:
        asked = self.asked
        async for entry in super().scan(prefix):
            yield entry
        self.asked = asked


async def test_a_look_reads_what_waits_at_once(server: Dovecot, address: str, clock: Clock) -> None:
    """Thousands of drafts may lie there: their notes come page by page, and what stands as it stood is not
    asked for again."""
    records, core = _Counted(), FakeCore("support")
    core.host = replace(core.host, records=records)
    async with desk(address, server.port, core) as own:
        for number in range(3):
            await own.leave(f"n{number}")
        records.asked = 0
        await own.look()
        assert 0 == records.asked


async def test_a_conversation_s_drafts_are_its_own(records: MemoryRecords) -> None:
    """Also where the name of one begins as another's does."""
    notes = Notes(records)
    for name in ("c", "c:1"):
        await notes.plan(Note(delivery=f"d{name[1:]}", conversation=name, message_id="", text="", at=1))
    assert ["c"] == [note.conversation for note in await notes.waiting_in("c")]


async def test_the_note_lies_in_its_own_folder_and_goes_with_the_draft(
    server: Dovecot, address: str, clock: Clock
) -> None:
    """It says why, is threaded with the customer's mail, and the draft knows nothing of it."""
    async with desk(address, server.port, note="SupportBot") as own:
        await own.leave()
        await own.channel.find(own.core.reply("one", ANSWER).evolve(delivery_id="dlv_none"))
        [raw] = server.mails(address, "SupportBot")
        note = message_from_bytes(raw, policy=policy.default)
        assert "<one@customer.test>" == note["In-Reply-To"]
        assert (address, "(why) Re: one") == (note["To"], note["Subject"])
        assert "shipping.md: 0.90" in note.get_content()
        [draft] = server.mails(address, "Drafts")
        assert b"why" not in draft
        await own.take_sent(taken(server, address))
        await own.look()
        await own.look()
        assert [] == server.mails(address, "SupportBot")


async def test_no_note_where_none_is_configured(server: Dovecot, address: str) -> None:
    """The mailbox has the folders it had."""
    async with desk(address, server.port) as own:
        await own.leave()
    with server.person(address) as person:
        assert not any(b"SupportBot" in folder for folder in person.list()[1])


async def test_what_was_missed_is_not_explained(server: Dovecot, address: str) -> None:
    """People wrote it, there is nothing to explain: not when the draft is left, nor when it is found."""
    async with desk(address, server.port, note="SupportBot") as own:
        missed = Missed(messages=(), withheld=1)
        to = {"to": "anna@customer.test", "name": ""}
        outbound = (await own.ask()).evolve(missed=missed, address=to)
        await own.channel.send(outbound)
        assert await own.channel.find(outbound) is not None
    with server.person(address) as person:
        assert not any(b"SupportBot" in folder for folder in person.list()[1])


async def test_a_note_that_cannot_be_left_does_no_harm(server: Dovecot, address: str) -> None:
    """The draft lies there all the same, and what becomes of it is seen."""
    async with desk(address, server.port, note="no/../such\\folder") as own:
        outbound = await own.leave()
        [draft] = server.mails(address, "Drafts")
        server.remove(address, "Drafts")
        await own.take_sent(draft)
        await own.look()
        await own.look()
        assert "used" == own.outcome(outbound)
        note = await own.notes.get(outbound.delivery_id)
        assert note is not None
        assert ("gone", False) == (note.state, note.why)


async def test_whoever_dies_before_the_server_is_asked_leaves_it_to_the_next(
    server: Dovecot, address: str
) -> None:
    """The note was written and nothing else: nobody could have taken the draft away."""
    async with desk(address, server.port) as own:
        outbound = await own.ask()
        await own.notes.plan(notes_module.planned_note(outbound, "<sb.planned@example.com>"))
        assert await own.channel.find(outbound) is None
