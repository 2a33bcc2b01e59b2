"""What becomes of drafts, on a real server: whatever a person does with one, and whoever dies on the way."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.errors import Unclear
from supportbot.messages import Inbound, Missed, Outbound, Sender, Source
from supportbot.records import ChannelRecords
from supportbot.testing.host import FakeCore, MemoryRecords
from supportbot_email import notes as notes_module
from supportbot_email import outcomes as outcomes_module
from supportbot_email.channel import EmailChannel
from supportbot_email.inbound import reply_address
from supportbot_email.mail import Settings
from supportbot_email.notes import Note, Notes
from supportbot_email.parse import parse
from supportbot_email.sent import SentMail
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import config, subject
from tests.channels.email.wire import Wire
from tests.durable import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot

ANSWER = "Your parcel left our warehouse on Monday. It takes **two to three days**, and comes by post."
OWN = "I have asked the carrier: somebody signed for it at number 14, please ring there."
MINUTE, DAY = 60_000, 24 * 3_600_000


class Desk:
    """A channel at work on a mailbox, whose parts a test moves one by one."""

    def __init__(self, core: FakeCore, channel: EmailChannel, address: str) -> None:
        self.core, self.channel, self.address = core, channel, address
        self.outcomes = channel._drafting.outcomes
        self.notes = channel._drafting.notes
        self.sent = SentMail(
            "support",
            core.accept,
            conversations=channel._conversations,
            outcomes=self.outcomes,
            transcripts=core.host.transcripts,
        )

    async def ask(self, name: str = "one", *, thread: str = "") -> Outbound:
        """Have a customer write, and the bot answer; returns what is to be left as a draft."""
        asked = parse(
            mail("Where is it?", subject=name, Message_ID=f"<{name}@customer.test>"),
            settings=Settings(own_domain="example.com"),
        )
        conversation = thread or name
        await self.channel._conversations.learn(conversation, asked.message_id, [asked.sender.address])
        await self.core.accept(
            Inbound(
                channel="support",
                conversation=conversation,
                sender=Sender(id=asked.sender.address),
                text=asked.reply,
                keys=(asked.content_key,),
                address=reply_address(asked),
            )
        )
        source = Source(title="Shipping", source="shipping.md", score=0.9)
        return self.core.reply(conversation, ANSWER).evolve(sources=(source,))

    async def leave(self, name: str = "one", *, thread: str = "") -> Outbound:
        """The same, and leave it."""
        outbound = await self.ask(name, thread=thread)
        await self.channel.send(outbound)
        return outbound

    async def take_sent(self, raw: bytes) -> None:
        """Find a mail in Sent."""
        settings = Settings(own_addresses=(self.address,), own_domain="example.com")
        await self.sent.take(parse(raw, settings=settings), raw)

    async def look(self, *, sent_is_read: bool = True) -> None:
        await self.outcomes.look(sent_is_read=lambda: sent_is_read)

    def outcome(self, outbound: Outbound) -> str:
        return self.core.drafts.outcomes[outbound.delivery_id][0]

    def said_by_people(self) -> list[str]:
        return [inbound.text for inbound in self.core.accepted if inbound.author == "person"]


@asynccontextmanager
async def desk(address: str, port: int, core: FakeCore | None = None, **keys: Any) -> AsyncIterator[Desk]:
    core = core or FakeCore("support")
    channel = EmailChannel(config(address, port, **keys), core.host)
    try:
        yield Desk(core, channel, address)
    finally:
        await channel._close()


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0
        real = outcomes_module.now_ms
        for module in (outcomes_module, notes_module):
            monkeypatch.setattr(module, "now_ms", lambda: real() + self.ahead)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def taken(server: Dovecot, address: str) -> bytes:
    """Take the only draft out of its folder, as a mail program does that sends it."""
    [raw] = server.mails(address, "Drafts")
    server.remove(address, "Drafts")
    return raw


def written(raw: bytes, text: str, **headers: str | None) -> bytes:
    """Return a draft with another text, as a mail program writes it anew, and with other headers."""
    message = message_from_bytes(raw, policy=policy.default)
    for name, value in headers.items():
        del message[name.replace("_", "-")]
        if value is not None:
            message[name.replace("_", "-")] = value
    quoted = "\n\nOn 2026-11-25 10:00 UTC, Anna <anna@customer.test> wrote:\n> Where is it?\n"
    message.clear_content()
    message.set_content(text + quoted)
    return bytes(message)


HOW = {
    "same id": {},
    "new id": {"Message_ID": "<CAF-new@mail.gmail.com>"},
    "no thread": {"Message_ID": "<new@proton.me>", "In_Reply_To": None, "References": None},
}


@pytest.mark.parametrize("how", HOW)
async def test_one_that_was_sent_as_it_was(server: Dovecot, address: str, how: str) -> None:
    """Under whatever Message-ID; what its words say is in the conversation already."""
    async with desk(address, server.port) as own:
        outbound = await own.leave()
        raw = taken(server, address)
        sent = raw if how == "same id" else written(raw, ANSWER.replace("**", "*"), **HOW[how])
        await own.take_sent(sent)
        await own.look()
        length = len(ANSWER.replace("*", "").replace(" ", ""))
        assert ("used", length, 0) == own.core.drafts.outcomes[outbound.delivery_id]
        assert [] == own.said_by_people()


@pytest.mark.parametrize("how", HOW)
async def test_one_that_was_edited(server: Dovecot, address: str, how: str) -> None:
    """What was changed is counted, and what was sent joins the conversation; also when it is read twice."""
    async with desk(address, server.port) as own:
        outbound = await own.leave()
        raw = written(taken(server, address), ANSWER.replace("Monday", "Friday"), **HOW[how])
        await own.take_sent(raw)
        await own.take_sent(raw)
        assert ("edited", 3) == (own.outcome(outbound), own.core.drafts.outcomes[outbound.delivery_id][2])
        assert [ANSWER.replace("Monday", "Friday")] == own.said_by_people()


async def test_one_that_was_ignored(server: Dovecot, address: str) -> None:
    """The person answered with words of their own, while the draft lay there; it still lies there."""
    async with desk(address, server.port) as own:
        outbound = await own.leave()
        await own.take_sent(
            mail(
                OWN,
                From=address,
                To="anna@customer.test",
                Message_ID="<own@x.test>",
                In_Reply_To="<one@customer.test>",
            )
        )
        await own.look()
        assert "ignored" == own.outcome(outbound)
        assert ([OWN], 1) == (own.said_by_people(), len(server.mails(address, "Drafts")))


async def test_one_that_nobody_touched_for_two_weeks(server: Dovecot, address: str, clock: Clock) -> None:
    """It was ignored; a newer one still replaces it, and it stays ignored."""
    async with desk(address, server.port) as own:
        outbound = await own.leave()
        await own.look()
        assert "open" == own.outcome(outbound)
        clock.ahead = 15 * DAY
        await own.look()
        assert "ignored" == own.outcome(outbound)
        await own.leave("two", thread="one")
        assert ["Re: two"] == [subject(raw) for raw in server.mails(address, "Drafts")]
        assert "ignored" == own.outcome(outbound)


async def test_one_that_was_deleted(server: Dovecot, address: str, clock: Clock) -> None:
    """It is gone and was not sent: only after a while, and only if what was sent is known."""
    async with desk(address, server.port) as own:
        outbound = await own.leave()
        server.remove(address, "Drafts")
        await own.look()
        clock.ahead = 14 * MINUTE
        await own.look()
        clock.ahead = 16 * MINUTE
        await own.look(sent_is_read=False)
        assert "open" == own.outcome(outbound)
        await own.look()
        assert "deleted" == own.outcome(outbound)


async def test_one_that_was_sent_before_anybody_knew_it_was_there(server: Dovecot, address: str) -> None:
    """The server's answer got lost, and a person sent it: nobody knows where it lay."""
    async with Wire(server.port) as wire, desk(address, wire.port) as own:
        outbound = await own.ask()
        wire.cut = "after append"
        with pytest.raises(Unclear):
            await own.channel.send(outbound)
        raw = taken(server, address)
        server.deliver(address, raw, "Sent")
        assert await own.channel.find(outbound) is not None
        await own.take_sent(raw)
        await own.look()
        assert "used" == own.outcome(outbound)
        assert ["gone"] == [note.state async for note in own.notes.waiting()]


async def test_marked_as_deleted_is_deleted(server: Dovecot, address: str, clock: Clock) -> None:
    """Some mail programs leave it to be expunged later."""
    async with desk(address, server.port) as own:
        outbound = await own.leave()
        with server.person(address) as person:
            person.select("Drafts")
            person.store("1:*", "+FLAGS", "(\\Deleted)")
        await own.look()
        clock.ahead = 16 * MINUTE
        await own.look()
        assert "deleted" == own.outcome(outbound)


async def test_one_that_turns_up_later_was_not_deleted(server: Dovecot, address: str, clock: Clock) -> None:
    """Sent later, by Gmail's clock or from a laptop that was offline: the word is put right."""
    async with desk(address, server.port) as own:
        outbound = await own.leave()
        raw = taken(server, address)
        await own.look()
        clock.ahead = 2 * DAY
        await own.look()
        assert "deleted" == own.outcome(outbound)
        await own.take_sent(written(raw, ANSWER, Message_ID="<later@mail.gmail.com>"))
        assert "used" == own.outcome(outbound)


@pytest.mark.parametrize("how", ["same id", "new id"])
async def test_one_that_is_being_edited_stays_and_is_no_deleted_one(
    server: Dovecot, address: str, clock: Clock, how: str
) -> None:
    """Saved anew by a mail program, over the weekend: it is left alone until it is sent."""
    async with desk(address, server.port) as own:
        outbound = await own.leave()
        saved = written(taken(server, address), ANSWER + " Ben", **HOW[how])
        server.deliver(address, saved, "Drafts", "(\\Draft)")
        await own.look()
        clock.ahead = 3 * DAY
        await own.look()
        assert "open" == own.outcome(outbound)
        await own.leave("two", thread="one")
        assert ["Re: one", "Re: two"] == [subject(raw) for raw in server.mails(address, "Drafts")]
        await own.take_sent(saved)
        assert ("edited", 3) == (own.outcome(outbound), own.core.drafts.outcomes[outbound.delivery_id][2])


async def test_a_missing_folder_for_drafts_is_seen_before_a_draft_is_due(
    server: Dovecot, address: str
) -> None:
    """It is the channel's problem, for /readyz, until somebody has made it."""
    async with desk(address, server.port, folders={"drafts": "Entries"}) as own:
        own.channel._host = replace(own.core.host, roles=frozenset({"deliver"}))
        await own.look()
        assert "folders.drafts" in own.channel.problem()
        with server.person(address) as person:
            person.create("Entries")
        await own.look()
        assert "" == own.channel.problem()


async def test_one_that_a_newer_one_replaced(server: Dovecot, address: str, clock: Clock) -> None:
    """It is no person's verdict, and never becomes a deleted one."""
    async with desk(address, server.port) as own:
        first = await own.leave()
        second = await own.leave("two", thread="one")
        clock.ahead = 20 * MINUTE
        await own.look()
        assert ("replaced", "open") == (own.outcome(first), own.outcome(second))
        assert [second.delivery_id] == [note.delivery async for note in own.notes.waiting()]


@pytest.mark.parametrize("cut", ["before store", "after store", "after expunge"])
async def test_whoever_dies_while_replacing_leaves_it_to_the_next(
    server: Dovecot, address: str, cut: str, clock: Clock
) -> None:
    """The old draft goes all the same, once, and nobody takes it for deleted by a person."""
    core = FakeCore("support")
    async with Wire(server.port) as wire:
        async with desk(address, wire.port, core) as dying:
            first = await dying.leave()
            wire.cut = cut  # type: ignore[assignment]
            await dying.leave("two", thread="one")
            assert wire.was_cut.is_set()
        async with desk(address, wire.port, core) as own:
            await own.look()
            clock.ahead = 20 * MINUTE
            await own.look()
            await own.look()
            assert ["Re: two"] == [subject(raw) for raw in server.mails(address, "Drafts")]
            assert "replaced" == own.outcome(first)


async def test_one_that_was_edited_just_before_it_was_replaced_stays(server: Dovecot, address: str) -> None:
    """The process died between its decision and the deed; meanwhile a person saved the draft with changes."""
    async with desk(address, server.port) as own:
        first = await own.leave()
        await own.notes.change(first.delivery_id, _going)
        saved = written(taken(server, address), ANSWER + " Ben")
        server.deliver(address, saved, "Drafts", "(\\Draft)")
        await own.look()
        await own.leave("two", thread="one")
        assert ["Re: one", "Re: two"] == [subject(raw) for raw in server.mails(address, "Drafts")]
        assert "open" == own.outcome(first)


def _going(note: Note) -> Note:
    return replace(note, state="replacing")


async def test_another_thread_s_drafts_are_none_of_its_business(server: Dovecot, address: str) -> None:
    """A reply ends the drafts of its own thread only."""
    async with desk(address, server.port) as own:
        await own.leave("one")
        other = await own.leave("two")
        await own.take_sent(
            mail(
                OWN,
                From=address,
                To="anna@customer.test",
                Message_ID="<own@x.test>",
                In_Reply_To="<one@customer.test>",
            )
        )
        assert "open" == own.outcome(other)


async def test_a_mail_that_a_person_has_answered_gets_no_draft(server: Dovecot, address: str) -> None:
    """They were faster than the model: a draft would only be sent a second time."""
    async with desk(address, server.port) as own:
        outbound = await own.ask()
        await own.take_sent(
            mail(
                OWN,
                From=address,
                To="anna@customer.test",
                Message_ID="<own@x.test>",
                In_Reply_To="<one@customer.test>",
            )
        )
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
