"""Mails read ahead: in their order, not too many, and none lost with what comes behind it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from supportbot_email import ahead
from supportbot_email.ahead import read_ahead
from supportbot_email.failures import Disconnected
from supportbot_email.imap import Listed
from supportbot_email.mail import Settings
from supportbot_email.parse import parse
from tests.channels.email.dovecot import mail

if TYPE_CHECKING:
    from supportbot_email.mail import Mail


class Server:
    """A folder of mails with their numbers as subjects, of which some have gone, and one breaks the line."""

    def __init__(self, *, gone: frozenset[int] = frozenset(), breaks: int = 0) -> None:
        self.gone, self.breaks = gone, breaks
        self.fetched: list[int] = []

    async def fetch(self, listed: Listed) -> bytes | None:
        self.fetched.append(listed.uid)
        if listed.uid == self.breaks:
            raise Disconnected(cause="here")
        return None if listed.uid in self.gone else mail(subject=str(listed.uid))


class Reads:
    """Reads mails, some of them not before it may."""

    def __init__(self, *slow: str) -> None:
        self.slow = slow
        self.go_on = asyncio.Event()
        self.given_up: list[str] = []

    async def read(self, _: Listed, raw: bytes) -> Mail:
        found = parse(raw, settings=Settings())
        if found.subject in self.slow:
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.given_up.append(found.subject)
                raise
        return found


def listed(count: int) -> list[Listed]:
    return [Listed(uid=uid, size=1, arrived_at=0) for uid in range(1, count + 1)]


async def test_they_come_in_their_order() -> None:
    """The first takes longest, and is the first all the same; one that has gone is left out."""
    server, reads = Server(gone=frozenset({3})), Reads("1")
    found = []
    async with aclosing(read_ahead(listed(5), server.fetch, reads.read)) as coming:
        async for one in coming:
            reads.go_on.set()
            found.append((one.uid, (await one.mail).subject))
    assert [(1, "1"), (2, "2"), (4, "4"), (5, "5")] == found


async def test_no_more_are_fetched_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the first is being read, some are fetched behind it: by their number, and by their bytes."""
    monkeypatch.setattr(ahead, "_MOST", 4)
    server, reads = Server(), Reads("1")
    async with aclosing(read_ahead(listed(9), server.fetch, reads.read)) as coming:
        await anext(coming)
        assert [1, 2, 3, 4] == server.fetched
    monkeypatch.setattr(ahead, "_MOST_BYTES", 2 * len(mail(subject="1")))
    server = Server()
    async with aclosing(read_ahead(listed(9), server.fetch, reads.read)) as coming:
        await anext(coming)
        assert [1, 2, 3] == server.fetched


async def test_what_was_fetched_before_the_line_broke_is_handed_over() -> None:
    """Else a connection that breaks at the same mail each time would let none through."""
    server = Server(breaks=4)
    async with aclosing(read_ahead(listed(9), server.fetch, Reads().read)) as coming:
        assert ["1", "2", "3"] == [(await (await anext(coming)).mail).subject for _ in range(3)]
        with pytest.raises(Disconnected):
            await anext(coming)


async def test_nothing_goes_on_behind_a_mail_that_was_not_taken() -> None:
    """Whoever stops at the first leaves nothing that is still read."""
    reads = Reads("2", "3")
    async with aclosing(read_ahead(listed(3), Server().fetch, reads.read)) as coming:
        assert "1" == (await (await anext(coming)).mail).subject
    assert ["2", "3"] == reads.given_up
