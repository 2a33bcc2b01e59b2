"""What every driver of the turn engine must do: order, exclusivity, tries, crashes, wake-ups.

The local driver on both databases, the queue's on PostgreSQL, there with two processes' parts.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from supportbot.errors import Fenced, StoreUnavailable
from supportbot.holding import is_over
from supportbot.ids import now_ms
from supportbot.store import Statement
from supportbot.turns import Rules, ledger
from supportbot.turns.suspects import IN_COMPANY
from tests.durable import Durable, opened
from tests.poisoned import POISON, Poisoned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from supportbot.messages import Turn
    from supportbot.store import Tx
    from supportbot.testing.clock import Clock

RULES = Rules(owner="other", lease_ms=60_000, attempts=3, history=50)

DRIVERS = ["local-sqlite", "local-postgresql", "queue"]


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The URL of a database, and the same again where the queue is used."""
    kind = request.param
    url = request.getfixturevalue("sqlite_database" if kind == "local-sqlite" else "postgres_database")
    return url, url if kind == "queue" else ""


@pytest.fixture
def queue(postgres_database: str) -> str:
    """The URL of a database with the queue."""
    return postgres_database


@asynccontextmanager
async def process(url: str, queue: str, *, start: bool = True, **options: Any) -> AsyncIterator[Durable]:
    """One process's part of a bot."""
    async with opened(url) as store:
        bot = Durable(store, queue=queue, **options)
        if start:
            await bot.start()
        try:
            yield bot
        finally:
            await bot.stop()


async def test_order_and_exclusivity(driver: tuple[str, str]) -> None:
    """Ten conversations, ten messages each: one turn at a time in each, in order, nothing twice."""
    async with process(*driver) as bot:
        at_work: set[str] = set()

        async def say(turn: Turn) -> str:
            assert turn.conversation_id not in at_work
            at_work.add(turn.conversation_id)
            await asyncio.sleep(0.001)
            at_work.remove(turn.conversation_id)
            return turn.question

        bot.worker.say = say
        for number in range(10):
            await asyncio.gather(*(bot.accept(str(number), to=f"c{c}") for c in range(10)))
        await bot.until_rows("select count(*) from messages where state = 'pending'", [(0,)])
        await bot.until_rows("select count(*) from deliveries where state <> 'delivered'", [(0,)])
        for c in range(10):
            said = [post.text for post in bot.platform.posts if post.external_id == f"c{c}"]
            assert [str(number) for number in range(10)] == "\n".join(said).split("\n")


async def test_a_failure_is_tried_again(driver: tuple[str, str]) -> None:
    """The second try succeeds, and it is counted as the second."""
    async with process(*driver) as bot:

        def say(turn: Turn) -> str:
            if turn.attempt == 1:
                raise ValueError
            return "at last"

        bot.worker.say = say
        await bot.accept("hello")
        assert ["at last"] == await bot.replies(1)
        assert [("answered", 2)] == await bot.rows("select state, attempt from turns")


@pytest.mark.parametrize("attempts", [1, 2, 3])
async def test_the_dead_do_not_hold_up_the_living(driver: tuple[str, str], attempts: int) -> None:
    """So many tries, then it is put aside with a word to the customer; what came with it is answered."""
    async with process(*driver, debounce=0.1, attempts=attempts) as bot:

        def say(turn: Turn) -> str:
            if "poison" in turn.question:
                raise ValueError
            return "re: " + turn.question

        bot.worker.say = say
        await bot.accept("poison")
        await bot.accept("good")
        assert ["sorry", "re: good"] == await bot.replies(2)
        assert [("dead", attempts), ("answered", 1)] == await bot.rows(
            "select state, attempt from turns order by id"
        )


async def test_a_backlog_is_worked_off_with_little_room(driver: tuple[str, str]) -> None:
    """Far more conversations are due than may be worked on at once."""
    async with process(*driver, concurrency=3) as bot:
        await asyncio.gather(*(bot.accept("hello", to=f"c{n}") for n in range(30)))
        assert 30 == len(await bot.replies(30))


async def test_what_came_before_anybody_worked_is_answered(driver: tuple[str, str]) -> None:
    """Messages that were accepted while no engine was running are answered by the next start."""
    url, queue = driver
    async with process(url, queue, start=False) as before:
        for number in range(5):
            await before.accept("hello", to=f"c{number}")
    async with process(url, queue) as bot:
        assert 5 == len(await bot.replies(5))


async def test_a_holder_slower_than_its_lease(
    driver: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process is frozen past its lease: another one answers, what the first one says then is dropped."""
    url, queue = driver
    async with process(url, queue, lease_ms=300) as frozen:
        awake, asleep = asyncio.Event(), asyncio.Event()
        outcome: list[str] = []

        async def sleep(turn: Turn) -> str:
            asleep.set()
            await awake.wait()
            return "late"

        frozen.worker.say = sleep
        commit = frozen.outbox.commit

        async def observed(*args: Any, **more: Any) -> None:
            try:
                await commit(*args, **more)
                outcome.append("committed")
            except Fenced:
                outcome.append("fenced")
                raise

        frozen.outbox.commit = observed  # type: ignore[method-assign]
        frozen.engine._renew = lambda _tx, _held, _until: []  # type: ignore[method-assign]
        monkeypatch.setattr("supportbot.turns.running.Running.hold", lambda *_: None)
        frozen.engine._has_room = lambda: bool(not asleep.is_set())  # type: ignore[method-assign]
        accepted = await frozen.accept("hello")
        await asleep.wait()
        frozen.engine._open = False  # it finds no more work, as if it stood still
        for chore in frozen.engine._chores:
            chore.cancel()
        async with process(url, queue) as other:
            assert ["re: hello"] == await other.replies(1)
            awake.set()
            await frozen.until(lambda: bool(outcome))
            assert ["fenced"] == outcome
            assert [("re: hello",)] == await other.rows("select text from messages where author = 'bot'")
            assert accepted.seq == 1


async def test_nobody_works_on_a_turn_past_its_lease(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process cannot reach the database: what it does for a turn has ended when another one begins."""
    async with process(queue, queue, lease_ms=1500) as cut_off:
        at_work, said = asyncio.Event(), []

        async def work(turn: Turn) -> str:
            at_work.set()
            try:
                await asyncio.Event().wait()
            finally:
                said.append("ended")
            return "never"

        async def fail(*_: Any, **__: Any) -> None:
            raise StoreUnavailable(cause="the network is gone")

        cut_off.worker.say = work
        await cut_off.accept("hello")
        await at_work.wait()
        monkeypatch.setattr(cut_off.store, "write", fail)
        monkeypatch.setattr(cut_off.store, "read", fail)
        cut_off.engine._open = False
        for chore in cut_off.engine._chores:
            chore.cancel()  # the queue's library has connections of its own, and would go on finding jobs
        async with process(queue, queue) as other:

            async def answer(turn: Turn) -> str:
                said.append("begun")
                return "here"

            other.worker.say = answer
            assert ["here"] == await other.replies(1)
        assert ["ended", "begun"] == said
        monkeypatch.undo()


async def test_who_works_can_see_that_the_lease_is_over(queue: str, clock: Clock) -> None:
    """In mid-step, when no timer can say so; what a turn has begun for later has no lease to keep to."""
    async with process(queue, queue, lease_ms=60_000) as bot:
        seen, ended = [], asyncio.Event()

        async def later() -> bool:
            await ended.wait()
            return is_over()

        async def work(turn: Turn) -> str:
            afterwards.append(asyncio.ensure_future(later()))
            seen.append(is_over())
            clock.advance(61)
            seen.append(is_over())
            return "late"

        afterwards: list[asyncio.Future[bool]] = []
        bot.worker.say = work
        await bot.accept("hello")
        await bot.until(lambda: afterwards and not bot.engine.running)
        ended.set()
        assert [False, True] == seen
        assert not await afterwards[0]


async def test_who_sees_that_the_lease_is_over_gives_the_turn_back(queue: str, clock: Clock) -> None:
    """Before any timer could: nobody died, no try is counted, and nobody waits for the lease to end."""
    async with process(queue, queue, lease_ms=60_000) as bot:
        tries = []

        async def work(turn: Turn) -> str:
            tries.append(turn.attempt)
            if len(tries) == 1:
                clock.advance(55)  # of a lease of 60 s so much is too late to begin anything
                assert is_over()
                raise Fenced(turn=turn.id)
            return "here"

        bot.worker.say = work
        await bot.accept("hello")
        assert ["here"] == await bot.replies(1)
        assert [("answered", 1, 0)] == await bot.rows("select state, attempt, deaths from turns")


async def test_a_turn_whose_lease_ended_is_given_back(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database was away for longer than a lease: nobody died, and no try is counted."""
    async with process(queue, queue, lease_ms=400) as bot:
        tries: list[int] = []
        ended = asyncio.Event()
        write = bot.store.write

        async def work(turn: Turn) -> str:
            tries.append(turn.attempt)
            if len(tries) == 1:
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.set()
            return "here"

        async def away(unit: Any, *, patience: float = 0.0, **more: Any) -> Any:
            if not ended.is_set():
                raise StoreUnavailable(cause="the network is gone")
            return await write(unit, patience=patience, **more)

        bot.worker.say = work
        await bot.accept("hello")
        await bot.until(lambda: tries)
        monkeypatch.setattr(bot.store, "write", away)
        assert ["here"] == await bot.replies(1)
        assert [1, 1] == tries
        assert [(1, 0)] == await bot.rows("select attempt, deaths from turns")


async def suspects(bot: Durable, names: Iterable[str]) -> list[str]:
    """Accept a message in each of these conversations, and let the processes of their turns die twice."""
    found = [(await bot.accept("hello", to=name)).conversation_id for name in names]
    for _ in range(2):
        for conversation in found:
            claimed = await bot.store.write(lambda tx, c=conversation: ledger.claim(tx, c, now_ms(), RULES))  # type: ignore[misc]
            assert claimed is not None
        await bot.store.write(lambda tx: ledger.reclaim(tx, "the next process", now_ms()))
    return found


async def test_a_suspect_waits_unclaimed_while_another_is_at_work(
    driver: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written for those that wait, however often somebody looks; others pass them."""
    for name in ("local._SWEEP", "suspects._LOOK", "queue._REAP", "queue._POLL"):
        monkeypatch.setattr(f"supportbot.turns.{name}", 0.01)
    monkeypatch.setattr("supportbot.turns.queue._OVERDUE", 0)
    url, queue = driver
    async with process(url, queue, start=False) as dying:
        found = await suspects(dying, "abcd")
    async with process(url, queue, start=False, concurrency=2) as bot:
        begun, go = asyncio.Event(), asyncio.Event()
        at_work: list[str] = []

        async def say(turn: Turn) -> str:
            if turn.suspect:
                at_work.append(turn.id)
                assert 1 == len(at_work)
                begun.set()
                await go.wait()
                at_work.remove(turn.id)
            return "re: " + turn.question

        bot.worker.say = say
        await bot.start()
        await begun.wait()
        before = await bot.rows("select kind, count(*) from events group by kind order by kind")
        for number in range(20):  # so often the others were passed
            await bot.accept(f"quick {number}", to="e")
            await bot.replies(number + 1)
        waiting = f"select kind, count(*) from events where conversation_id in {tuple(found)}"
        assert before == await bot.rows(f"{waiting} group by kind order by kind")
        go.set()
        await bot.replies(24)
        assert [("answered", 1, 2)] * 4 == await bot.rows(
            "select state, attempt, deaths from turns where deaths > 0"
        )


async def test_a_suspect_that_fails_is_tried_again_like_any_other(
    driver: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its failures count, and the last one puts it aside."""
    monkeypatch.setattr("supportbot.turns.suspects._LOOK", 0.01)
    url, queue = driver
    async with process(url, queue, start=False) as dying:
        await suspects(dying, "a")
    async with process(url, queue, start=False) as bot:

        def say(_turn: Turn) -> str:
            raise ValueError

        bot.worker.say = say
        await bot.start()
        assert ["sorry"] == await bot.replies(1)
        assert [("dead", 3, 2)] == await bot.rows("select state, attempt, deaths from turns")


async def test_the_neighbours_of_poison_do_not_wait_in_single_file(
    driver: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """31 suspects are begun in halves; the poison is put aside after 9 deaths at most, and it alone."""
    processes = Poisoned(*driver)
    await the_poison_is_found(processes, monkeypatch, together=8)
    assert IN_COMPANY + 3 <= processes.deaths <= IN_COMPANY + 4 + 3


async def the_poison_is_found(processes: Poisoned, monkeypatch: pytest.MonkeyPatch, *, together: int) -> None:
    """It is put aside, and its 30 neighbours are answered, none of them charged with a death.

    At least so many of them are at work in one process together while they are suspects.
    """
    for name in ("local._SWEEP", "suspects._LOOK", "queue._REAP", "queue._POLL"):
        monkeypatch.setattr(f"supportbot.turns.{name}", 0.05)
    monkeypatch.setattr("supportbot.turns.queue._OVERDUE", 0)
    found = await processes.run(30)
    assert together <= max(processes.together)
    neighbours = [row for row in found if row[0] != POISON]
    assert {("hello", "answered", 1)} == set(neighbours)
    assert 30 == len(neighbours)
    assert [(POISON, "dead", 3)] == [row for row in found if row[0] == POISON]


@pytest.mark.parametrize(
    "poison",
    [
        """update messages set attachments = '[{"nonsense": 1}]' where text = 'poison' returning id""",
        "update messages set assurance = 'perhaps' where text = 'poison' returning id",
    ],
)
async def test_what_cannot_be_read_becomes_a_dead_letter(driver: tuple[str, str], poison: str) -> None:
    """A claim that would fail for ever is a failed try, each time; then it is put aside with the reason."""
    url, queue = driver
    async with process(url, queue, start=False) as before:
        await before.accept("poison")
        await before.accept("good", to="c2")
        await before.store.write(lambda tx: tx.rows(Statement(text(poison))))
    async with process(url, queue) as bot:
        assert {"re: good", "sorry"} == set(await bot.replies(2))
        [dead] = await bot.rows("select state, attempt, reason from turns where state <> 'answered'")
        assert ("dead", 3) == dead[:2]
        assert dead[2].startswith("what is stored cannot be read: ")
        assert [("dead",)] == await bot.rows("select state from messages where text = 'poison'")


async def test_a_damaged_text_becomes_a_dead_letter(sqlite_database: str) -> None:
    """A row that SQLite itself does not hand out any more."""
    async with process(sqlite_database, "", start=False) as before:
        await before.accept("poison")
        await before.accept("good", to="c2")
        damage = Statement(text("update messages set text = cast(x'ff' as text) where text = 'poison'"))
        await before.store.write(lambda tx: tx.run(damage))
    async with process(sqlite_database, "") as bot:
        assert {"re: good", "sorry"} == set(await bot.replies(2))
        assert [("dead", 3, "it cannot be claimed: OperationalError")] == await bot.rows(
            "select state, attempt, reason from turns where state <> 'answered'"
        )


async def test_a_message_is_accepted_though_what_was_said_before_cannot_be_read(
    driver: tuple[str, str],
) -> None:
    """Its turn is claimed as it is accepted: that this fails is not the sender's fault."""
    async with process(*driver) as bot:
        await bot.accept("hello")
        assert ["re: hello"] == await bot.replies(1)
        poison = """update messages set citations = '[{"nonsense": 1}]' where author = 'bot' returning id"""
        await bot.store.write(lambda tx: tx.rows(Statement(text(poison))))
        assert "pending" == (await bot.accept("and now?")).state
        assert ["re: hello", "sorry"] == await bot.replies(2)
        assert [("answered", 1), ("dead", 3)] == await bot.rows(
            "select state, attempt from turns order by id"
        )


async def test_a_claim_that_always_fails_becomes_a_dead_letter(
    driver: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is that the database refuses, and where the customer cannot even be told."""
    url, queue = driver
    async with process(url, queue, start=False) as before:
        await before.accept("hello")
    monkeypatch.setattr("supportbot.turns.opening.KNOWN", Statement(text("select * from nowhere")))
    async with process(url, queue) as bot:

        def breaks(_tx: Tx, _turn: Turn) -> None:
            raise ValueError

        monkeypatch.setattr(bot.worker, "give_up", breaks)
        await bot.until_rows("select state, attempt from turns", [("dead", 3)])
        [(reason,)] = await bot.rows("select reason from turns")
        assert reason.startswith("it cannot be claimed: ")
        assert [(None,)] == await bot.rows("select due_at from conversations")


# -- the queue's alone -----------------------------------------------------------------------------


async def test_who_does_not_work_wakes_who_does(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process accepts that only takes messages in, another answers; nothing but a notice wakes it."""
    for name in ("_POLL", "_REAP"):
        monkeypatch.setattr(f"supportbot.turns.queue.{name}", 3600.0)
    monkeypatch.setattr("supportbot.turns.queue._STALLED", 7200.0)
    async with process(queue, queue) as worker, process(queue, queue, works=False) as web:
        await worker.until_rows("select count(*) from supportbot_queue.procrastinate_workers", [(1,)])
        await web.accept("warm up", to="c0")
        await worker.replies(1)
        await web.accept("hello")
        assert "re: hello" in await worker.replies(2)
        assert [] == web.worker.turns
        await worker.until_rows("select count(*) from supportbot_queue.procrastinate_jobs", [(0,)])


async def test_an_accept_that_fails_enqueues_nothing(queue: str) -> None:
    """Message and job are one transaction."""
    async with process(queue, queue, works=False) as web:
        enlist = web.inbox._enlist

        def breaks(*args: Any) -> None:
            enlist(*args)
            raise RuntimeError

        web.inbox._enlist = breaks
        with pytest.raises(RuntimeError):
            await web.accept("hello")
        assert [(0,)] == await web.rows("select count(*) from supportbot_queue.procrastinate_jobs")
        web.inbox._enlist = enlist
        accepted = await web.accept("hello")
        assert [(accepted.conversation_id, "todo")] == await web.rows(
            "select lock, status::text from supportbot_queue.procrastinate_jobs"
        )


async def test_jobs_of_a_worker_that_died_do_not_freeze_their_conversations(
    queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job left ``doing`` by a process that is gone is taken away, and the conversation goes on."""
    monkeypatch.setattr("supportbot.turns.queue._STALLED", 2.0)
    monkeypatch.setattr("supportbot.turns.queue._OVERDUE", 0)
    async with process(queue, queue, works=False) as web:
        await web.accept("hello")
        await web.rows(
            "with w as (insert into supportbot_queue.procrastinate_workers (last_heartbeat)"
            " values (now() - interval '1 hour') returning id)"
            " select id from w"
        )
        await web.rows(
            "update supportbot_queue.procrastinate_jobs set status = 'doing',"
            " worker_id = (select max(id) from supportbot_queue.procrastinate_workers) returning id"
        )
        async with process(queue, queue) as worker:
            assert ["re: hello"] == await worker.replies(1)


async def test_a_clean_stop_hands_the_turn_to_another_process(queue: str) -> None:
    """What one process gives back when it is stopped, another begins at once."""
    async with process(queue, queue) as other:
        await other.until_rows("select count(*) from supportbot_queue.procrastinate_workers", [(1,)])
        async with process(queue, queue) as stopping:
            begun = asyncio.Event()

            async def never(_turn: Turn) -> str:
                begun.set()
                await asyncio.Event().wait()
                return ""

            stopping.worker.say = never
            await stopping.accept("hello")
            await begun.wait()
            await stopping.engine.stop(0)
            assert ["re: hello"] == await other.replies(1)
        assert [1] == [turn.attempt for turn in other.worker.turns]


async def test_two_processes_share_the_work(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one has no room for, the other does, also if the one took it out of the queue."""
    monkeypatch.setattr("supportbot.turns.queue._HOLD", 0.1)
    monkeypatch.setattr("supportbot.turns.queue._POLL", 0.1)
    async with process(queue, queue, concurrency=2) as a, process(queue, queue, concurrency=2) as b:
        go = asyncio.Event()

        async def say(turn: Turn) -> str:
            await go.wait()
            return "re: " + turn.question

        a.worker.say = b.worker.say = say
        for number in range(4):
            await a.accept(str(number), to=f"c{number}")
        await a.until(lambda: len(a.worker.turns) + len(b.worker.turns) == 4)
        go.set()
        await a.until_rows("select count(*) from messages where state = 'answered'", [(4,)])
        assert 2 == len(a.worker.turns) == len(b.worker.turns)


async def test_poison_is_found_by_two_processes(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has suspects at work; the death of one is none of those that the other one has."""
    processes = Poisoned(queue, queue, processes=2)
    await the_poison_is_found(processes, monkeypatch, together=4)
    assert 2 * IN_COMPANY + 3 <= processes.deaths <= 2 * IN_COMPANY + 4 + 3
