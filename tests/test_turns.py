"""Who answers which conversation when: order, exclusivity, tries, the dead, what a crash leaves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.errors import Fenced
from supportbot.feed import Settled
from supportbot.ids import now_ms
from supportbot.messages import Answer, Prompt, Sender
from supportbot.session import replay_turn
from supportbot.turns import Rules, ledger
from tests.durable import Durable, opened, running

if TYPE_CHECKING:
    from supportbot.messages import Turn
    from supportbot.store import Tx

RULES = Rules(owner="other", lease_ms=60_000, attempts=3, history=50)


async def test_one_turn_at_a_time_in_order(database_url: str) -> None:
    """While a turn is worked on nothing else of its conversation is; what came meanwhile is the next turn."""
    async with running(database_url) as bot:
        at_work = 0
        most = 0

        async def slowly(turn: Turn) -> str:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0)
            at_work -= 1
            return f"re: {turn.question}"

        bot.worker.say = slowly
        for number in range(20):
            await bot.accept(str(number))
        await bot.until_rows("select count(*) from messages where state = 'pending'", [(0,)])
        await bot.until_rows("select count(*) from deliveries where state <> 'delivered'", [(0,)])
        said = "\n".join(text.removeprefix("re: ") for text in bot.platform.texts).split("\n")
        assert said == [str(number) for number in range(20)]
        assert most == 1


async def test_conversations_do_not_wait_for_each_other(database_url: str) -> None:
    """A turn that hangs holds up only its own conversation."""
    async with running(database_url) as bot:
        stuck = asyncio.Event()

        async def say(turn: Turn) -> str:
            if turn.question == "hang":
                await stuck.wait()
            return "re: " + turn.question

        bot.worker.say = say
        await bot.accept("hang", to="slow")
        await bot.accept("quick", to="fast")
        assert await bot.replies(1) == ["re: quick"]
        stuck.set()
        assert sorted(await bot.replies(2)) == ["re: hang", "re: quick"]


async def test_history_holds_everything_said_before_and_nothing_of_others(database_url: str) -> None:
    """The prompt sees every earlier message of this conversation, in order, and no other conversation's."""
    async with running(database_url) as bot:
        await bot.accept("secret", to="other")
        for number in range(3):
            await bot.accept(f"q{number}")
            await bot.replies(number + 2)
        last = bot.worker.turns[-1]
        assert [m.text for m in last.history] == ["q0", "re: q0", "q1", "re: q1"]
        assert [m.text for m in last.messages] == ["q2"]


async def test_a_message_that_came_during_a_turn_sees_that_turn_s_reply(database_url: str) -> None:
    """The reply to the first message is history for the second, though it was numbered after it."""
    async with running(database_url) as bot:
        go, begun = asyncio.Event(), asyncio.Event()

        async def say(turn: Turn) -> str:
            begun.set()
            await go.wait()
            return "re: " + turn.question

        bot.worker.say = say
        await bot.accept("first")
        await begun.wait()
        await bot.accept("second")
        go.set()
        await bot.replies(2)
        assert [m.text for m in bot.worker.turns[1].history] == ["first", "re: first"]


async def test_poison_dies_alone(database_url: str) -> None:
    """A message that kills its turn is dead after three tries; the one behind it is answered."""
    async with running(database_url, debounce=0.5) as bot:

        def say(turn: Turn) -> str:
            if "poison" in turn.question:
                raise ValueError("the words of a customer must not get into the reason")
            return "re: " + turn.question

        bot.worker.say = say
        with bot.feed.listen((await bot.accept("poison")).conversation_id) as events:
            await bot.accept("good")
            assert await bot.replies(2) == ["sorry", "re: good"]
            settled = [event async for event in _until_settled(events)]
        assert [len(turn.messages) for turn in bot.worker.turns] == [2, 2, 1, 1]
        assert await bot.rows(
            "select text, state, reason from messages where author = 'customer' order by seq"
        ) == [
            ("poison", "dead", "ValueError"),
            ("good", "answered", ""),
        ]
        assert await bot.rows("select state, attempt, reason from turns order by id") == [
            ("dead", 3, "ValueError"),
            ("answered", 1, ""),
        ]
        assert [event.state for event in settled] == ["dead"]


async def _until_settled(events: Any) -> Any:
    async for event in events:
        if isinstance(event, Settled):
            yield event
            return


async def test_a_message_whose_turn_always_kills_the_process_is_buried(database_url: str) -> None:
    """Five claims without an outcome, as after five crashes: the next start puts the message aside."""
    async with opened(database_url) as store:
        first = Durable(store)
        accepted = await first.accept("crash")  # nobody works yet: the engine was not started
        for attempt, suspect in ((1, False), (1, False), (1, True), (2, True), (3, True)):
            claimed = await store.write(
                lambda tx: ledger.claim(tx, accepted.conversation_id, now_ms(), RULES)
            )
            assert (attempt, suspect) == (claimed.attempt, claimed.suspect)
            await store.write(lambda tx: ledger.reclaim(tx, "the next process", now_ms()))
        bot = Durable(store)
        await bot.start()
        assert await bot.replies(1) == ["sorry"]
        assert bot.worker.turns == []
        assert await bot.rows("select state, reason from turns") == [
            ("dead", "the process died on every try")
        ]
        await bot.stop()


async def test_what_a_crash_left_is_answered_by_the_next_start(database_url: str) -> None:
    """A turn claimed by a process that is no more is begun again at once; the death is no try of its own."""
    async with opened(database_url) as store:
        accepted = await Durable(store).accept("hello")
        await store.write(lambda tx: ledger.claim(tx, accepted.conversation_id, now_ms(), RULES))
        bot = Durable(store)
        await bot.start()
        assert await bot.replies(1) == ["re: hello"]
        assert bot.worker.turns[0].attempt == 1
        await bot.stop()


async def test_an_overtaken_holder_changes_nothing(database_url: str) -> None:
    """Whoever slept past the lease is fenced off: its answer is not stored, its failure not counted."""
    async with opened(database_url) as store:
        bot = Durable(store)
        accepted = await bot.accept("hello")
        sleeper = await store.write(lambda tx: ledger.claim(tx, accepted.conversation_id, now_ms(), RULES))
        await store.write(lambda tx: ledger.reclaim(tx, "me", now_ms()))
        holder = await store.write(lambda tx: ledger.claim(tx, accepted.conversation_id, now_ms(), RULES))
        assert holder.fence == sleeper.fence + 1
        with pytest.raises(Fenced):
            await bot.outbox.commit(
                Answer(prompt=Prompt(turn=sleeper, words=()), text="late", model="m"), patience=1
            )
        late = {"reason": "late", "now": now_ms(), "again_at": now_ms()}
        assert await store.write(lambda tx: ledger.fail(tx, sleeper, **late)) is False
        assert await store.write(lambda tx: ledger.renew(tx, sleeper, now_ms())) is False
        with pytest.raises(Fenced):
            await store.write(lambda tx: ledger.bury(tx, sleeper, reason="late", now=now_ms()))
        await bot.outbox.commit(
            Answer(prompt=Prompt(turn=holder, words=()), text="right", model="m"), patience=1
        )
        assert await bot.rows("select text from messages where author = 'bot'") == [("right",)]


async def test_a_held_turn_cannot_be_claimed_until_its_lease_ends(database_url: str) -> None:
    """A claim excludes every other until its time is up, then the next one gets it."""
    async with opened(database_url) as store:
        accepted = await Durable(store).accept("hello")
        now = now_ms()

        def claim_at(time: int) -> Any:
            return store.write(lambda tx: ledger.claim(tx, accepted.conversation_id, time, RULES))

        first = await claim_at(now)
        assert await claim_at(now + RULES.lease_ms - 1) is None
        assert (await claim_at(now + RULES.lease_ms)).fence == first.fence + 1


async def test_a_clean_stop_gives_the_turn_back_uncounted(database_url: str) -> None:
    """What was being worked on when the bot stopped is begun anew, and the try is not held against it."""
    async with opened(database_url) as store:
        bot = Durable(store)
        await bot.start()
        begun = asyncio.Event()

        async def never(_turn: Turn) -> str:
            begun.set()
            await asyncio.Event().wait()
            return ""

        bot.worker.say = never
        await bot.accept("hello")
        await begun.wait()
        bot.inbox.close()
        await bot.engine.stop(0)
        await bot.outbox.stop(0)
        assert await bot.rows("select state, attempt, reason from turns") == [
            ("waiting", 0, "the bot was stopped")
        ]
        following = Durable(store)
        await following.start()
        assert await following.replies(1) == ["re: hello"]
        assert following.worker.turns[0].attempt == 1
        await following.stop()


async def test_a_turn_that_takes_too_long_is_tried_again(database_url: str) -> None:
    """A try that exceeds its time counts as failed, and the next one may succeed."""
    async with opened(database_url) as store:
        bot = Durable(store)
        bot.engine._timeout = 0.05
        await bot.start()

        async def say(turn: Turn) -> str:
            if turn.attempt == 1:
                await asyncio.Event().wait()
            return "re: " + turn.question

        bot.worker.say = say
        await bot.accept("hello")
        assert await bot.replies(1) == ["re: hello"]
        assert await bot.rows("select data from events where kind = 'turn.failed'") != []
        await bot.stop()


async def test_a_hand_over_takes_what_waits_with_it(database_url: str) -> None:
    """After the bot asked for a person it says no more, and what had arrived meanwhile goes to the person."""
    async with running(database_url) as bot:
        go, begun = asyncio.Event(), asyncio.Event()

        async def say(turn: Turn) -> str:
            begun.set()
            await go.wait()
            return "a person will come"

        bot.worker.say, bot.worker.handoff = say, "customer_asked"
        await bot.accept("human please")
        await begun.wait()
        waiting = await bot.accept("are you there?")
        go.set()
        assert await bot.replies(1) == ["a person will come"]
        await bot.until_rows("select state from conversations", [("queued",)])
        assert await bot.rows(f"select state from messages where id = '{waiting.message_id}'") == [
            ("handed_over",)
        ]
        assert (await bot.accept("hello?")).state == "handed_over"


async def test_a_replayed_turn_is_answered_anew(database_url: str) -> None:
    """The operator's ``dead replay`` gives the messages back; the old turn stays on record."""
    async with running(database_url) as bot:
        broken = True

        def say(turn: Turn) -> str:
            if broken:
                raise RuntimeError
            return "re: " + turn.question

        bot.worker.say = say
        await bot.accept("hello")
        await bot.replies(1)
        [(dead,)] = await bot.rows("select id from turns where state = 'dead'")
        broken = False
        await replay_turn(bot.store, dead)
        assert await bot.replies(2) == ["sorry", "re: hello"]
        assert await bot.rows("select state from turns order by id") == [("replayed",), ("answered",)]


async def test_a_backlog_larger_than_the_room_is_worked_off(sqlite_database: str) -> None:
    """Messages that waited for a start are all answered although few turns may run at once."""
    async with opened(sqlite_database) as store:
        waiting = Durable(store)
        for number in range(40):
            await waiting.accept("hello", to=f"c{number}")
        bot = Durable(store)
        bot.engine._concurrency = 3
        await bot.start()
        assert len(await bot.replies(40)) == 40
        await bot.stop()


async def test_a_turn_taken_away_before_its_first_step_leaves_no_trace(sqlite_database: str) -> None:
    """A person replies in the very commit that claimed the turn: no place is held for it."""
    async with opened(sqlite_database) as store:
        bot = Durable(store)
        await bot.accept("hello")
        bot.engine._sweep = asyncio.Event().wait  # type: ignore[union-attr,assignment]
        await bot.start()

        def claimed_and_taken(tx: Tx) -> None:
            now = now_ms()
            claimed = bot.engine._claim(tx, conversation, now)
            assert claimed is not None
            tx.after_commit(lambda: bot.interrupt(claimed))

        [(conversation,)] = await bot.rows("select id from conversations")
        await store.write(claimed_and_taken)
        await bot.until(lambda: bot.engine.running == 0)
        await bot.stop()


async def test_a_person_who_speaks_ends_the_work_at_once(database_url: str) -> None:
    """The turn that is being worked on is stopped, and says nothing any more."""
    async with running(database_url) as bot:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def say(_turn: Turn) -> str:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return ""

        bot.worker.say = say
        await bot.accept("hello")
        await begun.wait()
        await bot.accept("I take this", author="person", sender=Sender(id="carl"))
        async with asyncio.timeout(5):
            await ended.wait()
        await bot.until(lambda: bot.engine.running == 0)
        assert [("handed_over",)] == await bot.rows("select state from turns")


async def test_an_interruption_that_comes_late_does_not_end_the_next_claim(database_url: str) -> None:
    """It meant an earlier claim, and is told to whoever works on the conversation now: their turn goes on."""
    async with running(database_url) as bot:
        begun, go = asyncio.Event(), asyncio.Event()

        async def say(turn: Turn) -> str:
            begun.set()
            await go.wait()
            return "re: " + turn.question

        bot.worker.say = say
        accepted = await bot.accept("hello")
        await begun.wait()
        bot.engine.interrupt(accepted.conversation_id)
        await bot.store.write(lambda _tx: None)
        go.set()
        assert ["re: hello"] == await bot.replies(1)
        assert [("answered", 1)] == await bot.rows("select state, attempt from turns")
