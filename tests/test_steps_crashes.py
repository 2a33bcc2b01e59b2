"""The process dies while a tool is being run, or after: what is done again, and what never."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from supportbot.errors import Fenced
from supportbot.ids import now_ms
from supportbot.testing import ScriptedModel, call_tool, model_down
from supportbot.testing.model_calls import RecordingSink
from supportbot.turns import ledger
from tests.durable import Durable, opened
from tests.tool_turns import ANNA, RULES, Shop, a_prompt, at_work, claimed, died_in, results, states, steps_of

if TYPE_CHECKING:
    from supportbot.messages import Turn
    from supportbot.store import Tx


async def test_after_a_crash_what_must_happen_once_is_not_run_again(database_url: str) -> None:
    """The model is not asked again what it wanted; it hears that nobody knows, and a person is asked for."""
    shop = Shop()
    async with opened(database_url) as store:
        await died_in(store, shop, call_tool("pay", amount=5))
        model = ScriptedModel("A person will check.")
        async with at_work(store, model, shop.tools) as bot:
            assert ["A person will check."] == await bot.replies(1)
            assert 1 == len(shop.calls)
            assert 1 == len(model.prompts)
            assert "Nobody knows whether this was done" in results(model.prompts[0])[0]["error"]
            assert [("pay", "unknown")] == await states(bot)
            assert [("queued",)] == await bot.rows("select state from conversations")


async def test_after_a_crash_what_may_be_run_again_is(database_url: str) -> None:
    """Looking up, and what is the same however often it is done."""
    shop = Shop()
    async with opened(database_url) as store:
        await died_in(store, shop, (call_tool("mark", order_id="1"), call_tool("status", order_id="2")))
        model = ScriptedModel("Done.")
        async with at_work(store, model, shop.tools) as bot:
            assert ["Done."] == await bot.replies(1)
            assert [("mark", "1"), ("status", "2")] * 2 == shop.calls
            assert ["done", {"order": "2", "state": "sent"}] == results(model.prompts[0])
            assert [("mark", "done"), ("status", "done")] == await states(bot)


async def test_steps_that_had_ended_are_told_again_and_not_done_again(database_url: str) -> None:
    """The process dies between the tool's answer and the model's: the same words, no second payment."""
    shop = Shop()
    async with opened(database_url) as store:
        turn = await claimed(store, sender=ANNA)
        first = ScriptedModel(call_tool("pay", amount=5), call_tool("status", order_id="1"), model_down())
        with pytest.raises(Exception, match="connection refused"):
            await steps_of(store, first, shop.tools).complete(a_prompt(turn), RecordingSink())
        second = ScriptedModel("Paid, and sent.")
        async with at_work(store, second, shop.tools) as bot:
            assert ["Paid, and sent."] == await bot.replies(1)
        assert first.prompts[2].words == second.prompts[0].words
        assert ["pay", "status"] == [name for name, *_ in shop.calls]


async def test_who_was_overtaken_runs_nothing(database_url: str) -> None:
    """A model that answers after the lease is gone: its call is neither recorded nor run."""
    shop = Shop()
    async with opened(database_url) as store:
        sleeper = await claimed(store, sender=ANNA)
        await store.write(lambda tx: ledger.reclaim(tx, "another", now_ms()))
        await store.write(lambda tx: ledger.claim(tx, sleeper.conversation_id, now_ms(), RULES))
        steps = steps_of(store, ScriptedModel(call_tool("pay", amount=5)), shop.tools)
        with pytest.raises(Fenced):
            await steps.complete(a_prompt(sleeper), RecordingSink())
        assert [] == shop.calls
        assert [] == await Durable(store).rows("select tool from tool_calls")


async def test_a_late_outcome_is_still_recorded(database_url: str) -> None:
    """The tool ends after its turn was taken over: that it was done is known all the same."""
    shop = Shop()
    shop.go.clear()
    async with opened(database_url) as store:
        sleeper = await claimed(store, sender=ANNA)
        model = ScriptedModel(call_tool("pay", amount=5), "Late.")
        work = asyncio.create_task(
            steps_of(store, model, shop.tools).complete(a_prompt(sleeper), RecordingSink())
        )
        await shop.begun.wait()
        await store.write(lambda tx: ledger.reclaim(tx, "another", now_ms()))
        holder = await store.write(lambda tx: ledger.claim(tx, sleeper.conversation_id, now_ms(), RULES))
        answer = await steps_of(store, ScriptedModel("A person will check."), shop.tools).complete(
            a_prompt(holder), RecordingSink()
        )
        assert "outcome_unknown" == answer.handoff
        shop.go.set()
        await work
        assert [("pay", "done")] == await states(Durable(store))
        assert 1 == len(shop.calls)


async def test_a_turn_with_tool_calls_keeps_its_messages(database_url: str) -> None:
    """On the last try the oldest message is not taken alone: another turn would not know what was done."""
    shop = Shop()
    async with opened(database_url) as store:
        await Durable(store).accept("one", sender=ANNA)
        turn = await claimed(store, "two", sender=ANNA)
        with pytest.raises(Exception, match="connection refused"):
            await steps_of(
                store, ScriptedModel(call_tool("pay", amount=5), model_down()), shop.tools
            ).complete(a_prompt(turn), RecordingSink())
        for attempt in (2, 3):
            again = await store.write(partial(_failed_and_claimed, turn=turn))
            assert (attempt, ["one", "two"]) == (again.attempt, [m.text for m in again.messages])
            turn = again


def _failed_and_claimed(tx: Tx, turn: Turn) -> Turn:
    ledger.fail(tx, turn, reason="down", now=now_ms(), again_at=now_ms())
    again = ledger.claim(tx, turn.conversation_id, now_ms(), RULES)
    assert isinstance(again, type(turn))
    return again
