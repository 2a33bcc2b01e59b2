"""A shop with tools, and turns whose models ask for them; for the tests of the steps of a turn."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from supportbot.ids import now_ms
from supportbot.knowledge.phrases import Phrases
from supportbot.messages import Prompt, Sender, Words
from supportbot.metrics import Metrics
from supportbot.steps import Steps
from supportbot.testing import ScriptedModel
from supportbot.testing.model_calls import RecordingSink
from supportbot.tools import Caller, tool
from supportbot.turns import Rules, ledger
from tests.durable import Durable, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from supportbot.messages import Turn
    from supportbot.store import Store, Tx
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


async def died_in(store: Store, shop: Shop, *script: Any) -> Turn:
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
