"""Visitors' sessions, on both databases: what two requests learn at once is kept; what is over stays so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from supportbot.records import ChannelRecords
from supportbot_webhook.identity import Person
from supportbot_webhook.sessions import Sessions
from tests.durable import opened

if TYPE_CHECKING:
    from supportbot.host import Records


class Meeting:
    """Records of requests that all have read before the first of them writes."""

    def __init__(self, records: Records, *, of: int) -> None:
        self._records = records
        self._all = asyncio.Barrier(of)
        self.open = True
        """Whoever reads waits for the others."""

    async def get(self, key: str) -> Any | None:
        found = await self._records.get(key)
        if self.open:
            await self._all.wait()
            self.open = False
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


async def test_what_two_requests_learn_at_once_is_both_kept(database_url: str) -> None:
    """One brings an address, the other a name: neither undoes what the other stored."""
    async with opened(database_url) as store:
        records = ChannelRecords(store, "web")
        token, _ = await Sessions(records, days=1).open()
        racing = Sessions(Meeting(records, of=2), days=1)
        await asyncio.gather(racing.learn(token, reply_to="kim@example.com"), racing.learn(token, name="Kim"))
        session = await Sessions(records, days=1).find(token)
        assert session is not None
        assert ("kim@example.com", "Kim") == (session.reply_to, session.name)


async def test_what_was_ended_is_not_brought_back(database_url: str) -> None:
    """The visitor logs out while another request learns something: the token is dead, nothing is stored."""
    async with opened(database_url) as store:
        records = ChannelRecords(store, "web")
        token, _ = await Sessions(records, days=1).open()
        reading = Meeting(records, of=2)
        learning = asyncio.create_task(Sessions(reading, days=1).learn(token, reply_to="kim@example.com"))
        closed = asyncio.Event()

        async def close() -> None:
            await Sessions(records, days=1).close(token)
            closed.set()
            await reading.get("anything")  # lets the other go on

        await asyncio.gather(learning, close())
        assert closed.is_set()
        assert learning.result() is None
        assert None is await Sessions(records, days=1).find(token)


async def test_an_address_given_while_the_visitor_is_identified_is_kept(database_url: str) -> None:
    """The site says again who they are, at the moment at which they leave an address."""
    anna = Person(subject="anna", name="Anna")
    async with opened(database_url) as store:
        records = ChannelRecords(store, "web")
        sessions = Sessions(records, days=1)
        known = await sessions.identify(anna, "", lifetime=60_000)
        racing = Sessions(Meeting(records, of=2), days=1)
        await asyncio.gather(
            racing.identify(anna, known.token, lifetime=60_000),
            racing.learn(known.token, reply_to="anna@example.com"),
        )
        session = await sessions.find(known.token)
        assert session is not None
        assert "anna@example.com" == session.reply_to
