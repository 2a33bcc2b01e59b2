"""A tool that the customer must confirm: what is asked, what counts as a yes, what a crash leaves of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.knowledge.phrases import Phrases
from supportbot.testing import ScriptedModel, call_tool
from supportbot.testing.model_calls import RecordingSink
from supportbot.tools import tool
from tests.durable import opened
from tests.tool_turns import (
    ANNA,
    BEN,
    Shop,
    a_prompt,
    at_work,
    claimed,
    results,
    said,
    states,
    steps_of,
    working,
)

if TYPE_CHECKING:
    from supportbot.messages import Answer, Prompt, Turn
    from supportbot.store import Store
    from supportbot.testing import Clock

ASK = call_tool("cancel", order_id="A-17")
QUESTION = "May I cancel A-17? Say yes."


async def test_a_customer_confirms_and_it_is_done(database_url: str) -> None:
    """Nothing before the yes; after it exactly what was asked, once."""
    shop = Shop()
    model = ScriptedModel(ASK, "It is cancelled.", fallback=lambda _: "?")
    async with working(database_url, model, shop.tools) as bot:
        assert QUESTION == await said(bot, "Cancel A-17", sender=ANNA)
        assert [] == shop.calls
        assert "It is cancelled." == await said(bot, "Yes, please!", sender=ANNA)
        assert [("cancel", "A-17")] == shop.calls
        assert ["cancelled"] == results(model.prompts[1])
        assert "?" == await said(bot, "yes", sender=ANNA)
        assert [("cancel", "A-17")] == shop.calls
        assert [("cancel", "confirmed"), ("cancel", "done")] == await states(bot)


@pytest.mark.parametrize("hidden", ["A-1" + " x" * 60 + " and B-2", "A-1\u200b"])
async def test_what_cannot_be_shown_whole_is_not_asked(sqlite_database: str, hidden: str) -> None:
    """A yes is to what the customer read: the model is told to say it shorter."""
    shop = Shop()
    model = ScriptedModel(call_tool("cancel", order_id=hidden), fallback=lambda _: "Which one?")
    async with working(sqlite_database, model, shop.tools) as bot:
        assert "Which one?" == await said(bot, "Cancel it", sender=ANNA)
        assert [("cancel", "invalid")] == await states(bot)
        assert "make them shorter" in results(model.prompts[1])[0]["error"]


@pytest.mark.parametrize("words", ["no", "yes?", "yes but not that one", "yes\nno wait", "what?", "y"])
async def test_anything_else_calls_it_off(sqlite_database: str, words: str) -> None:
    """And a yes after that says yes to nothing."""
    shop = Shop()
    async with working(sqlite_database, ScriptedModel(ASK, fallback=lambda _: "Ok"), shop.tools) as bot:
        await said(bot, "Cancel A-17", sender=ANNA)
        assert "Ok" == await said(bot, words, sender=ANNA)
        assert "Ok" == await said(bot, "yes", sender=ANNA)
        assert [] == shop.calls
        assert [("cancel", "cancelled")] == await states(bot)


async def test_a_yes_elsewhere_or_by_somebody_else_is_none(database_url: str) -> None:
    """It counts in the conversation in which it was asked, by the one who was asked."""
    shop = Shop()
    async with working(database_url, ScriptedModel(ASK, fallback=lambda _: "Ok"), shop.tools) as bot:
        await said(bot, "Cancel A-17", sender=ANNA, to="c1")
        assert "Ok" == await said(bot, "yes", sender=ANNA, to="c2")
        assert [("cancel", "asked")] == await states(bot)
        assert "Ok" == await said(bot, "yes", sender=BEN, to="c1")
        assert [("cancel", "cancelled")] == await states(bot)
        assert "Ok" == await said(bot, "yes", sender=ANNA, to="c1")
        assert [] == shop.calls


async def test_a_yes_comes_too_late(sqlite_database: str, clock: Clock) -> None:
    """After a quarter of an hour nobody knows any more what they were asked."""
    shop = Shop()
    async with working(sqlite_database, ScriptedModel(ASK, fallback=lambda _: "Ok"), shop.tools) as bot:
        await said(bot, "Cancel A-17", sender=ANNA)
        clock.advance(901)
        assert "Ok" == await said(bot, "yes", sender=ANNA)
        assert ([], [("cancel", "expired")]) == (shop.calls, await states(bot))


async def test_a_yes_from_before_the_question_is_none(sqlite_database: str) -> None:
    """It was written while the bot was still thinking, to something else."""
    shop = Shop()
    thinking, think = asyncio.Event(), asyncio.Event()

    class Slow(ScriptedModel):
        async def complete(self, prompt: Prompt, live: Any) -> Answer:
            thinking.set()
            await think.wait()
            return await super().complete(prompt, live)

    async with working(sqlite_database, Slow(ASK, fallback=lambda _: "Ok"), shop.tools) as bot:
        await bot.accept("Cancel A-17", sender=ANNA)
        await thinking.wait()
        await bot.accept("yes", sender=ANNA)
        think.set()
        assert [QUESTION, "Ok"] == await bot.replies(2)
        assert [] == shop.calls


async def test_a_crash_after_the_yes(database_url: str) -> None:
    """The confirmed call is the turn's first step: whoever takes that up does not do it again."""
    shop = Shop()
    async with opened(database_url) as store:
        async with at_work(store, ScriptedModel(ASK), shop.tools) as bot:
            await said(bot, "Cancel A-17", sender=ANNA)
        turn = await _died_in_yes(store, shop)
        model = ScriptedModel("A person will check.")
        async with at_work(store, model, shop.tools) as bot:
            assert ["A person will check."] == await bot.replies(1)
            assert 1 == len(shop.calls)
            rows = f"select tool, state from tool_calls where turn_id = '{turn.id}'"
            assert [("cancel", "unknown")] == await bot.rows(rows)


async def _died_in_yes(store: Store, shop: Shop) -> Turn:
    shop.go.clear()
    turn = await claimed(store, "yes", sender=ANNA)
    work = asyncio.create_task(
        steps_of(store, ScriptedModel(), shop.tools).complete(a_prompt(turn), RecordingSink())
    )
    await asyncio.wait_for(shop.begun.wait(), 5)
    work.cancel()
    await asyncio.wait([work])
    shop.go.set()
    return turn


async def test_a_crash_before_the_question_was_said(database_url: str) -> None:
    """The next try asks the same, without asking the model."""
    shop = Shop()
    async with opened(database_url) as store:
        turn = await claimed(store, "Cancel A-17", sender=ANNA)
        answer = await steps_of(store, ScriptedModel(ASK), shop.tools).complete(
            a_prompt(turn), RecordingSink()
        )
        assert QUESTION == answer.text
        model = ScriptedModel("Cancelled.")
        async with at_work(store, model, shop.tools) as bot:
            assert [QUESTION] == await bot.replies(1)
            assert [] == model.prompts
            assert "Cancelled." == await said(bot, "ja", sender=ANNA)
            assert [("cancel", "A-17")] == shop.calls


async def test_one_question_at_a_time(sqlite_database: str) -> None:
    """A yes must be a yes to one thing; what needs no question is done meanwhile."""
    shop = Shop()
    calls = (call_tool("status", order_id="1"), ASK, call_tool("cancel", order_id="B-2"))
    async with working(sqlite_database, ScriptedModel(calls, "Done."), shop.tools) as bot:
        assert QUESTION == await said(bot, "Cancel both", sender=ANNA)
        assert [("status", "done"), ("cancel", "asked"), ("cancel", "refused")] == await states(bot)
        await said(bot, "yes", sender=ANNA)
        assert [("status", "1"), ("cancel", "A-17")] == shop.calls


async def test_a_yes_is_to_what_was_read(sqlite_database: str) -> None:
    """When the words of the question have changed since, the customer is asked anew."""
    shop = Shop()
    async with opened(sqlite_database) as store:
        async with at_work(store, ScriptedModel(ASK), shop.tools) as bot:
            await said(bot, "Cancel A-17", sender=ANNA)
        other = [tool(effects="once", confirm="destroy {order_id}", name="cancel")(shop.tools[3].function)]
        async with at_work(store, ScriptedModel("Ok"), other) as bot:
            assert "Ok" == await said(bot, "yes", sender=ANNA)
            assert ([], [("cancel", "cancelled")]) == (shop.calls, await states(bot))


@pytest.mark.parametrize(
    "words", ["yes", "YES!", "Ja, bitte", "oui", "sí, por favor", "ok yes", "I confirm", "sim"]
)
def test_words_that_say_yes(words: str) -> None:
    """In the languages of the list, and with nothing else in them."""
    assert Phrases.load().agrees(words)


@pytest.mark.parametrize(
    "words",
    ["", "no", "yes no", "not yes", "yes?", "ok", "please", "yes, cancel B-2 too", "don't", "ja nein"],
)
def test_words_that_do_not(words: str) -> None:
    """Whatever holds more than a yes."""
    assert not Phrases.load().agrees(words)
