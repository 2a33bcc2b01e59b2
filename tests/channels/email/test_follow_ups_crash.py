"""The real program, killed while the mail to a visitor who left is on its way: they get it once."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

import aiohttp
import pytest
from sqlalchemy import create_engine, text

from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program
from tests.acceptance.disks import disk
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import needs_dovecot
from tests.channels.email.mailboxes import sending
from tests.channels.email.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot


def _states(url: str, channel: str = "support") -> list[str]:
    """Return how far the deliveries of a channel are."""
    engine = create_engine(url)
    try:
        with closing(engine.connect()) as connection:
            found = connection.execute(
                text("select state from deliveries where channel = :channel"), {"channel": channel}
            )
            return [str(row.state) for row in found]
    finally:
        engine.dispose()


async def _leave(url: str) -> None:
    """Ask something, leave an address, and go without having seen the answer."""
    async with aiohttp.ClientSession(f"{url}/channels/web/") as http:
        async with http.post("sessions", json={}) as response:
            token = (await response.json())["token"]
        headers = {"Authorization": f"Bearer {token}"}
        body = {"client_id": "c1", "text": "How long does a parcel take?"}
        async with http.post("conversation/messages", json=body, headers=headers) as response:
            assert 202 == response.status
        body = {"email": "anna@customer.test"}
        async with http.put("conversation/email", json=body, headers=headers) as response:
            assert {"continues_by_email": True} == await response.json()


MOMENTS = ["before the dot is answered", "before it is planned"]


@pytest.mark.parametrize("killed", MOMENTS)
async def test_killed_on_the_way(
    server: Dovecot, address: str, tmp_path: Path, database_url: str, killed: str
) -> None:
    """Between the final dot and its answer it is never sent again; before that, it is sent after a start."""
    await _killed(server, address, tmp_path / "bot", database_url, killed, after=lambda: None)


@pytest.mark.parametrize("killed", MOMENTS)
async def test_the_power_goes_on_the_way(server: Dovecot, address: str, tmp_path: Path, killed: str) -> None:
    """What was on the disk by then is enough: nothing is lost, and nothing is sent twice."""
    with disk(tmp_path / "power", megabytes=64) as mounted:
        database = f"sqlite:///{mounted.root}/bot.db"
        await _killed(server, address, tmp_path / "bot", database, killed, after=mounted.cut_power)


async def _killed(
    server: Dovecot, address: str, at: Path, database_url: str, killed: str, *, after: Callable[[], None]
) -> None:
    """Kill the bot on the way, do what comes after that, and let it go on: the visitor gets one mail."""
    async with Relay() as relay:
        support = sending(address, server.port, relay)
        folder = BotFolder(
            at,
            database=database_url,
            webhook={"follow_up": {"mailbox": "support", "after": 1.0}},
            channels={"support": support},
            deliveries={"attempts": 3, "timeout": 2},
        )
        async with program(folder) as bot:
            if killed == "before the dot is answered":
                relay.hold = asyncio.Event()
            await _leave(bot.url)
            if relay.hold is not None:
                await asyncio.wait_for(relay.has_dot.wait(), 30)
            else:
                await until(lambda: ["delivered"] == _states(database_url, "web"))
            await bot.kill()
            after()
            if relay.hold is not None:
                relay.hold.set()
                relay.hold = None
            await bot.start()
            ended = "unknown" if killed == "before the dot is answered" else "delivered"
            await until(lambda: [ended] == _states(database_url), 60)
            assert 0 == await bot.stop()
    assert ["anna@customer.test"] == [taken.recipient for taken in relay.mails]
