"""What a platform gives back after it had taken it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from supportbot import reports
from supportbot.outbox.returns import ChannelReturns
from supportbot.testing.fakes import BlindChannel, RecordingChannel
from tests.durable import running

if TYPE_CHECKING:
    from supportbot.messages import Outbound, Sent

DELIVERIES = "select state, reason from deliveries order by seq"


async def test_a_delivery_that_comes_back_is_dead(database_url: str) -> None:
    """With its reason; once, in the channel's own list, in the story of its message and in the metrics."""
    async with running(database_url) as bot:
        accepted = await bot.accept("Hello?")
        await bot.until_rows(DELIVERIES, [("delivered", "")])
        [(delivery,)] = await bot.rows("select id from deliveries")
        returned = ChannelReturns(bot.store, "web", bot.metrics)
        assert not await ChannelReturns(bot.store, "other", bot.metrics)(delivery, reason="no")
        assert not await returned("dlv_none", reason="no")
        assert await returned(delivery, reason="bounced: 5.1.1\x00")
        assert not await returned(delivery, reason="again")
        assert [("dead", "bounced: 5.1.1\ufffd")] == await bot.rows(DELIVERIES)
        assert [("returned",)] == await bot.rows("select death from deliveries")
        story = await reports.explain(bot.store, accepted.message_id)
        assert 1 == [event.kind for event in story.events].count("delivery.returned")
        assert (
            b'supportbot_deliveries_total{channel="web",kind="reply",state="dead"} 1.0'
            in bot.metrics.exposition()
        )


async def test_an_unknown_one_that_comes_back_is_known(database_url: str) -> None:
    """Nobody knew what became of it; now it is clear that it did not arrive."""
    async with running(database_url, channels={"web": BlindChannel(["lost"])}) as bot:
        await bot.accept("Hello?")
        await bot.until_rows(DELIVERIES, [("unknown", "connection reset")])
        [(delivery,)] = await bot.rows("select id from deliveries")
        assert await ChannelReturns(bot.store, "web", bot.metrics)(delivery, reason="bounced")
        assert [("dead", "bounced")] == await bot.rows(DELIVERIES)


async def test_what_was_not_sent_cannot_come_back(database_url: str) -> None:
    """A reply that waits for its time stays planned."""
    async with running(database_url) as bot:
        bot.platform.retry_after = 1000
        bot.platform.fates.append("busy")
        await bot.accept("Hello?")
        await bot.until_rows(DELIVERIES, [("planned", "ratelimited")])
        [(delivery,)] = await bot.rows("select id from deliveries")
        assert not await ChannelReturns(bot.store, "web", bot.metrics)(delivery, reason="bounced")
        assert [("planned", "ratelimited")] == await bot.rows(DELIVERIES)


class _Slow(RecordingChannel):
    """Takes its time over the first post."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def send(self, outbound: Outbound) -> Sent:
        if not self.asked.is_set():
            self.asked.set()
            await self.go_on.wait()
        return await super().send(outbound)


async def test_one_that_comes_back_before_it_is_recorded(database_url: str) -> None:
    """The bounce is quicker than our own record of the sending: it stands, and the next reply goes out."""
    slow = _Slow()
    async with running(database_url, channels={"web": slow}) as bot:
        await bot.accept("Hello?")
        await slow.asked.wait()
        [(delivery,)] = await bot.rows("select id from deliveries")
        await bot.accept("And?")
        await bot.until_rows("select state from deliveries order by seq", [("sending",), ("planned",)])
        assert await ChannelReturns(bot.store, "web", bot.metrics)(delivery, reason="bounced")
        await bot.until_rows(DELIVERIES, [("dead", "bounced"), ("delivered", "")])
        slow.go_on.set()
        await bot.until(lambda: 2 == len(slow.posts))
    assert ["re: And?", "re: Hello?"] == slow.texts
