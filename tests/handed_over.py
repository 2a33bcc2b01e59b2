"""A bot that hands customers over, and channels that tell the team of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from supportbot.messages import Sender, Sent
from supportbot.testing.fakes import RecordingChannel, TeamChannel

if TYPE_CHECKING:
    from supportbot.changes import Withdrawn
    from supportbot.messages import Outbound
    from tests.durable import Durable

ANNA = Sender(id="T1/U1", name="Anna", email="anna@example.com", assurance="claimed")
NOTICES = "select channel, state from deliveries where kind = 'notice' order by channel"
REPLIES = "select state from deliveries where kind = 'reply' order by seq"


class Desk(RecordingChannel):
    """A channel that tells the team, and can do no more about that."""

    def team_address(self) -> dict[str, Any] | None:
        """Return where."""
        return {"room": "team"}

    @property
    def told(self) -> list[Outbound]:
        """What the team was told."""
        return [post for post in self.posts if post.notice is not None]


class Board(TeamChannel):
    """A channel that can do all of it, and fail in any way."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: deque[Exception] = deque()
        """What the next updates and withdrawals end in."""
        self.meanwhile: Any = None
        """What happens first."""

    async def update(self, outbound: Outbound) -> Sent:
        """Fail, or do it."""
        await self._befall()
        return await super().update(outbound)

    async def withdraw(self, withdrawn: Withdrawn) -> None:
        """Fail, or do it."""
        await self._befall()
        await super().withdraw(withdrawn)

    async def _befall(self) -> None:
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.errors:
            raise self.errors.popleft()

    @property
    def shown(self) -> list[tuple[str, str, str]]:
        """What the post said, update by update."""
        changes = [post.notice.change for post in self.updates if post.notice is not None]
        return [(change.state, change.actor, change.name) for change in changes if change is not None]


def channels(*desks: str) -> dict[str, Any]:
    """Return the customers' channel, and some that tell the team."""
    return {"web": RecordingChannel(), **{name: Desk() for name in desks}}


async def ask_for_a_person(bot: Durable, text: str = "A person, please", **more: Any) -> str:
    """Let the bot hand a conversation over; returns its id."""
    bot.worker.handoff = "customer_asked"
    accepted = await bot.accept(text, **({"sender": ANNA, "address": {"to": "c1"}} | more))
    await bot.until(lambda: any(turn.messages[-1].id == accepted.message_id for turn in bot.worker.turns))
    return accepted.conversation_id
