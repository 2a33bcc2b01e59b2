"""Attempts to break the durable path: crashes, cancellations and failures at the worst moment."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from supportbot.errors import Fenced
from supportbot.ids import now_ms
from supportbot.messages import Answer, Prompt
from supportbot.turns import Rules, ledger
from tests.durable import Durable, opened, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.messages import Turn

RULES = Rules(owner="other", lease_ms=60_000, attempts=3, history=50)

TURNS = "select state, attempt, reason from turns order by id"


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
        yield bot, turn


# -- a commit whose outcome its writer never heard ------------------------------------------------


async def test_an_answer_that_is_committed_twice_is_said_once(database_url: str) -> None:
    """A connection that breaks after COMMIT was sent makes the writer try again: it must find itself done."""
    async with claimed(database_url) as (bot, turn):
        await bot.outbox.commit(answer(turn, "re: hello"), patience=0)
        with pytest.raises(Fenced):
            await bot.outbox.commit(answer(turn, "re: hello"), patience=0)
        assert await bot.rows("select text from messages where author = 'bot'") == [("re: hello",)]


async def test_a_turn_whose_time_ran_out_while_its_answer_was_committed_is_answered(
    database_url: str,
) -> None:
    """The failure that is recorded afterwards changes nothing: neither the turn nor its conversation."""
    async with claimed(database_url) as (bot, turn):
        await bot.outbox.commit(answer(turn, "re: hello"), patience=0)
        late = {"reason": "it took too long", "now": now_ms(), "again_at": now_ms()}
        assert await bot.store.write(lambda tx: ledger.fail(tx, turn, **late)) is False
        assert await bot.rows(TURNS) == [("answered", 1, "")]
        assert await bot.rows("select due_at from conversations") == [(None,)]


async def test_an_answered_turn_is_not_buried_with_a_second_reply(database_url: str) -> None:
    """The last try's time-out strikes while the answer reaches the disk: nobody says sorry after it."""
    async with running(database_url) as bot:
        commit = bot.outbox.commit

        async def too_late(answer: Answer, *, patience: float) -> None:
            await commit(answer, patience=patience)
            raise TimeoutError

        bot.outbox.commit = too_late  # type: ignore[method-assign]
        bot.engine._rules = Rules(owner="me", lease_ms=60_000, attempts=1, history=50)
        await bot.accept("hello")
        await bot.until(lambda: bot.engine.running == 0)
        await bot.accept("bye", to="c2")
        await bot.until(lambda: bot.engine.running == 0)
        assert await bot.rows("select text from messages where author = 'bot' order by text") == [
            ("re: bye",),
            ("re: hello",),
        ]
        assert await bot.rows("select distinct state from turns") == [("answered",)]
