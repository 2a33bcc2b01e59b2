"""What attempts to break the durable path begin with: a turn that a worker has claimed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from supportbot.ids import now_ms
from supportbot.messages import Answer, Prompt, Turn
from supportbot.turns import Rules, ledger
from tests.durable import Durable, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


RULES = Rules(owner="other", lease_ms=60_000, attempts=3, history=50)


def answer(turn: Turn, said: str) -> Answer:
    """Make what a model would."""
    return Answer(prompt=Prompt(turn=turn, words=()), text=said, model="test")


@asynccontextmanager
async def claimed(url: str) -> AsyncIterator[tuple[Durable, Turn]]:
    """A bot that does not work by itself, and a turn of it that a worker has claimed."""
    async with opened(url) as store:
        bot = Durable(store)
        accepted = await bot.accept("hello")
        turn = await store.write(lambda tx: ledger.claim(tx, accepted.conversation_id, now_ms(), RULES))
        assert isinstance(turn, Turn)
        yield bot, turn
