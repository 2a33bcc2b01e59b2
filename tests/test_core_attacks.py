"""Attempts to break the durable path: crashes, cancellations and failures at the worst moment."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.util import await_only

from supportbot import app, session
from supportbot import records as kept
from supportbot.errors import CannotListen, DatabaseUnusable, Fenced, ModelError, Refused, StoreUnavailable
from supportbot.feed import StateChanged, Typing
from supportbot.ids import now_ms
from supportbot.messages import Answer, Attachment, Contact, Prompt, Sender, Sent, Turn
from supportbot.outbox import ledger as outbox_ledger
from supportbot.records import ChannelRecords
from supportbot.session import ChannelTranscripts, delete_conversation, replay_turn
from supportbot.store import Statement, open_store, postgres
from supportbot.store.postgres import PostgresStore
from supportbot.store.postgres_pool import Pool
from supportbot.store.postgres_tx import PostgresTx
from supportbot.testing import FakeCore, RecordingChannel, ScriptedModel, started_bot
from supportbot.turns import Rules, ledger
from supportbot_terminal import TerminalChannel
from tests.bot_folder import BotFolder
from tests.durable import Durable, inbound, opened, rows_of, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiohttp import web

    from supportbot.channel import Accept
    from supportbot.feed import Feed
    from supportbot.messages import Outbound
    from supportbot.store import Store, Tx

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
        assert isinstance(turn, Turn)
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
        late: Any = {"reason": "it took too long", "now": now_ms(), "again_at": now_ms()}
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


# -- accepting ------------------------------------------------------------------------------------


async def test_a_key_that_comes_twice_in_one_message_does_not_swallow_it(database_url: str) -> None:
    """Two keys of one message may be equal, or become so when they are cleaned: it is not its own twin."""
    async with running(database_url) as bot:
        for number, keys in enumerate((("k", "k"), ("a\x00", "a\ud800"))):
            accepted = await bot.inbox.accept(inbound(f"hello {number}").evolve(keys=keys))
            assert (accepted.duplicate, accepted.state) == (False, "pending")
        assert await bot.replies(2) == ["re: hello 0", "re: hello 1"]


async def test_endless_names_are_stored_and_recognised(database_url: str) -> None:
    """A key, sender or conversation longer than an index can hold is a message like any other."""
    endless = "".join(f"{number:05d}" for number in range(5000))
    async with running(database_url) as bot:
        message = inbound("hello", to=f"c{endless}", key=f"k{endless}", sender=Sender(id=f"s{endless}"))
        accepted = await bot.inbox.accept(message)
        again = await bot.inbox.accept(message)
        other = await bot.inbox.accept(message.evolve(keys=(f"k{endless}!",)))
        assert (again.message_id, again.duplicate) == (accepted.message_id, True)
        assert (other.conversation_id, other.duplicate) == (accepted.conversation_id, False)
        transcripts = ChannelTranscripts(bot.store, "web")
        assert await transcripts.conversation_id(f"c{endless}") == accepted.conversation_id
        assert [begun.text for begun in await transcripts.begun_by(f"s{endless}")] == ["hello"]


async def test_what_no_database_can_hold_is_replaced_in_addresses_too(database_url: str) -> None:
    """An address and a content type come from strangers as well."""
    async with running(database_url) as bot:
        bad = "a\x00b\ud800c"
        message = inbound("hello").evolve(
            address={bad: [bad, {"deep": bad}], "ts": 1.5},
            attachments=(Attachment(name="x", content_type=bad, size=1),),
        )
        await bot.inbox.accept(message)
        await bot.replies(1)
        good = "a\ufffdb\ufffdc"
        assert bot.platform.posts[0].address == {good: [good, {"deep": good}], "ts": 1.5}


async def test_a_less_sure_sender_changes_nothing_about_a_surer_contact(database_url: str) -> None:
    """Whoever only claims to be somebody cannot put their own address under a verified name."""
    async with opened(database_url) as store:
        bot = Durable(store)
        verified = Sender(id="anna", name="Anna", email="anna@example.com", assurance="verified")
        await bot.accept("hi", sender=verified)
        await bot.accept("hi", sender=Sender(id="anna", name="Eve", email="eve@example.com"))
        assert await bot.rows("select name, email, assurance from contacts") == [
            ("Anna", "anna@example.com", "verified")
        ]


async def test_a_name_is_one_line_that_reads_as_it_is_written(database_url: str) -> None:
    """It stands beside words of others: no line of its own, nothing that turns what follows; joiners stay."""
    async with running(database_url) as bot:
        name = " Ada\n\x00\u202eLove\u2066lace\u200f\u2028\x85\tof \ud800 \u0645\u06cc\u200c\u062e "
        await bot.accept("hi", sender=Sender(id="ada", name=name))
        one_line = "Ada Lovelace of \ufffd \u0645\u06cc\u200c\u062e"
        assert [(one_line,)] == await bot.rows("select name from contacts")


async def test_a_name_that_no_database_can_hold_can_be_asked_for(database_url: str) -> None:
    """Keys that channels take from strangers are looked up like the message was stored, and break nothing."""
    async with running(database_url) as bot:
        bad = "a\x00b\ud800c"
        accepted = await bot.accept("hello", to=bad)
        assert await ChannelTranscripts(bot.store, "web").conversation_id(bad) == accepted.conversation_id
        records = ChannelRecords(bot.store, "web")
        assert await records.get(bad) is None
        assert await records.add(bad, {"text": bad}) is True
        assert await records.add(bad, 2) is False
        assert [value async for _, value in records.scan(bad)] == [{"text": "a\ufffdb\ufffdc"}]
        await records.put(bad, 3)
        assert await records.get(bad) == 3
        await records.delete(bad)
        assert await records.get(bad) is None


# -- answering ------------------------------------------------------------------------------------


async def test_a_model_s_unstorable_words_are_replaced(database_url: str) -> None:
    """An answer with a NUL or a lone surrogate is delivered without them; it does not die of them."""
    async with running(database_url) as bot:
        bot.worker.say = lambda _turn: "a\x00b\ud800c"
        await bot.accept("hello")
        assert await bot.replies(1) == ["a\ufffdb\ufffdc"]
        await bot.until_rows("select state, text from messages where seq = 2", [("said", "a\ufffdb\ufffdc")])


async def test_a_failure_s_unstorable_words_are_replaced(database_url: str) -> None:
    """What an endpoint or a platform says about a failure can be written down, so that the failure ends."""
    async with running(database_url) as bot:

        def fail(_turn: Turn) -> str:
            raise ModelError(model="m", cause="a\x00b\ud800c")

        async def refuse(_outbound: Outbound) -> Sent:
            raise Refused(cause="a\x00b\ud800c")

        bot.worker.say = fail
        bot.platform.send = refuse  # type: ignore[assignment, method-assign]
        await bot.accept("hello")
        await bot.until_rows("select state, reason from deliveries", [("dead", "a\ufffdb\ufffdc")])
        assert (await bot.rows("select state, attempt from turns")) == [("dead", 3)]


async def test_a_receipt_s_unstorable_words_are_replaced(database_url: str) -> None:
    """What a platform calls a post is written down, so that it is not posted again."""
    async with running(database_url) as bot:

        async def take(_outbound: Outbound) -> Sent:
            return Sent(external_id="a\x00b\ud800c")

        bot.platform.send = take  # type: ignore[assignment, method-assign]
        await bot.accept("hello")
        await bot.until_rows("select state, external_id from deliveries", [("delivered", "a\ufffdb\ufffdc")])


# -- the store ------------------------------------------------------------------------------------


async def test_a_callback_that_raises_starves_nobody(database_url: str) -> None:
    """What follows a commit in memory may fail: the commit stands, and its neighbours hear of theirs."""
    async with opened(database_url) as store:
        failures = failures_of_the_loop()
        told: list[str] = []

        def broken(tx: Tx) -> str:
            tx.after_commit(lambda: 1 // 0)  # type: ignore[arg-type]
            tx.after_commit(lambda: told.append("after the broken one"))
            return "stored"

        def sound(tx: Tx) -> str:
            tx.after_commit(lambda: told.append("the neighbour"))
            return "stored too"

        async with asyncio.timeout(5):
            both = await asyncio.gather(store.write(broken), store.write(sound))
        assert list(both) == ["stored", "stored too"]
        assert sorted(told) == ["after the broken one", "the neighbour"]
        assert [type(failure) for failure in failures] == [ZeroDivisionError]


async def test_a_closed_store_says_so(database_url: str) -> None:
    """Whoever reads or writes after the end is told, and does not wait for ever."""
    async with opened(database_url) as store:
        await store.read(lambda tx: None)
    async with asyncio.timeout(5):
        for call in (store.read, store.write):
            with pytest.raises(StoreUnavailable):
                await call(lambda tx: None)


async def test_a_closed_file_is_whole(sqlite_database: str, tmp_path: Path) -> None:
    """After a clean stop everything is in the one file, which may be copied."""
    async with opened(sqlite_database) as store:
        await Durable(store).accept("hello")
        await store.read(lambda tx: None)
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["bot.db"]


async def test_a_damaged_file_is_an_unavailable_store(sqlite_database: str, tmp_path: Path) -> None:
    """SQLite's CORRUPT and NOTADB are the store's failure, not the message's: the sender is to try later."""
    async with opened(sqlite_database) as store:
        await Durable(store).accept("hello")
    damaged = tmp_path / "bot.db"
    with damaged.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (damaged.stat().st_size - 4096))
    store = open_store(sqlite_database)
    with pytest.raises(StoreUnavailable):
        await Durable(store).accept("hello again")
    with pytest.raises(StoreUnavailable):
        await rows_of(store, "select * from messages")
    await store.close()


async def test_a_server_without_a_free_connection_is_an_unavailable_store(postgres_database: str) -> None:
    """When the pool is used up, the sender is told to try later."""
    async with opened(postgres_database) as store:
        pool = Pool(postgres_database, most=2, wait=0.01)
        store._pool = pool  # type: ignore[attr-defined]
        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(pool.lend())
            with pytest.raises(StoreUnavailable):
                await store.write(lambda tx: None)
            with pytest.raises(StoreUnavailable):
                await store.read(lambda tx: tx.rows(Statement(text("select 1"))))


async def test_a_read_only_server_is_an_unavailable_store(postgres_database: str) -> None:
    """A standby, or a server made read-only because its disk is full: the sender is told to try later."""
    async with opened(postgres_database) as store:
        bot = Durable(store)
        await bot.accept("hello")
        name = make_url(postgres_database).database
        read_only = Statement(text(f'alter database "{name}" set default_transaction_read_only = on'))
        await store.write(lambda tx: tx.run(read_only))
    store = open_store(postgres_database)
    with pytest.raises(StoreUnavailable):
        await Durable(store).accept("hello again")
    await store.close()


async def test_a_server_that_hangs_does_not_keep_the_bot_from_ending(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit whose server never answers is given up when the store is closed."""
    monkeypatch.setattr(postgres, "_FINISH", 0.05)
    async with opened(postgres_database) as store:
        begun = asyncio.Event()

        def hang(_tx: Tx) -> None:
            begun.set()
            await_only(asyncio.Event().wait())

        waiting = asyncio.ensure_future(store.write(hang))
        await begun.wait()
        async with asyncio.timeout(5):
            await store.close()
        with pytest.raises((asyncio.CancelledError, StoreUnavailable)):
            await waiting


def failures_of_the_loop() -> list[BaseException]:
    """Collect what goes wrong where nobody waits for it."""
    failures: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
    return failures


# -- the engine -----------------------------------------------------------------------------------


class Gate:
    """A store in front of another: holds writes back, or lets them fail, while a test says so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.open = asyncio.Event()
        self.open.set()
        self.waiting = 0
        self.down = False
        self.reads = 0

    async def write(self, unit: Any, *, patience: float = 0.0) -> Any:
        if self.down:
            raise StoreUnavailable(cause="disk full")
        self.waiting += 1
        await self.open.wait()
        self.waiting -= 1
        return await self._store.write(unit, patience=patience)

    async def read(self, unit: Any) -> Any:
        self.reads += 1
        return await self._store.read(unit)

    async def close(self) -> None:
        """The one behind it is closed by who opened it."""


@asynccontextmanager
async def gated(url: str) -> AsyncIterator[tuple[Durable, Gate]]:
    """A bot at work behind a gate."""
    async with opened(url) as store:
        gate = Gate(store)
        bot = Durable(gate)
        await bot.start()
        try:
            yield bot, gate
        finally:
            gate.open.set()
            gate.down = False
            await bot.stop()


async def test_a_person_who_speaks_while_a_failure_is_recorded_frees_the_place(sqlite_database: str) -> None:
    """An interruption at that moment leaves nothing behind that counts as a running turn."""
    async with gated(sqlite_database) as (bot, gate):

        def fail(_turn: Turn) -> str:
            gate.open.clear()
            raise RuntimeError

        bot.worker.say = fail
        await bot.accept("hello")
        await bot.until(lambda: gate.waiting == 1)
        bot.engine._stop_working_on(bot.worker.turns[0])
        await bot.until(lambda: bot.engine.running == 0)


async def test_a_cancellation_that_nobody_asked_for_is_a_failure(database_url: str) -> None:
    """What a worker waited for was cancelled by somebody else: the try counts, so that the tries end."""
    async with running(database_url) as bot:

        def cancelled(_turn: Turn) -> str:
            raise asyncio.CancelledError

        bot.worker.say = cancelled
        await bot.accept("hello")
        assert await bot.replies(1) == ["sorry"]
        assert await bot.rows("select state, attempt from turns") == [("dead", 3)]


async def test_a_turn_that_was_claimed_anew_can_still_be_interrupted(sqlite_database: str) -> None:
    """After a lease ran out under a stalled loop, the end of the old try does not hide the new one."""
    async with running(sqlite_database) as bot:
        ends: list[asyncio.CancelledError] = []

        async def never(_turn: Turn) -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                ends.append(error)
                raise
            return ""

        bot.worker.say = never
        await bot.accept("hello")
        await bot.until(lambda: len(bot.worker.turns) == 1)
        bot.engine._begin(bot.worker.turns[0].evolve(attempt=2))
        await bot.until(lambda: len(ends) == 1 and len(bot.worker.turns) == 2)
        bot.engine._stop_working_on(bot.worker.turns[1])
        await bot.until(lambda: len(ends) == 2)


async def test_no_more_turns_are_worked_on_than_allowed(sqlite_database: str) -> None:
    """Messages that are accepted in one commit do not all find the same free place."""
    async with opened(sqlite_database) as store:
        bot = Durable(store, concurrency=3)
        await bot.start()
        most = 0
        at_work = 0

        async def say(turn: Turn) -> str:
            nonlocal most, at_work
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0)
            at_work -= 1
            return turn.question

        bot.worker.say = say
        await asyncio.gather(*(bot.accept("hello", to=f"c{number}") for number in range(40)))
        assert len(await bot.replies(40)) == 40
        await bot.stop()
        assert most == 3


async def test_a_turn_whose_claim_is_committed_during_the_stop_is_given_back(sqlite_database: str) -> None:
    """The stop has begun and the claim is on its way to the disk: it is not worked on, nor counted."""
    async with opened(sqlite_database) as store:
        bot = Durable(store)
        await bot.start()
        slow, go = threading.Event(), threading.Event()

        def occupy(_tx: Tx) -> None:
            slow.set()
            go.wait(10)

        accepting = asyncio.ensure_future(bot.accept("hello"))
        await accepting
        await bot.replies(1)
        occupied = asyncio.ensure_future(store.write(occupy))
        await asyncio.to_thread(slow.wait, 10)
        accepting = asyncio.ensure_future(bot.accept("again"))
        engine_open = bot.engine._has_room
        bot.engine._has_room = lambda: True  # type: ignore[method-assign]  # the unit ran just before the stop
        await asyncio.sleep(0)
        await bot.engine.stop(0)
        go.set()
        await occupied
        await accepting
        bot.engine._has_room = engine_open  # type: ignore[method-assign]
        await bot.until_rows(
            "select state, attempt, reason from turns where state <> 'answered'",
            [("waiting", 0, "the bot was stopped")],
        )
        assert len(bot.worker.turns) == 1
        await bot.outbox.stop(0)


async def test_a_full_disk_is_not_asked_again_and_again(sqlite_database: str) -> None:
    """A backlog that cannot be claimed is looked at once a second, not as fast as the processor can."""
    async with opened(sqlite_database) as store:
        waiting = Durable(store)
        for number in range(5):
            await waiting.accept("hello", to=f"c{number}")
        gate = Gate(store)
        bot = Durable(gate, concurrency=3)
        await bot.start()
        gate.down = True
        await bot.until(lambda: gate.reads >= 2)
        reads = gate.reads
        for _ in range(50):
            await store.read(lambda tx: None)
        assert gate.reads <= reads + 2
        gate.down = False
        assert len(await bot.replies(5)) == 5
        await bot.stop()


@pytest.mark.parametrize("damage", ["attachments", "citations"])
async def test_what_cannot_be_read_holds_nobody_else_up(database_url: str, damage: str) -> None:
    """A row that this release cannot read keeps neither other turns nor other deliveries from their end, nor
    what comes after it in its conversation; it is put aside with the reason.
    """
    async with opened(database_url) as store:
        first = Durable(store, channels={})
        first.outbox.deliveries._begin = lambda work: work.close()  # type: ignore[method-assign]
        if damage == "citations":
            await first.start()
        for name in ("bad", "good"):
            await first.accept(name, to=name)
        if damage == "citations":
            await first.until_rows("select state from deliveries", [("sending",), ("sending",)])
            await first.stop()
        where = "turns" if damage == "attachments" else "deliveries"
        unreadable = '[{"from": "the future"}]'
        spoil = Statement(text(f"update messages set {damage} = '{unreadable}' where text like '%bad'"))
        await store.write(lambda tx: tx.run(spoil))
        bot = Durable(store)
        await bot.start()
        await bot.until_rows(f"select state from {where} where state = 'dead'", [("dead",)])
        [(reason,)] = await bot.rows(f"select reason from {where} where state = 'dead'")
        assert reason == "what is stored cannot be read: TypeError"
        await bot.accept("later", to="later")
        expected = {"re: good", "re: later"} | ({"sorry"} if where == "turns" else set())
        assert expected == set(await bot.replies(len(expected)))
        await bot.stop()


# -- the feed -------------------------------------------------------------------------------------


async def test_a_turn_that_ends_without_a_word_is_not_shown_as_being_written(sqlite_database: str) -> None:
    """Its conversation was deleted, or another process overtook it: nobody types there any more."""
    async with running(sqlite_database) as bot:
        go, begun = asyncio.Event(), asyncio.Event()

        async def say(turn: Turn) -> str:
            await bot.outbox.live(turn).append("Some words")
            begun.set()
            await go.wait()
            return "too late"

        bot.worker.say = say
        accepted = await bot.accept("hello")
        await begun.wait()
        await delete_conversation(bot.store, accepted.conversation_id)
        with bot.feed.listen(accepted.conversation_id) as events:
            go.set()
            await bot.until(lambda: bot.engine.running == 0)
            bot.feed.close()
            assert [event async for event in events][-1] == Typing(bot.worker.turns[0].id, on=False)
        assert shown_first(bot.feed, accepted.conversation_id) == []


async def test_the_last_words_of_an_interrupted_turn_are_not_shown(sqlite_database: str) -> None:
    """What a turn writes after its end, before its cancellation arrives, is nobody's answer."""
    async with running(sqlite_database) as bot:
        turn = Turn(
            id="turn_1",
            conversation_id="conv_1",
            tenant="default",
            channel="web",
            external_id="c1",
            address={},
            contact=Contact(id="contact_1", external_id="anna"),
            fence=1,
            attempt=1,
            messages=(),
        )
        bot.feed.publish("conv_1", Typing("turn_1"))
        live = bot.outbox.live(turn)
        await live.append("Some ")
        bot.feed.publish("conv_1", StateChanged("human"))
        await live.append("words")
        assert shown_first(bot.feed, "conv_1") == []
        bot.feed.publish("conv_1", Typing("turn_2"))
        await live.append(" more")
        bot.feed.publish("conv_1", Typing("turn_1", on=False))
        assert shown_first(bot.feed, "conv_1") == [Typing("turn_2")]


def shown_first(feed: Feed, conversation_id: str) -> list[Any]:
    """Return what a new listener is told at once."""
    with feed.listen(conversation_id) as events:
        return list(events._queue)


# -- deliveries -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1e9, float("inf")])
async def test_a_platform_cannot_ask_to_wait_for_ever(database_url: str, seconds: float) -> None:
    """However long a platform asks to wait: a delivery is looked at again before it is given up."""
    async with running(database_url) as bot:
        bot.platform.retry_after = seconds
        bot.platform.fates.append("busy")
        await bot.accept("hello")
        day = 24 * 3600 * 1000
        await bot.until_rows(
            f"select state, count(*) from deliveries where due_at <= created_at + {day} group by state",
            [("planned", 1)],
        )


# -- the operator's hand --------------------------------------------------------------------------


async def test_a_replay_that_meets_an_answer_is_not_forgotten(postgres_database: str) -> None:
    """An answer is committed between the two halves of a replay: the revived message is due all the same."""
    async with opened(postgres_database) as store:
        bot = Durable(store)
        accepted = await bot.accept("poison")

        def claim(tx: Tx) -> Any:
            return ledger.claim(tx, accepted.conversation_id, now_ms(), RULES)

        dead = await store.write(claim)
        await store.write(lambda tx: ledger.bury(tx, dead, reason="", now=now_ms()))
        await bot.accept("good")
        turn = await store.write(claim)
        committed = asyncio.Event()

        class Halfway(PostgresTx):
            """Lets the answer be committed when the replay has done everything but its own commit."""

            __slots__ = ()

            def send(self, statement: Statement, /, **params: Any) -> None:
                super().run(statement, **params)
                if params.keys() == {"conversation", "now"}:
                    committing.append(asyncio.ensure_future(commit()))
                    await_only(asyncio.wait(committing, timeout=0.3))

        committing: list[asyncio.Future[None]] = []

        async def commit() -> None:
            await bot.outbox.commit(answer(turn, "re: good"), patience=5)
            committed.set()

        class Interleaved(PostgresStore):
            async def write(self, unit: Any, *, patience: float = 0.0) -> Any:
                def halfway(tx: Any) -> Any:
                    tx.__class__ = Halfway
                    return unit(tx)

                return await super().write(halfway, patience=patience)

        replaying = Interleaved(postgres_database)
        await replay_turn(replaying, dead.id)
        await replaying.close()
        await committed.wait()
        assert await bot.rows("select due_at is not null, open_turn_id from conversations") == [(True, None)]
        assert await bot.rows("select text from messages where state = 'pending'") == [("poison",)]


# -- the tables -----------------------------------------------------------------------------------


async def test_keys_are_sorted_by_their_bytes_whatever_the_server_s_language(postgres_database: str) -> None:
    """A dictionary's order would put other keys between those of a prefix; the server here knows only C."""
    async with opened(postgres_database) as store:
        of_key = "from information_schema.columns where table_name = 'records' and column_name = 'key'"
        assert await rows_of(store, f"select collation_name {of_key}") == [("C",)]


@pytest.mark.parametrize(
    "statement",
    [session._DELETE, kept._PURGE, ledger._DUE, outbox_ledger._DUE],
    ids=["delete", "purge", "turns", "deliveries"],
)
async def test_no_statement_reads_a_whole_table(sqlite_database: str, statement: Statement) -> None:
    """However much is stored, what is looked for is found by an index, in its order."""
    async with opened(sqlite_database) as store:
        sql, _, _ = statement.for_sqlite()
        given = {f"p{number}": 0 for number in range(sql.count("?"))}
        for name in given:
            sql = sql.replace("?", f":{name}", 1)
        explain = Statement(text("explain query plan " + sql).bindparams(**given))
        plan = [row[-1] for row in await store.write(lambda tx: tx.rows(explain))]
        assert [step for step in plan if step.startswith(("SCAN", "USE TEMP"))] == []


async def test_what_expired_is_deleted_in_portions(database_url: str) -> None:
    """However much expires at once, nobody waits for all of it to be deleted."""
    async with opened(database_url) as store:
        records = ChannelRecords(store, "web")
        old = [{"channel": "web", "key": f"old {n}", "value": "1", "expires_at": 1} for n in range(1100)]
        await store.write(lambda tx: [tx.run(kept._PUT, **row) for row in old])
        await records.put("kept", 1)
        await records.put("valid", 1, expires_at=now_ms() + 60_000)
        assert await kept.purge_expired(store) == 1100
        assert await rows_of(store, "select key from records order by key") == [("kept",), ("valid",)]


# -- the start ------------------------------------------------------------------------------------


async def test_a_start_that_fails_tries_no_turn(tmp_path: Path) -> None:
    """A port that is taken, three restarts in a row: no turn was begun, so none has used up its tries."""

    class FailsOnceStarted(RecordingChannel):
        def app(self, accept: Accept) -> web.Application:
            async def start(_app: web.Application) -> AsyncIterator[None]:
                await accept(inbound("hello", channel="failing"))
                raise CannotListen(address="127.0.0.1:80", cause="Address already in use")
                yield

            app = super().app(accept)
            app.cleanup_ctx.append(start)
            return app

    with pytest.raises(CannotListen):
        async with started_bot(
            {}, tmp_path, model=ScriptedModel(), channels={"failing": (FailsOnceStarted, {})}
        ):
            pass
    [database] = await asyncio.to_thread(lambda: list(tmp_path.glob("*.db")))
    async with opened(f"sqlite:///{database}") as store:
        assert await rows_of(store, "select state, turn_id from messages") == [("pending", None)]


async def test_a_folder_that_cannot_be_made_is_a_database_that_cannot_be_used(tmp_path: Path) -> None:
    """The line that tells of it says what to check."""
    (tmp_path / "data").write_text("a file where the folder should be")
    loaded = BotFolder(tmp_path).load("database: sqlite:///data/bot.db")
    with pytest.raises(DatabaseUnusable, match="data"):
        async with app.running(loaded):
            pass


# -- the terminal ---------------------------------------------------------------------------------


async def test_a_terminal_that_listens_too_late_learns_the_end() -> None:
    """A person took the message over between its acceptance and the first look at the feed: nobody waits."""
    core = FakeCore("terminal")
    channel = TerminalChannel(TerminalChannel.Config(type="terminal"), core.host)
    accepted = await core.accept(inbound("hello", channel="terminal"))
    core.settle("c1", "handed_over", reason="a person replied")
    with core.host.feed.listen(accepted.conversation_id) as events:
        async with asyncio.timeout(5):
            lines = [line async for line in channel._lines("c1", accepted, events)]
    assert lines[1:] == [{"settled": "handed_over"}]
