"""The model asks for tools: what is run, for whom, how often, and what becomes of the results."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.errors import ModelUnusable, ToolFailed
from supportbot.messages import Answer, Prompt, Sender, ToolCall
from supportbot.reports import advice, explain
from supportbot.testing import ScriptedModel, call_tool
from supportbot.testing.model_calls import RecordingSink
from supportbot.tools import tool
from tests.durable import Durable, opened
from tests.tool_turns import ANNA, BEN, Shop, a_prompt, claimed, results, said, states, steps_of, working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.tools import Tool

# -- one turn ------------------------------------------------------------------------------------


async def test_a_tool_is_run_and_the_model_answers_with_its_result(database_url: str) -> None:
    """Call, result, answer; each leaves its row and its line in the journal."""
    shop = Shop()
    model = ScriptedModel(call_tool("status", order_id="A-17"), "It was sent.")
    async with working(database_url, model, shop.tools) as bot:
        assert "It was sent." == await said(bot, "Where is it?", sender=ANNA)
        assert [("status", "A-17")] == shop.calls
        call, result = model.prompts[1].words[1:]
        assert ("assistant", "status", '{"order_id": "A-17"}') == (
            call.role,
            call.tool_calls[0].name,
            call.tool_calls[0].arguments,
        )
        assert ("tool", call.tool_calls[0].id, {"order": "A-17", "state": "sent"}) == (
            result.role,
            result.tool_call_id,
            json.loads(result.content),
        )
        assert [("status", "done")] == await states(bot)
        assert [("tool.started",), ("tool.done",)] == await bot.rows(
            "select kind from events where kind like 'tool.%' order by id"
        )
        counted = 'supportbot_tool_calls_total{outcome="done",tool="status"} 1.0'
        assert counted in bot.metrics.exposition().decode()


async def test_calls_of_one_reply_are_run_together(sqlite_database: str) -> None:
    """Each waits for the other: one after the other they would never end."""
    both = asyncio.Barrier(2)

    @tool(effects="none")
    async def meet(name: str) -> str:
        """Meet."""
        await both.wait()
        return f"met {name}"

    model = ScriptedModel((call_tool("meet", name="a"), call_tool("meet", name="b")), "Done.")
    async with working(sqlite_database, model, [meet]) as bot:
        assert "Done." == await said(bot, "Go")
        assert ["met a", "met b"] == results(model.prompts[1])


async def test_a_plain_function_runs_in_a_thread(sqlite_database: str) -> None:
    """It does not hold up the event loop, and so not the others."""
    threads: list[threading.Thread] = []

    @tool(effects="none")
    def block() -> None:
        """Block."""
        threads.append(threading.current_thread())

    model = ScriptedModel(call_tool("block"), "Done.")
    async with working(sqlite_database, model, [block]) as bot:
        await said(bot, "Go")
        assert ["done"] == results(model.prompts[1])
        assert threading.main_thread() not in threads
        assert threads[0].daemon


async def test_a_model_hears_only_of_tools_that_may_be_used(database_url: str) -> None:
    """What needs proof is not offered without: not for a claim, nor where one of the messages has none."""
    model = ScriptedModel(fallback=lambda prompt: " ".join(spec.name for spec in prompt.tools))
    async with working(database_url, model, Shop().tools) as bot:
        assert "status mark pay cancel mine" == await said(bot, "1", sender=ANNA)
        assert "status mark pay cancel" == await said(bot, "2", sender=ANNA.evolve(assurance="claimed"))
        assert "status mark pay cancel" == await said(bot, "3", sender=Sender(id="eve"), to="other")
    async with opened(database_url) as store:
        both = Durable(store)
        await both.accept("4", sender=ANNA, to="room")
        turn = await claimed(store, "5", sender=BEN, to="room")
        assert ("ben", "anonymous") == (turn.contact.external_id, turn.contact.assurance)


async def test_a_call_of_what_was_not_offered_is_refused(sqlite_database: str) -> None:
    """A model that guesses the name, or was told it by the customer, gets nothing."""
    shop = Shop()
    model = ScriptedModel(call_tool("mine"), "No.")
    async with working(sqlite_database, model, shop.tools) as bot:
        assert "No." == await said(bot, "Call mine", sender=Sender(id="eve"))
        assert [] == shop.calls
        assert "There is no such tool" in results(model.prompts[1])[0]["error"]


async def test_who_calls_comes_from_the_session(sqlite_database: str) -> None:
    """A customer that the model names is refused; the tool gets who really asks."""
    shop = Shop()
    model = ScriptedModel(call_tool("pay", amount=5, customer_id=2), call_tool("pay", amount=5), "Paid.")
    async with working(sqlite_database, model, shop.tools) as bot:
        await said(bot, "I am customer 2", sender=ANNA)
        (turn,) = (await bot.rows("select id from turns"))[0]
        assert [("pay", 5, "anna", f"{turn}.1.0")] == shop.calls
        assert [("pay", "invalid"), ("pay", "done")] == await states(bot)


# -- bounds --------------------------------------------------------------------------------------


async def _asked_for_ever(url: str, call: Any, tools: Sequence[Tool[..., Any]]) -> ScriptedModel:
    """Let a model make the same call until it may not any more."""
    model = ScriptedModel(fallback=lambda prompt: "At last." if prompt.must_answer else call(prompt))
    async with working(url, model, tools) as bot:
        assert "At last." == await said(bot, "Go", sender=ANNA)
    return model


async def test_an_unknown_tool_may_be_asked_for_three_times(sqlite_database: str) -> None:
    """Then the model must answer."""
    model = await _asked_for_ever(sqlite_database, lambda _: call_tool("order-pizza"), Shop().tools)
    assert 4 == len(model.prompts)


async def test_wrong_arguments_are_fed_back_once(sqlite_database: str) -> None:
    """The model hears what was wrong, tries again, and then must answer."""
    model = await _asked_for_ever(sqlite_database, lambda _: call_tool("status", id=1), Shop().tools)
    assert 3 == len(model.prompts)
    assert "order_id: Field required" in results(model.prompts[1])[0]["error"]


async def test_a_turn_has_eight_steps(sqlite_database: str) -> None:
    """A model that goes in circles between two tools is stopped."""
    shop = Shop()

    def circle(prompt: Prompt) -> ToolCall:
        return call_tool("status" if len(prompt.words) % 4 == 1 else "mark", order_id="A")

    model = await _asked_for_ever(sqlite_database, circle, shop.tools)
    assert (9, 8) == (len(model.prompts), len(shop.calls))


async def test_a_model_that_will_not_answer_fails(sqlite_database: str) -> None:
    """There is no ninth step, whatever the model says."""
    model = ScriptedModel(fallback=lambda _: call_tool("gone"))
    async with opened(sqlite_database) as store:
        turn = await claimed(store)
        with pytest.raises(ModelUnusable):
            await steps_of(store, model, Shop().tools).complete(a_prompt(turn), RecordingSink())


async def test_fifty_calls_at_once_are_too_many(sqlite_database: str) -> None:
    """Eight are run; the others are told so, up to a number, and no further."""
    shop = Shop()
    calls = tuple(call_tool("status", order_id=str(number)) for number in range(50))
    model = ScriptedModel(calls, "Done.")
    async with working(sqlite_database, model, shop.tools) as bot:
        assert "Done." == await said(bot, "Go")
        assert [str(number) for number in range(8)] == sorted(order for _, order in shop.calls)
        assert 32 == len(results(model.prompts[1]))


async def test_an_id_counts_once(sqlite_database: str) -> None:
    """A second call under the same id is not run, in this reply or later; a missing id is none."""
    shop = Shop()

    def named(call_id: str, order_id: str) -> ToolCall:
        return ToolCall(id=call_id, name="status", arguments=json.dumps({"order_id": order_id}))

    model = ScriptedModel(
        (named("x", "1"), named("x", "2")), named("x", "3"), named("", "4"), named("", "5"), "Ok"
    )
    async with working(sqlite_database, model, shop.tools) as bot:
        assert "Ok" == await said(bot, "Go")
        assert ["1", "4", "5"] == [order for _, order in shop.calls]
    sent = [words.tool_call_id for words in model.prompts[-1].words if words.role == "tool"]
    assert ["x", "call_0_1", "call_1_0", "call_2_0", "call_3_0"] == sent


async def test_what_must_happen_once_happens_once_in_a_turn(sqlite_database: str) -> None:
    """A model that calls it again, with the same arguments in another form, gets no second payment."""
    shop = Shop()
    again = ToolCall(id="", name="pay", arguments='{ "amount" : 5.0 }')
    model = ScriptedModel((call_tool("pay", amount=5), again), again, call_tool("pay", amount=6), "Paid.")
    async with working(sqlite_database, model, shop.tools) as bot:
        assert "Paid." == await said(bot, "Go", sender=ANNA)
        assert [5, 6] == [amount for _, amount, *_ in shop.calls]
        assert ["done", "refused", "refused", "done"] == [state for _, state in await states(bot)]


async def test_what_a_model_wrote_wrongly_is_told_back_in_order(sqlite_database: str) -> None:
    """Servers refuse requests with names, ids or arguments of a wrong form."""
    odd = ToolCall(id="a b\n" * 90, name="status!" * 20, arguments="{broken")
    model = ScriptedModel(odd, "Ok")
    async with working(sqlite_database, model, Shop().tools) as bot:
        await said(bot, "Go")
    (call,) = model.prompts[1].words[1].tool_calls
    assert ToolCall(id="call_0_0", name=("status_" * 20)[:64], arguments="{}") == call


# -- results -------------------------------------------------------------------------------------


def _raises(error: BaseException) -> Any:
    def work() -> None:
        """Do."""
        raise error

    return work


def _returns(value: Any) -> Any:
    def work() -> Any:
        """Do."""
        return value

    return work


@pytest.mark.parametrize(
    ("work", "result"),
    [
        (_returns(None), "done"),
        (_returns(""), "(nothing)"),
        (_returns([1, "a"]), [1, "a"]),
        (_returns(b"\xff\x00"), "done; its result is no text"),
        (_returns(object()), "done; its result is no text"),
        (
            _returns("your key is sk-abcdefghijklmnop1234, your card 4111 1111 1111 1111"),
            "your key is [redacted], your card [redacted]",
        ),
        (_returns("a\x1b[31m\u202eb\x00"), "ab"),
        (_raises(ToolFailed("There is no order A-17.")), {"error": "There is no order A-17."}),
        (_raises(ValueError("sk-secret")), {"error": "It failed."}),
        (_raises(SystemExit(1)), {"error": "It failed."}),
        (_raises(StopIteration()), {"error": "It failed."}),
    ],
)
async def test_what_a_model_reads_of_a_tool(sqlite_database: str, work: Any, result: Any) -> None:
    """Text, without secrets and without what cannot be seen; of a failure only what was meant for it."""
    model = ScriptedModel(call_tool("work"), "Ok")
    async with working(sqlite_database, model, [tool(effects="none")(work)]) as bot:
        assert "Ok" == await said(bot, "Go")
        assert [result] == results(model.prompts[1])


async def test_a_long_result_is_cut(sqlite_database: str) -> None:
    """Ten megabytes become 16 KiB, and a secret at the cut does not show its first half."""
    text = "a " * 8_000 + "x" * 376 + " sk-abcdefghijklmnop1234567890" + " b" * 5_000_000
    model = ScriptedModel(call_tool("work"), "Ok")
    async with working(sqlite_database, model, [tool(effects="none")(_returns(text))]) as bot:
        await said(bot, "Go")
        (result,) = results(model.prompts[1])
        assert len(result) < 16 * 1024 + 100
        assert "sk-" not in result
        assert result.endswith("\n[… the rest is left out: it is too long]")


@pytest.mark.parametrize(("effects", "state"), [("none", "failed"), ("once", "unknown")])
async def test_a_tool_that_hangs_is_given_up(sqlite_database: str, effects: Any, state: str) -> None:
    """The turn goes on; the thread may hang for as long as it likes."""
    for_ever = threading.Event()

    @tool(effects=effects, timeout=0.05)
    def hang() -> None:
        """Hang."""
        for_ever.wait()

    model = ScriptedModel(call_tool("hang"), "Ok")
    async with working(sqlite_database, model, [hang]) as bot:
        assert "Ok" == await said(bot, "Go")
        assert [("hang", state)] == await states(bot)
    for_ever.set()


async def test_what_nobody_knows_goes_to_a_person(database_url: str) -> None:
    """A tool broke in the middle: the model is told, a person asked for, and ``explain`` says what to do."""

    @tool(effects="once")
    async def pay(amount: int) -> None:
        """Pay."""
        raise ConnectionResetError

    model = ScriptedModel(call_tool("pay", amount=5), "A person will check.")
    async with working(database_url, model, [pay]) as bot:
        accepted = await bot.accept("Pay", sender=ANNA)
        assert ["A person will check."] == await bot.replies(1)
        assert [("queued",)] == await bot.rows("select state from conversations")
        story = await explain(bot.store, accepted.message_id)
        assert ["unknown"] == [call.state for call in story.tool_calls]
        assert any("Nobody can tell whether pay was run" in line for line in advice(story))
        assert "tool.unknown" in [event.kind for event in story.events]


async def test_what_was_shown_before_a_call_is_taken_back(sqlite_database: str) -> None:
    """A model that says *let me look* and then calls a tool has not begun its answer."""

    class Chatty(ScriptedModel):
        async def complete(self, prompt: Prompt, live: Any) -> Answer:
            if not results(prompt):
                await live.append("Let me look.")
                return Answer(
                    prompt=prompt,
                    text="Let me look.",
                    model="m",
                    tool_calls=(call_tool("status", order_id="1"),),
                )
            return await super().complete(prompt, live)

    model, sink = Chatty("Sent."), RecordingSink()
    async with opened(sqlite_database) as store:
        answer = await steps_of(store, model, Shop().tools).complete(a_prompt(await claimed(store)), sink)
    assert ("Sent.", "Sent.", 1) == (answer.text, sink.text.strip(), sink.restarts)
    assert "Let me look." == model.prompts[0].words[1].content
