"""A Drafts folder that somebody renames or deletes: it is found again, and so is what lies there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from supportbot.errors import NeverClear, RetryAfter, Unclear
from supportbot.testing.host import FakeCore
from supportbot_email import folders
from tests.channels.email.desk import Clock, desk
from tests.channels.email.dovecot import needs_dovecot
from tests.channels.email.wire import Wire

if TYPE_CHECKING:
    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot

OURS = {"folders": {"drafts": "Team"}}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture(autouse=True)
def _looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a folder that was not found, without waiting."""
    monkeypatch.setattr(folders, "_LOOK_AGAIN", 0.0)


def make(server: Dovecot, address: str, name: str = "Team") -> None:
    with server.person(address) as person:
        person.create(name)


def rename(server: Dovecot, address: str, old: str, new: str) -> None:
    with server.person(address) as person:
        status, said = person.rename(old, new)
        assert "OK" == status, said


@pytest.mark.parametrize(("keys", "old"), [(OURS, "Team"), ({}, "Drafts")])
async def test_what_lies_in_a_renamed_folder_is_still_looked_after(
    server: Dovecot, address: str, clock: Clock, keys: dict[str, Any], old: str
) -> None:
    """It waits as long as it lies there, and was deleted once somebody has deleted it."""
    make(server, address)
    async with desk(address, server.port, **keys) as own:
        outbound = await own.leave()
        rename(server, address, old, "Other")
        for _ in range(2):
            await own.look()
            clock.ahead += 20 * 60_000
        assert "open" == own.outcome(outbound)
        server.remove(address, "Other")
        for _ in range(2):
            await own.look()
            clock.ahead += 20 * 60_000
        assert "deleted" == own.outcome(outbound)


async def test_new_drafts_follow_a_renamed_folder(server: Dovecot, address: str) -> None:
    """bot.yaml names a folder that is called otherwise now: it is said, and nobody's draft waits for that."""
    make(server, address)
    core = FakeCore("support")
    async with desk(address, server.port, core, **OURS) as own:
        await own.leave("one")
        rename(server, address, "Team", "Other")
        await own.leave("two")
        assert "'Team'" in own.channel._drafting.problem
        assert "'Other'" in own.channel._drafting.problem
    async with desk(address, server.port, core, **OURS) as own:  # after a start it is known, too
        await own.leave("three")
        assert 3 == len(server.mails(address, "Other"))
        rename(server, address, "Other", "Team")
        await own.look()
        assert "" == own.channel._drafting.problem


async def test_a_newer_draft_replaces_one_in_the_renamed_folder(server: Dovecot, address: str) -> None:
    """As it does in the same folder: one draft for each customer."""
    async with desk(address, server.port) as own:
        await own.leave("one", thread="thread")
        rename(server, address, "Drafts", "Other")
        await own.leave("two", thread="thread")
        assert ([], 1) == (server.mails(address, "Other"), len(server.mails(address, "Drafts")))


@pytest.mark.parametrize("keys", [OURS, {}])
async def test_a_deleted_folder_gives_way_to_the_marked_one(
    server: Dovecot, address: str, clock: Clock, keys: dict[str, Any]
) -> None:
    """Its drafts were deleted with it; new ones lie where the server says that drafts belong."""
    make(server, address)
    async with desk(address, server.port, **keys) as own:
        outbound = await own.leave("one")
        with server.person(address) as person:
            person.delete(keys.get("folders", {}).get("drafts", "Drafts"))
        for _ in range(2):
            await own.look()
            clock.ahead += 20 * 60_000
        assert "deleted" == own.outcome(outbound)
        await own.leave("two")
        assert 1 == len(server.mails(address, "Drafts"))
        assert bool(keys) == ("'Team'" in own.channel._drafting.problem)


@pytest.mark.parametrize("then", ["lies there", "was taken away", "never came"])
async def test_a_lost_receipt_is_settled_in_the_renamed_folder(
    server: Dovecot, address: str, then: str
) -> None:
    """Left once, whatever became of it: its numbers are looked at where they mean something."""
    async with Wire(server.port) as wire, desk(address, wire.port) as own:
        outbound = await own.ask()
        wire.cut = "before append" if then == "never came" else "after append"
        with pytest.raises(Unclear):
            await own.channel.send(outbound)
        if then == "was taken away":
            server.remove(address, "Drafts")
        rename(server, address, "Drafts", "Other")
        if then == "was taken away":
            with pytest.raises(NeverClear):
                await own.channel.find(outbound)
        elif then == "never came":
            assert await own.channel.find(outbound) is None
            await own.channel.send(outbound)
        else:
            assert await own.channel.find(outbound) is not None
            await own.channel.send(outbound)
        lying = (len(server.mails(address, "Other")), len(server.mails(address, "Drafts")))
    assert {"lies there": (1, 0), "was taken away": (0, 0), "never came": (0, 1)}[then] == lying


async def test_a_folder_that_was_never_there_is_waited_for(server: Dovecot, address: str) -> None:
    """A name with a mistake in it is to be mended: no draft lies where nobody looks for it."""
    async with desk(address, server.port, folders={"drafts": "Taem"}) as own:
        with pytest.raises(RetryAfter):
            await own.leave()
        assert [] == server.mails(address, "Drafts")
        assert "folders.drafts" in own.channel._drafting.problem
