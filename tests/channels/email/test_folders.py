"""Where Drafts and Sent are is remembered: they are sought when they are not there, and not else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.testing.host import FakeCore
from supportbot_email.credentials import Credentials
from supportbot_email.dispatch import Dispatch, Traces
from supportbot_email.folders import MailFolder
from supportbot_email.smtp import Submission
from tests.channels.email.desk import desk
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import Taker, config, line, watching
from tests.channels.email.relay import Relay
from tests.channels.email.test_drafts_moved import make, rename
from tests.channels.email.wire import Wire

if TYPE_CHECKING:
    from supportbot.testing.host import MemoryRecords
    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot

_SEARCH = re.compile(rb"^\S+ (?:LIST|STATUS) ", re.IGNORECASE)


def searches(wire: Wire) -> int:
    """Return how often the server was asked for folders since this was asked last."""
    found = sum(_SEARCH.match(command) is not None for command in wire.seen)
    wire.seen.clear()
    return found


async def test_a_renamed_drafts_folder_is_sought_once(server: Dovecot, address: str) -> None:
    """Not at every draft and every look, nor after a start: where it was found is written down. Renamed
    again, it is sought again."""
    make(server, address)
    core, keys = FakeCore("support"), {"folders": {"drafts": "Team"}}
    async with Wire(server.port) as wire:
        async with desk(address, wire.port, core, **keys) as own:
            await own.leave("one")
            await own.look()
            assert 0 == searches(wire)
            rename(server, address, "Team", "Other")
            await own.leave("two")
            assert searches(wire)
            await own.leave("three")
            await own.look()
            assert 0 == searches(wire)
        async with desk(address, wire.port, core, **keys) as own:
            await own.leave("four")
            await own.look()
            assert 0 == searches(wire)
            assert "'Other'" in own.channel._drafting.problem
            rename(server, address, "Other", "Third")
            await own.leave("five")
            assert searches(wire)
            assert "'Third'" in own.channel._drafting.problem
    assert 5 == len(server.mails(address, "Third"))


async def test_a_marked_folder_is_sought_once(server: Dovecot, address: str) -> None:
    """After a start, since somebody may have marked another one; then it is where it was."""
    async with Wire(server.port) as wire, desk(address, wire.port) as own:
        await own.leave("one")
        assert 1 == searches(wire)
        await own.leave("two")
        await own.look()
        assert 0 == searches(wire)
        rename(server, address, "Drafts", "Other")
        await own.leave("three")  # Dovecot makes a new one, with the mark
        assert searches(wire)
    assert [2, 1] == [len(server.mails(address, name)) for name in ("Other", "Drafts")]


async def test_bot_yaml_comes_first(server: Dovecot, address: str) -> None:
    """Who names the folder that it has become means that one; who names a third one means that."""
    make(server, address)
    core = FakeCore("support")
    async with desk(address, server.port, core, folders={"drafts": "Team"}) as own:
        await own.leave("one")
        rename(server, address, "Team", "Other")
        await own.leave("two")
    make(server, address, "Third")
    for name in ("Other", "Third", "Drafts"):
        keys: dict[str, Any] = {"folders": {"drafts": name}} if name != "Drafts" else {}
        async with desk(address, server.port, core, **keys) as own:
            await own.leave(f"to {name}")
            assert "" == own.channel._drafting.problem
    assert [3, 1, 1] == [len(server.mails(address, name)) for name in ("Other", "Third", "Drafts")]


async def test_copies_of_what_is_sent_follow_a_renamed_folder(
    server: Dovecot, address: str, records: MemoryRecords
) -> None:
    """It is sought once, and what lies there was sent."""
    make(server, address, "Ours")
    async with Relay() as relay, Wire(server.port) as wire:
        keys = {"folders": {"sent": "Ours"}, "smtp": relay.section()}
        settings = config(address, wire.port, mode="send", send_to_unverified=True, **keys)
        own = line(settings)
        folder = MailFolder("sent", "Ours", records)
        submission = Submission(settings, Credentials(settings))
        dispatch = Dispatch(settings, submission, own, Traces(records), folder)
        counted = []
        for name in ("one", "two", "three"):
            raw = mail(Message_ID=f"<{name}@example.com>")
            await dispatch.send(name, f"<{name}@example.com>", to="anna@customer.test", raw=raw)
            counted.append(bool(searches(wire)))
            if name == "one":
                rename(server, address, "Ours", "Other")
        await dispatch.close()
        await own.close()
    assert [False, True, False] == counted
    assert 3 == len(server.mails(address, "Other"))
    assert "'Ours' for sent mail" in folder.problem


@pytest.mark.parametrize("then", ["renamed", "renamed back"])
async def test_what_people_sent_meanwhile_is_read(
    server: Dovecot, address: str, records: MemoryRecords, then: str
) -> None:
    """A renamed Sent folder is read on where it was read to, and not from now on."""
    make(server, address, "Ours")
    settings = config(address, server.port, folders={"sent": "Ours"})
    taker = Taker()
    if then == "renamed back":  # what was read under its first name is of long ago
        async with watching(settings, records, taker, folder=MailFolder("sent", "Ours", records)):
            server.deliver(address, mail(subject="old"), "Ours")
            await taker.has(1)
        rename(server, address, "Ours", "Other")
    async with watching(settings, records, taker, folder=MailFolder("sent", "Ours", records)):
        server.deliver(address, mail(subject="one"), "Other" if then == "renamed back" else "Ours")
        await taker.has(2 if then == "renamed back" else 1)
    rename(server, address, *(("Other", "Ours") if then == "renamed back" else ("Ours", "Other")))
    server.deliver(address, mail(subject="two"), "Ours" if then == "renamed back" else "Other")
    async with watching(settings, records, taker, folder=MailFolder("sent", "Ours", records)):
        subjects = await taker.has(3 if then == "renamed back" else 2)
    assert ["one", "two"] == subjects[-2:]
    assert len(set(subjects)) == len(subjects)
