"""The model asks for tools: what is run, for whom, how often, and what is left after a crash."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.errors import Fenced, ModelUnusable, ToolFailed
from supportbot.ids import now_ms
from supportbot.knowledge.phrases import Phrases
from supportbot.messages import Answer, Prompt, Sender, ToolCall, Words
from supportbot.metrics import Metrics
from supportbot.reports import advice, explain
from supportbot.steps import Steps
from supportbot.testing import ScriptedModel, call_tool, model_down
from supportbot.testing.model_calls import RecordingSink
from supportbot.tools import Caller, tool
from supportbot.turns import Rules, ledger
from tests.durable import Durable, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from supportbot.messages import Turn
    from supportbot.store import Store, Tx
    from supportbot.testing import Clock
    from supportbot.tools import Tool

RULES = Rules(owner="a process that dies", lease_ms=60_000, attempts=3, history=50)
ANNA = Sender(id="anna", assurance="verified")
BEN = Sender(id="ben", assurance="verified")
CONFIRM = "May I {action}? Say yes."


class Shop:
    """A shop's systems, and the tools that work on them."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        """What was run, in order."""
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def did(self, *what: Any) -> None:
        self.calls.append(what)
        self.begun.set()
        await self.go.wait()

    @property
    def tools(self) -> list[Tool[..., Any]]:
        @tool(effects="none")
        async def status(order_id: str) -> dict[str, str]:
            """Look up an order."""
            await self.did("status", order_id)
            return {"order": order_id, "state": "sent"}

        @tool(effects="idempotent")
        async def mark(order_id: str) -> None:
            """Mark an order."""
            await self.did("mark", order_id)

        @tool(effects="once")
        async def pay(caller: Caller, amount: int) -> str:
            """Pay money back."""
            await self.did("pay", amount, caller.contact.external_id, caller.key)
            return f"paid {amount}"

        @tool(effects="once", confirm="cancel {order_id}")
        async def cancel(order_id: str) -> str:
            """Cancel an order."""
            await self.did("cancel", order_id)
            return "cancelled"

        @tool(effects="none", requires="identified")
        async def mine(caller: Caller) -> str:
            """Look up all of the customer's orders."""
            await self.did("mine", caller.contact.external_id)
            return "A-17"

        return [status, mark, pay, cancel, mine]


class Worker:
    """Answers turns with a model that uses tools."""

    def __init__(self, bot: Durable, steps: Steps) -> None:
        self._bot = bot
        self._steps = steps

    async def answer(self, turn: Turn) -> None:
        answer = await self._steps.complete(a_prompt(turn), self._bot.outbox.live(turn))
        await self._bot.outbox.commit(answer, patience=5)

    def give_up(self, tx: Tx, turn: Turn) -> None:
        self._bot.outbox.say(tx, turn, "sorry")


def a_prompt(turn: Turn) -> Prompt:
    return Prompt(turn=turn, words=(Words(role="user", content=turn.question),))


def steps_of(
    store: Store, model: Any, tools: Sequence[Tool[..., Any]], metrics: Metrics | None = None
) -> Steps:
    return Steps(
        model,
        tools,
        store,
        agrees=Phrases.load().agrees,
        confirm_text=CONFIRM,
        confirm_within=900,
        patience=1,
        counts=metrics or Metrics(),
    )


@asynccontextmanager
async def working(url: str, model: ScriptedModel, tools: Sequence[Tool[..., Any]]) -> AsyncIterator[Durable]:
    """A bot at work on a database."""
    async with opened(url) as store, at_work(store, model, tools) as bot:
        yield bot


@asynccontextmanager
async def at_work(
    store: Store, model: ScriptedModel, tools: Sequence[Tool[..., Any]]
) -> AsyncIterator[Durable]:
    bot = Durable(store)
    bot.engine.use(Worker(bot, steps_of(store, model, tools, bot.metrics)))
    await bot.start()
    try:
        yield bot
    finally:
        await bot.stop()


async def claimed(store: Store, text: str = "Help", **more: Any) -> Turn:
    """Accept a message and claim its turn, as a process does that dies later."""
    accepted = await Durable(store).accept(text, **more)
    turn = await store.write(lambda tx: ledger.claim(tx, accepted.conversation_id, now_ms(), RULES))
    assert turn is not None
    return turn


async def said(bot: Durable, text: str, **more: Any) -> str:
    """Write to the bot; return what it answers."""
    number = len(bot.platform.posts) + 1
    await bot.accept(text, **more)
    return (await bot.replies(number))[-1]


def results(prompt: Prompt) -> list[Any]:
    """What a model read of its calls."""
    return [_plain(words.content) for words in prompt.words if words.role == "tool"]


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


async def states(bot: Durable) -> list[tuple[Any, ...]]:
    return await bot.rows("select tool, state from tool_calls order by turn_id, step, ordinal")


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


# -- crashes -------------------------------------------------------------------------------------


async def _died_in(store: Store, shop: Shop, *script: Any) -> Turn:
    """Begin a turn and die while a tool is being run: nothing is written after that."""
    shop.go.clear()
    turn = await claimed(store, sender=ANNA)
    steps = steps_of(store, ScriptedModel(*script), shop.tools)
    work = asyncio.create_task(steps.complete(a_prompt(turn), RecordingSink()))
    await asyncio.wait_for(shop.begun.wait(), 5)
    work.cancel()
    await asyncio.wait([work])
    shop.go.set()
    return turn


async def test_after_a_crash_what_must_happen_once_is_not_run_again(database_url: str) -> None:
    """The model is not asked again what it wanted; it hears that nobody knows, and a person is asked for."""
    shop = Shop()
    async with opened(database_url) as store:
        await _died_in(store, shop, call_tool("pay", amount=5))
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
        await _died_in(store, shop, (call_tool("mark", order_id="1"), call_tool("status", order_id="2")))
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


# -- asking the customer -------------------------------------------------------------------------

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
