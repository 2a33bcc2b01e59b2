"""Conversations that were deleted after the team had been told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from supportbot.session import delete_conversation
from supportbot.store import Statement
from supportbot.tables import withdrawals as table
from supportbot.testing.fakes import RecordingChannel
from tests.handed_over import NOTICES, ask_for_a_person

if TYPE_CHECKING:
    from supportbot.messages import Outbound, Sent
    from tests.durable import Durable

LEFT = "select count(*) from withdrawals"
STANDS = "select state, reason from withdrawals"
DUE = Statement(update(table).values(due_at=0))
LONG_AGO = Statement(update(table).values(planned_at=1))


def with_team(**desks: Any) -> dict[str, Any]:
    """Return the customers' channel, and those that tell the team."""
    return {"web": RecordingChannel(), **desks}


async def told_and_deleted(bot: Durable) -> str:
    """Tell the team of a customer, and delete the conversation; returns the notice's id."""
    conversation = await ask_for_a_person(bot)
    await bot.until_rows(NOTICES, [("desk", "delivered")])
    [(delivery,)] = await bot.rows("select id from deliveries where kind = 'notice'")
    await delete_conversation(bot.store, conversation)
    return str(delivery)


async def now(bot: Durable, change: Statement = DUE) -> None:
    """Let what is to be withdrawn be due, whoever may still be sending."""
    await bot.store.write(lambda tx: tx.run(change))


class Failing:
    """A ``find`` that cannot look, as long as it has an error to raise."""

    def __init__(self, find: Any, error: Exception | None) -> None:
        self._find = find
        self.error = error

    async def __call__(self, outbound: Outbound) -> Sent | None:
        """Look, or fail."""
        if self.error is not None:
            raise self.error
        return await self._find(outbound)
