"""A bot whose visitors leave an address, and a mailbox that writes to them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from supportbot.channel import FollowUp
from supportbot.contacts import ChannelContacts
from supportbot.ids import now_ms
from supportbot.messages import Outbound, Sender
from supportbot.outbox import ledger, missed
from supportbot.presence import ChannelPresence
from supportbot.testing.fakes import RecordingChannel
from tests.durable import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from supportbot.store import Tx
    from tests.durable import Durable

ANNA = "anna@customer.test"

RULE = FollowUp(mailbox="support", after=1.0, link="https://shop.example/help")

PERSON: dict[str, Any] = {"author": "person", "sender": Sender(id="kim")}


class Mailbox(RecordingChannel):
    """Writes to whomever it is told to, but for its own address."""

    def first_address(self, email: str) -> Mapping[str, Any]:
        return {"to": email} if email != "support@shop.example" else {}


@asynccontextmanager
async def asked(url: str, *, after: float = 0.2, **options: Any) -> AsyncIterator[Durable]:
    """A bot that was asked something in the widget and answered; the visitor has seen the answer."""
    channels = {"web": RecordingChannel(), "support": Mailbox()}
    rules = {"web": RULE.model_copy(update={"after": after})}
    async with running(url, channels=channels, rules=rules, **options) as bot:
        await bot.accept("Is anybody there?")
        await bot.until(lambda: len(channels["web"].posts) == 1)
        await presence(bot).seen("c1", 2)
        yield bot


def presence(bot: Durable) -> ChannelPresence:
    return ChannelPresence(bot.store, "web", after=1.0)


async def leave_address(bot: Durable, email: str = ANNA, *, proven: bool = False) -> None:
    contacts = ChannelContacts(bot.store, "web", reaches=bot.follow_ups)
    assert await contacts.write_to("c1", email, proven=proven)


async def mails(bot: Durable, count: int = 1) -> list[Outbound]:
    await bot.until(lambda: len(bot.channels["support"].posts) >= count)
    return list(bot.channels["support"].posts)


async def settled(bot: Durable) -> None:
    """Wait until nothing is due any more."""
    await bot.until_rows("select count(*) from routes where due_at is not null", [(0,)])
    await bot.until_rows("select count(*) from deliveries where state in ('planned', 'sending')", [(0,)])


async def answer(bot: Durable, said: str, thread: str, **more: Any) -> None:
    """The owner of the address answers the mail."""
    sender = Sender(id=ANNA, email=ANNA, assurance="claimed")
    address = {"to": ANNA, "message_id": "<a@customer.test>"}
    more = {"sender": sender, "address": address} | more
    await bot.accept(said, to=thread, channel="support", **more)


LATER = now_ms() + 3_600_000
"""Nobody but the test looks for what is due then."""


async def planned(bot: Durable, *ids: str, tells: int) -> None:
    """Plan deliveries that tell of the same message, one after the other."""
    await leave_address(bot)
    [(conversation, thread)] = await bot.rows("select conversation_id, external_id from routes")
    [(message,)] = await bot.rows("select id from messages where seq = 2")
    what = missed.told([], [], proven=False, name="", link="") | {"withheld": [tells]}

    def unit(tx: Tx) -> None:
        for place, name in enumerate(ids):
            one = Outbound(
                delivery_id=name,
                conversation_id=conversation,
                message_id=message,
                turn_id="",
                tenant="default",
                channel="support",
                external_id=thread,
                address={"to": ANNA},
                text="",
                seq=2,
                created_at=LATER + place,
            )
            ledger.add_follow_up(tx, one, what)

    await bot.store.write(unit)
