"""What becomes of drafts, on a real server: whatever a person does with one, and whoever dies on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supportbot.errors import Unclear
from supportbot.testing.host import FakeCore
from tests.channels.email.desk import ANSWER, OWN, Clock, desk, taken, written
from tests.channels.email.dovecot import needs_dovecot
from tests.channels.email.mailboxes import subject
from tests.channels.email.wire import Wire

if TYPE_CHECKING:
    from supportbot_email.notes import Note
    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot

MINUTE, DAY = 60_000, 24 * 3_600_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


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
        await own.answer_by_hand()
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


async def test_one_to_somebody_else_stays(server: Dovecot, address: str) -> None:
    """Whoever was in copy asks something as well: the answer to them is none to the first."""
    async with desk(address, server.port) as own:
        first = await own.leave()
        await own.channel.send(await own.ask("two", thread="one", sender="colleague@customer.test"))
        assert 2 == len(server.mails(address, "Drafts"))
        assert "open" == own.outcome(first)


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
