"""Attempts to break the durable path: commits nobody heard of, starts that fail, the operator in between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.util import await_only

from supportbot import app
from supportbot.errors import CannotListen, DatabaseUnusable, Fenced
from supportbot.feed import StateChanged, Typing
from supportbot.ids import now_ms
from supportbot.messages import Answer, Contact, Turn
from supportbot.session import delete_conversation, replay_turn
from supportbot.store.postgres import PostgresStore
from supportbot.store.postgres_tx import PostgresTx
from supportbot.testing import FakeCore, RecordingChannel, ScriptedModel, started_bot
from supportbot.turns import Rules, ledger
from supportbot_terminal import TerminalChannel
from tests.attacks import RULES, answer, claimed
from tests.bot_folder import BotFolder
from tests.durable import Durable, inbound, opened, rows_of, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiohttp import web

    from supportbot.channel import Accept
    from supportbot.feed import Feed
    from supportbot.store import Statement, Tx

TURNS = "select state, attempt, reason from turns order by id"


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
