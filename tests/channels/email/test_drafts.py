"""Leaving drafts on a real server: each once, and never over what a person did."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.errors import NeverClear, Refused, RetryAfter, Unclear
from supportbot.messages import Outbound
from supportbot.testing import memory
from supportbot.testing.host import MemoryDrafts, MemoryRecords
from supportbot_email import lease
from supportbot_email.drafts import Drafts
from supportbot_email.folders import Folders
from supportbot_email.notes import Notes, planned_note
from tests.channels.email.dovecot import dovecot, mail, needs_dovecot
from tests.channels.email.mailboxes import Clock, config, line, subject
from tests.channels.email.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.host import DraftOutcome
    from supportbot.messages import Sent
    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot


SAYS = "A parcel takes three working days, and five to the islands."


class Desk:
    """Leaves drafts as the channel does."""

    def __init__(self, drafts: Drafts) -> None:
        self.drafts = drafts

    async def leave(
        self, name: str, *, at: int = 1, thread: str = "thread", text: str = SAYS, model: str = ""
    ) -> Sent:
        """Leave a draft whose subject is its name."""
        outbound = _outbound(name, at, thread, text).evolve(model=model)
        note = planned_note(outbound, f"<{name}@example.com>")
        return await self.drafts.leave(outbound, note, _draft(name))

    async def find(self, name: str) -> Sent | None:
        """Look for it."""
        return await self.drafts.find(f"dlv_{name}")


@asynccontextmanager
async def desk(address: str, port: int, records: MemoryRecords, **keys: Any) -> AsyncIterator[Desk]:
    settings = config(address, port, **keys)
    own = line(settings)
    try:
        yield Desk(Drafts(own, Notes(records), MemoryDrafts(), Folders(settings.folders, records)))
    finally:
        await own.close()


def _outbound(name: str, at: int, thread: str, text: str) -> Outbound:
    return Outbound(
        delivery_id=f"dlv_{name}",
        conversation_id="conv",
        message_id="msg",
        turn_id="turn",
        tenant="default",
        channel="support",
        external_id=thread,
        address={},
        text=text,
        seq=2,
        created_at=at,
    )


def _draft(name: str) -> bytes:
    return mail("It comes tomorrow.", subject=name, Message_ID=f"<{name}@example.com>")


def _left(server: Dovecot, address: str, folder: str = "Drafts") -> list[str]:
    return [subject(raw) for raw in server.mails(address, folder)]


def _undeleted(server: Dovecot, address: str) -> list[str]:
    flags = server.flags(address, "Drafts")
    return [
        name for name, marks in zip(_left(server, address), flags, strict=True) if "\\Deleted" not in marks
    ]


def _edit(server: Dovecot, address: str, name: str) -> None:
    """Change a draft as mail programs do: a new one under its Message-ID, and the old one removed."""
    with server.person(address) as person:
        person.select("Drafts")
        _, found = person.search(None, f'HEADER Message-ID "<{name}@example.com>"')
        person.store(found[0].split()[-1].decode(), "+FLAGS", "(\\Deleted)")
        person.expunge()
    server.deliver(address, _draft(name).replace(b"tomorrow", b"on Monday"), "Drafts")


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


async def test_a_draft_is_left_as_a_draft(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """It lies in the folder that the server marks as Drafts, with the flag of one."""
    async with desk(address, server.port, records) as own:
        await own.leave("one")
    assert _draft("one").replace(b"\n", b"\r\n") == server.mails(address, "Drafts")[0]
    assert "\\Draft" in server.flags(address, "Drafts")[0]


async def test_leaving_it_again_leaves_one(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """Also when everything we knew is gone: it is found by its Message-ID."""
    async with desk(address, server.port, records) as own:
        await own.leave("one")
        await own.leave("one")
    async with desk(address, server.port, MemoryRecords()) as forgetful:
        await forgetful.leave("one")
    assert ["one"] == _left(server, address)


async def test_part_of_a_message_id_is_another_draft(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """Servers search for parts of words: what is found is compared exactly."""
    server.deliver(address, _draft("the.one"), "Drafts")
    async with desk(address, server.port, records) as own:
        assert await own.find("one") is None
        await own.leave("one")
    assert ["the.one", "one"] == _left(server, address)


async def test_a_newer_draft_replaces_an_untouched_one(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """Of two that say the same the person finds the newest; other people's drafts stay."""
    server.deliver(address, _draft("somebody"), "Drafts")
    async with desk(address, server.port, records) as own:
        await own.leave("one", at=1)
        await own.leave("two", at=2)
    assert ["somebody", "two"] == _left(server, address)


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        ((SAYS, "You can pay with PayPal."), ["one", "two"]),
        ((SAYS, f"You can pay with PayPal.\n\n{SAYS}"), ["two"]),
        (("Yes.", "Yes. You can pay with PayPal."), ["one", "two"]),
    ],
)
async def test_no_answer_is_lost_to_a_newer_draft(
    server: Dovecot, address: str, records: MemoryRecords, texts: tuple[str, str], left: list[str]
) -> None:
    """The customer asks two things: only a draft that says both takes the older one's place."""
    async with desk(address, server.port, records) as own:
        await own.leave("one", at=1, text=texts[0])
        await own.leave("two", at=2, text=texts[1])
    assert left == _left(server, address)


@pytest.mark.parametrize(("model", "left"), [("llama", ["two"]), ("knowledge", ["one", "two"])])
async def test_a_model_s_newer_draft_answers_both(
    server: Dovecot, address: str, records: MemoryRecords, model: str, left: list[str]
) -> None:
    """To a model the first question is unanswered while its draft lies there; articles are searched for the
    newest words alone."""
    async with desk(address, server.port, records) as own:
        await own.leave("one", at=1, text=SAYS)
        await own.leave("two", at=2, text="Three days, and by PayPal.", model=model)
    assert left == _left(server, address)


@pytest.mark.parametrize("flag", ["\\Flagged", "$Later"])
async def test_a_draft_that_a_person_marked_is_left_alone(
    server: Dovecot, address: str, records: MemoryRecords, flag: str
) -> None:
    """A flag or a keyword is a person's: they mean to come back to it."""
    async with desk(address, server.port, records) as own:
        await own.leave("one", at=1)
        with server.person(address) as person:
            person.select("Drafts")
            person.store("1", "+FLAGS", f"({flag})")
        await own.leave("two", at=2)
    assert ["one", "two"] == _left(server, address)


@pytest.mark.parametrize("other", [{"read_on": None}, {"of_a_newer_release": 1}])
async def test_a_note_of_another_release_can_be_changed(
    records: MemoryRecords, other: dict[str, Any]
) -> None:
    """A field that it lacks, or has beside ours, is no reason to look at it for ever."""
    notes = Notes(records)
    note = planned_note(_outbound("one", 1, "thread", SAYS), "<one@example.com>")
    await notes.plan(note)
    stored = asdict(note) | other
    await records.put("draft:dlv_one", {key: value for key, value in stored.items() if value is not None})
    async with asyncio.timeout(5):
        changed = await notes.change("dlv_one", lambda now: replace(now, state="open"))
    assert changed == await notes.get("dlv_one") == replace(note, state="open")


@pytest.mark.parametrize("outcome", ["used", "edited", "ignored", "deleted"])
async def test_a_draft_that_had_its_day_keeps_nobody(
    server: Dovecot, address: str, records: MemoryRecords, outcome: DraftOutcome
) -> None:
    """It is watched for weeks, and holds up automatic replies only until a person has decided."""
    async with desk(address, server.port, records) as own:
        await own.leave("one")
        assert await own.drafts.is_waiting("thread")
        await Notes(records).change("dlv_one", lambda now: replace(now, outcome=outcome))
        assert not await own.drafts.is_waiting("thread")


async def test_an_edited_draft_is_left_alone(server: Dovecot, address: str, records: MemoryRecords) -> None:
    """A mail program saves an edited draft as a new mail, under the same Message-ID."""
    async with desk(address, server.port, records) as own:
        await own.leave("one", at=1)
        server.remove(address, "Drafts")
        edited = _draft("one").replace(b"tomorrow", b"on Monday")
        server.deliver(address, edited, "Drafts")
        await own.leave("two", at=2)
    assert ["one", "two"] == _left(server, address)


@pytest.mark.parametrize("then", ["deleted", "sent"])
async def test_what_a_person_took_away_is_not_left_again(
    server: Dovecot, address: str, records: MemoryRecords, then: str
) -> None:
    """A draft that was deleted or sent has had its time."""
    async with desk(address, server.port, records) as own:
        await own.leave("one")
        server.remove(address, "Drafts")
        if then == "sent":
            server.deliver(address, _draft("one"), "Sent")
        assert await own.find("one") is not None
        await own.leave("one")
    assert [] == _left(server, address)


@pytest.mark.parametrize(("cut", "found"), [("before append", False), ("after append", True)])
async def test_a_lost_answer_is_settled_by_looking(
    server: Dovecot, address: str, records: MemoryRecords, cut: str, found: bool
) -> None:
    """The connection breaks when the draft is handed over: it is unclear, and one look tells."""
    async with Wire(server.port) as wire, desk(address, wire.port, records) as own:
        wire.cut = cut  # type: ignore[assignment]
        with pytest.raises(Unclear):
            await own.leave("one")
        assert found is (await own.find("one") is not None)
        await own.leave("one")
    assert ["one"] == _left(server, address)


async def test_a_draft_that_vanished_unseen_is_not_left_again(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """The server took it, its answer got lost, and a person deleted it: nobody can tell, now or later."""
    async with Wire(server.port) as wire, desk(address, wire.port, records) as own:
        wire.cut = "after append"
        with pytest.raises(Unclear):
            await own.leave("one")
        server.remove(address, "Drafts")
        with pytest.raises(NeverClear, match="supportbot deliveries settle"):
            await own.find("one")


@pytest.mark.parametrize("then", ["lie there", "were replaced"])
async def test_other_drafts_say_nothing_of_a_lost_one(
    server: Dovecot, address: str, records: MemoryRecords, then: str
) -> None:
    """The server never got it, and others were left since: it is not there, and is left."""
    async with Wire(server.port) as wire, desk(address, wire.port, records) as own:
        wire.cut = "before append"
        with pytest.raises(Unclear):
            await own.leave("one", at=9, thread="another")
        await own.leave("two", at=2)
        await own.leave("three", at=3 if then == "were replaced" else 1)
        assert await own.find("one") is None
        await own.leave("one", at=9, thread="another")
    assert {"one", "three"} <= set(_left(server, address))


async def test_one_that_a_person_sent_unseen_is_found_in_sent(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """The server took it, its answer got lost, and a person sent it."""
    async with Wire(server.port) as wire, desk(address, wire.port, records) as own:
        wire.cut = "after append"
        with pytest.raises(Unclear):
            await own.leave("one")
        server.remove(address, "Drafts")
        server.deliver(address, _draft("one"), "Sent")
        assert await own.find("one") is not None


async def test_a_slow_look_is_no_reason_to_begin_again(server: Dovecot, address: str, clock: Clock) -> None:
    """Nobody else can have had the right meanwhile: the draft is left."""
    records = MemoryRecords()
    async with Wire(server.port) as wire, desk(address, wire.port, records) as own:
        wire.cut = "pause select"
        leaving = asyncio.create_task(own.leave("one"))
        await wire.was_cut.wait()
        clock.now += 20_000
        wire.go_on.set()
        await leaving
    assert ["one"] == _left(server, address)


@pytest.mark.parametrize("cut", ["no to examine", "in examine"])
async def test_what_was_taken_is_left(
    server: Dovecot, address: str, records: MemoryRecords, cut: str
) -> None:
    """A server without UIDPLUS does not say where it put the draft, and the search for it fails: it is left
    all the same. A newer one finds it by its Message-ID and its bytes, and replaces it."""
    async with Wire(server.port) as wire, desk(address, wire.port, records) as own:
        wire.hides = (b"[APPENDUID",)
        wire.cut = cut  # type: ignore[assignment]
        assert "dlv_one" == (await own.leave("one", at=1)).external_id
        assert wire.was_cut.is_set()
        await own.leave("one", at=1)
        assert ["one"] == _left(server, address)
        await own.leave("two", at=2)
    assert ["two"] == _left(server, address)


NO_UIDPLUS = (b" UIDPLUS", b"[APPENDUID")


@pytest.mark.parametrize("then", ["untouched", "flagged", "edited", "renumbered"])
@pytest.mark.parametrize("known", [True, False])
async def test_a_server_without_uidplus(
    server: Dovecot, address: str, records: MemoryRecords, *, then: str, known: bool
) -> None:
    """A newer draft marks the older one as deleted, whether or not it was known where that lay; one that a
    person has touched stays, also if it was saved under the same Message-ID."""
    async with Wire(server.port) as wire, desk(address, wire.port, records) as own:
        wire.hides = NO_UIDPLUS
        if not known:
            wire.cut = "in examine"
        server.deliver(address, _draft("the.one"), "Drafts")
        await own.leave("one", at=1)
    if then == "flagged":
        with server.person(address) as person:
            person.select("Drafts")
            person.store("2", "+FLAGS", "(\\Flagged)")
    elif then == "edited":
        _edit(server, address, "one")
    elif then == "renumbered":
        server.renumber(address, "Drafts")
    async with Wire(server.port) as wire, desk(address, wire.port, records) as own:
        wire.hides = NO_UIDPLUS
        stood = await own.drafts.stand([note async for note in Notes(records).waiting()])
        await own.leave("two", at=2)
    assert {"dlv_one": "touched" if then == "edited" else "there"} == stood
    stays = then in {"flagged", "edited"}
    assert ["the.one", *(["one"] if stays else []), "two"] == _undeleted(server, address)


async def test_what_a_person_made_of_a_lost_draft_stays(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """The receipt got lost, and before it was looked for somebody changed the draft: nothing replaces it."""
    async with Wire(server.port) as wire, desk(address, wire.port, records) as own:
        wire.cut = "after append"
        with pytest.raises(Unclear):
            await own.leave("one", at=1)
        _edit(server, address, "one")
        await own.leave("one", at=1)
        await own.leave("two", at=2)
    assert ["one", "two"] == _left(server, address)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of the leases, and of the records that hold them."""
    return Clock(monkeypatch, lease, memory)


@pytest.mark.parametrize("then", ["", "deleted"])
@pytest.mark.parametrize("cut", ["pause select", "pause append", "pause go-ahead"])
async def test_who_was_frozen_leaves_no_second_draft(
    server: Dovecot, address: str, clock: Clock, *, cut: str, then: str
) -> None:
    """Stopped while it hands a draft over, for longer than its right to do so: another one has left it
    meanwhile, and a person may have thrown it away."""
    records = MemoryRecords()
    async with (
        Wire(server.port) as wire,
        desk(address, wire.port, records) as frozen,
        desk(address, server.port, records) as other,
    ):
        wire.cut = cut  # type: ignore[assignment]
        leaving = asyncio.create_task(frozen.leave("one"))
        await wire.was_cut.wait()
        with pytest.raises(RetryAfter):
            await other.leave("one")
        clock.now += 30_001
        await other.leave("one")
        if then:
            server.remove(address, "Drafts")
        wire.go_on.set()
        with suppress(RetryAfter):
            await leaving
        assert await frozen.find("one") is not None
    assert ([] if then else ["one"]) == _left(server, address)


@pytest.mark.parametrize(("cut", "error"), [("no to append", RetryAfter), ("never to append", Refused)])
async def test_what_the_server_says_decides(
    server: Dovecot, address: str, records: MemoryRecords, cut: str, error: type[Exception]
) -> None:
    """A full mailbox may have room later; a draft that is too large is too large tomorrow."""
    async with Wire(server.port) as wire, desk(address, wire.port, records) as own:
        wire.cut = cut  # type: ignore[assignment]
        with pytest.raises(error):
            await own.leave("one")
        await own.leave("one")
    assert ["one"] == _left(server, address)


async def test_a_full_mailbox_is_waited_for(address: str, records: MemoryRecords) -> None:
    """A real quota: the draft is left when there is room."""
    with dovecot(quota="2") as small:
        small.deliver(address, mail("word " * 300))
        small.deliver(address, mail("w"))
        async with desk(address, small.port, records) as own:
            with pytest.raises(RetryAfter, match="OVERQUOTA"):
                await own.leave("one")
            await own.drafts.look()
            assert "make room" in own.drafts.problem
            small.remove(address, "INBOX")
            await own.leave("one")
            assert "" == own.drafts.problem
        assert ["one"] == _left(small, address)


@pytest.mark.parametrize("then", ["", "deleted"])
async def test_a_renumbered_drafts_folder(
    server: Dovecot, address: str, records: MemoryRecords, *, then: str
) -> None:
    """The receipt got lost, and the folder has another UIDVALIDITY: the draft is found by its Message-ID;
    if it is not there, no number tells whether it was, and it is not left again."""
    async with Wire(server.port) as wire, desk(address, wire.port, records) as own:
        wire.cut = "after append"
        with pytest.raises(Unclear):
            await own.leave("one")
        if then:
            server.remove(address, "Drafts")
        server.renumber(address, "Drafts")
        if then:
            for again in (own.find, own.leave):
                with pytest.raises(NeverClear):
                    await again("one")
        else:
            assert await own.find("one") is not None
            await own.leave("one")
    assert ([] if then else ["one"]) == _left(server, address)


async def test_a_drafts_folder_that_is_gone_is_waited_for(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """Somebody renamed it: nothing was handed over, and the draft is left once it is back."""
    async with desk(address, server.port, records, folders={"drafts": "Mine"}) as own:
        with pytest.raises(RetryAfter):
            await own.leave("one")
        with server.person(address) as person:
            person.create("Mine")
        await own.leave("one")
    assert ["one"] == _left(server, address, "Mine")


async def test_a_server_that_is_away_is_waited_for(address: str, records: MemoryRecords) -> None:
    """Nothing was handed over, so nothing is unclear."""
    async with desk(address, 1, records) as own:
        with pytest.raises(RetryAfter):
            await own.leave("one")
