"""The durable path without the web around it: a store, an inbox, a turn engine, an outbox, a platform."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import text

from supportbot import schema
from supportbot.feed import Feed
from supportbot.follow_ups import FollowUps
from supportbot.inbox import Inbox
from supportbot.leases import Leases
from supportbot.memory import Memories
from supportbot.messages import Answer, Choice, Citation, Inbound, Prompt, Sender
from supportbot.metrics import Metrics
from supportbot.outbox import Outbox
from supportbot.store import Statement, open_store
from supportbot.testing.fakes import RecordingChannel
from supportbot.turns import LocalEngine, Rules
from supportbot.turns.queue import QueueEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from supportbot.channel import FollowUp
    from supportbot.messages import Accepted, Turn
    from supportbot.prompt import Prompts
    from supportbot.store import Store, Tx
    from supportbot.vault import Vault


class Worker:
    """Answers a turn with ``say``; keeps what it was given."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.turns: list[Turn] = []
        self.say: Callable[[Turn], Any] = lambda turn: "re: " + turn.question.replace("\n", " + ")
        self.handoff = ""
        self.prompts: Prompts | None = None
        self.asked: list[Prompt] = []
        self.choices: tuple[Choice, ...] = ()
        self.model = "test"
        self.citations: tuple[Citation, ...] = ()

    async def answer(self, turn: Turn) -> None:
        self.turns.append(turn)
        said = self.say(turn)
        if asyncio.iscoroutine(said):
            said = await said
        prompt = self.prompts.render(turn) if self.prompts else Prompt(turn=turn, words=())
        self.asked.append(prompt)
        answer = Answer(
            prompt=prompt,
            text=said,
            model=self.model,
            citations=self.citations,
            handoff=self.handoff,
            choices=self.choices,
        )
        await self.outbox.commit(answer, patience=5)

    def give_up(self, tx: Tx, turn: Turn) -> None:
        self.outbox.say(tx, turn, "sorry")


class Durable:
    """All of it, wired."""

    def __init__(
        self,
        store: Store,
        *,
        debounce: float = 0.0,
        channels: dict[str, Any] | None = None,
        concurrency: int = 100,
        queue: str = "",
        works: bool = True,
        lease_ms: int = 60_000,
        attempts: int = 3,
        retry_delay: float = 0.01,
        delivery_timeout: float = 5.0,
        vault: Vault | None = None,
        rules: dict[str, FollowUp] | None = None,
    ) -> None:
        """Wire it; with ``queue``, the URL of a database, its engine shares the turns with others."""
        self.store = store
        self.feed = Feed()
        self.metrics = Metrics()
        self.platform = RecordingChannel()
        self.channels = channels or {"web": self.platform}
        self.follow_ups = FollowUps(store, rules or {}, counts=self.metrics)
        self.follow_ups.use(self.channels)
        owner = uuid4().hex
        alone = not queue
        make = QueueEngine if queue else LocalEngine
        self.engine: LocalEngine | QueueEngine = make(
            store,
            self.feed,
            Rules(owner=owner, lease_ms=lease_ms, attempts=attempts, history=50),
            counts=self.metrics,
            alone=alone,
            concurrency=concurrency,
            timeout=60,  # more than a test waits for anything on a busy machine
            retry_delay=retry_delay,
        )
        if isinstance(self.engine, QueueEngine):
            self.engine.join(queue, Leases(store, owner), works=works)
        self.memories = Memories(store, owner=owner, alone=alone, retry_delay=0.01)
        self.outbox = Outbox(
            store,
            self.feed,
            owner=owner,
            remember=self.memories.keep,
            enlist=self.engine.enlist,
            missed=self.follow_ups.said,
            counts=self.metrics,
            alone=alone,
            attempts=3,
            retry_delay=0.01,
            timeout=delivery_timeout,
            settle_delay=0.01,
        )
        self.worker = Worker(self.outbox)
        self.engine.use(self.worker)
        self.inbox = Inbox(
            store,
            self.feed,
            enlist=self.engine.enlist,
            interrupt=self.engine.interrupt,
            counts=self.metrics,
            missed=self.follow_ups.said,
            debounce=debounce,
            vault=vault,
            look_at=self.outbox.deliveries.look_at,
        )

    async def start(self) -> None:
        await self.outbox.start(self.channels)
        await self.engine.start()
        await self.memories.start()
        await self.follow_ups.start()

    async def stop(self) -> None:
        self.inbox.close()
        await self.follow_ups.stop()
        await self.memories.stop()
        await self.engine.stop(1)
        await self.outbox.stop(1)

    async def kill(self) -> None:
        """Let the engine's process die: nothing is written any more of what it is at."""
        engine = self.engine
        engine._open = False
        for running in engine._running.values():
            running.interrupt()
        for chore in engine._chores:
            chore.cancel()
        await self.until(lambda: not engine._running and not engine._chores)

    def interrupt(self, turn: Turn) -> None:
        """Stop the work on a turn, as when another process has it."""
        running = self.engine._at_work_on(turn)
        assert running is not None
        running.interrupt()

    async def accept(self, said: str, *, to: str = "c1", key: str | None = None, **more: Any) -> Accepted:
        return await self.inbox.accept(inbound(said, to=to, key=key, **more))

    async def until(self, condition: Callable[[], Any], *, seconds: float = 10) -> None:
        """Wait until something is true; fail loudly when it never is."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in many places
                await asyncio.sleep(0.002)

    async def until_rows(self, sql: str, expected: list[tuple[Any, ...]], *, seconds: float = 10) -> None:
        """Wait until a query gives what is expected."""
        found: list[tuple[Any, ...]] = []
        try:
            async with asyncio.timeout(seconds):
                while (found := await self.rows(sql)) != expected:  # noqa: ASYNC110 - likewise
                    await asyncio.sleep(0.002)
        except TimeoutError:
            raise AssertionError(f"{sql}\n  gives {found}\n  expected {expected}") from None

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return await rows_of(self.store, sql)

    async def replies(self, count: int) -> list[str]:
        """Wait for so many posts on the platform, return all of them."""
        await self.until(lambda: len(self.platform.posts) >= count)
        return self.platform.texts


def inbound(said: str, *, to: str = "c1", key: str | None = None, **more: Any) -> Inbound:
    """Make a message as a channel would."""
    more.setdefault("sender", Sender(id="anna"))
    return Inbound(
        channel=more.pop("channel", "web"), conversation=to, text=said, keys=(key or uuid4().hex,), **more
    )


async def rows_of(store: Store, sql: str) -> list[tuple[Any, ...]]:
    """Run a query as it is written."""
    statement = Statement(text(sql))
    return [tuple(row) for row in await store.read(lambda tx: tx.rows(statement))]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """Migrate and open a store."""
    await asyncio.to_thread(schema.prepare, url)
    store = open_store(url)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def running(url: str, **options: Any) -> AsyncIterator[Durable]:
    """A durable path at work on a database."""
    async with opened(url) as store:
        durable = Durable(store, **options)
        await durable.start()
        try:
            yield durable
        finally:
            await durable.stop()
