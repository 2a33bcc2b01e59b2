"""Two bots with databases of their own on one mailbox: neither knows the other; both draft each mail."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from supportbot_email import others
from supportbot_email.automatic import WithoutAutomatic
from supportbot_email.cursor import Cursors
from supportbot_email.dispatch import Traces
from supportbot_email.imap import Connection
from supportbot_email.mail import Mail
from supportbot_email.others import Others
from supportbot_email.watching import Watching
from tests.channels.email.conftest import until
from tests.channels.email.desk import desk
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import Taker, config, section
from tests.channels.email.test_cli import _check

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot


async def test_another_bot_s_drafts_are_noticed(
    server: Dovecot, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the log once, and in /readyz, by both; what one left itself is no reason."""
    async with desk(address, server.port) as own, desk(address, server.port) as other:
        for one in (own, other):
            await one.look()
        await own.leave("one")
        await own.look()
        assert "" == own.channel._drafting.problem
        await other.leave("one")
        await other.leave("two")
        said: list[str] = []
        monkeypatch.setattr(others.log, "warning", lambda event, **_: said.append(event), raising=False)
        for _ in range(2):
            await own.look()
            await other.look()
        assert ["email.another_bot"] * 2 == said
        for one in (own, other):
            assert "database" in one.channel._drafting.problem


async def test_what_lay_there_before_is_a_former_bot_s(server: Dovecot, address: str) -> None:
    """Somebody began again with an empty database: what the one before left says nothing of two that run."""
    async with desk(address, server.port) as before:
        await before.leave("one")
    async with desk(address, server.port) as own:
        await own.look()
        await own.look()
        assert "" == own.channel._drafting.problem
        server.deliver(address, mail(subject="A person's draft"), "Drafts")
        server.remove(address, "Drafts", "2")
        await own.look()  # the newest that is left is the former one's, and is no new one
        assert "" == own.channel._drafting.problem


async def test_one_that_has_gone_is_forgotten(
    server: Dovecot, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day after its last draft it is as good as stopped."""
    async with desk(address, server.port) as own, desk(address, server.port) as other:
        await own.look()
        await other.leave("one")
        await own.look()
        assert own.channel._drafting.problem
        real = others.now_ms()
        monkeypatch.setattr(others, "now_ms", lambda: real + 25 * 3_600_000)
        assert "" == own.channel._drafting.problem


async def test_one_that_sends_is_noticed_in_sent(server: Dovecot, address: str) -> None:
    """Its mail has a Message-ID of our shape, which we have not made."""
    async with desk(address, server.port) as own, desk(address, server.port) as other:
        watched = WithoutAutomatic(
            Taker(), own.channel._conversations, Traces(own.core.records), own.channel._others
        )
        ours = await own.channel._conversations.message_id("dlv_1")
        theirs = await other.channel._conversations.message_id("dlv_1")
        await watched.take(Mail(message_id=ours, content_key="a"), b"")
        assert "" == own.channel._drafting.problem
        await watched.take(Mail(message_id=theirs, content_key="b"), b"")
        assert "database" in own.channel._drafting.problem


async def test_whoever_watches_sent_tells_whom_it_was_given(server: Dovecot, address: str) -> None:
    """The channel has one that knows: the watch finds it in what it was handed, not in another part."""
    async with desk(address, server.port) as own, desk(address, server.port) as other:
        records, channel = own.core.records, own.channel
        known = Others(channel._conversations, domain="example.com")
        watching = Watching(
            config(address, server.port),
            own.core.host,
            conversations=channel._conversations,
            outcomes=own.outcomes,
            traces=Traces(records),
            others=known,
            sent=channel._folders.sent,
        )
        _, inbox, sent = channel._lines
        folder = await sent.run(Connection.open, "Sent")
        await Cursors(records, backfill_hours=0).at(folder)  # what comes from now on is read
        theirs = await other.channel._conversations.message_id("dlv_1")
        server.deliver(address, mail(From=address, Message_ID=theirs), "Sent")
        async with watching.over(inbox, sent, own.core.accept):
            await until(lambda: known.problem)
        assert "" == channel._drafting.problem


async def test_the_check_shows_what_another_one_left(server: Dovecot, address: str, tmp_path: Path) -> None:
    """Before the first start of a second one, while there is still time."""
    support = {"support": {"type": "email", **section(address, server.port)}}
    _, said = await asyncio.to_thread(_check, tmp_path, support)
    assert "another SupportBot" not in said
    async with desk(address, server.port) as other:
        await other.leave("one")
        await other.leave("two")
    code, said = await asyncio.to_thread(_check, tmp_path, support)
    assert "2 drafts of another SupportBot" in said
    assert 0 == code
