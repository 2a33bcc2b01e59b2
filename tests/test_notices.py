"""What the team is told of a customer who waits for a person, once, and what it does then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from supportbot import reports
from supportbot.errors import Refused, RetryAfter, Unclear
from supportbot.messages import Sender
from supportbot.outbox import deliveries as work
from supportbot.outbox import ledger
from supportbot.outbox.claims import Claimed
from supportbot.outbox.handoffs import ChannelHandoffs
from supportbot.outbox.notices import Team, Untold
from supportbot.session import ChannelTranscripts, retry_delivery, set_state
from supportbot.store import Statement
from supportbot.tables import deliveries
from supportbot.testing.fakes import BlindChannel, RecordingChannel
from tests.durable import running
from tests.handed_over import ANNA, NOTICES, REPLIES, Board, Desk, ask_for_a_person, channels

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.durable import Durable


async def test_the_team_is_told_who_waits_where_and_why(database_url: str) -> None:
    """By a channel that was configured for it, whichever the customer writes in, who has the reply."""
    async with running(database_url, channels=channels("desk")) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        await bot.until_rows(REPLIES, [("delivered",)])
        [told] = bot.channels["desk"].told
        assert ({"room": "team"}, "customer_asked", conversation) == (
            told.address,
            told.handoff,
            told.conversation_id,
        )
        notice = told.notice
        assert ("web", {"to": "c1"}, "A person, please") == (notice.channel, notice.address, notice.text)
        assert ("T1/U1", "Anna", "anna@example.com", "claimed") == (
            notice.contact.external_id,
            notice.contact.name,
            notice.contact.email,
            notice.contact.assurance,
        )
        assert [None] == [post.notice for post in bot.channels["web"].posts]


async def test_a_message_to_a_silent_bot_is_no_second_hand_over(database_url: str) -> None:
    """Whoever waits may write as much as they like; who is handed over again is told of again."""
    async with running(database_url, channels=channels("desk")) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        await bot.accept("Hello?", sender=ANNA)
        await set_state(bot.store, conversation, "bot")
        await ask_for_a_person(bot, "Again, please")
        await bot.until_rows(NOTICES, [("desk", "delivered")] * 2)
        assert ["A person, please", "Again, please"] == [t.notice.text for t in bot.channels["desk"].told]


async def test_an_answer_that_asks_for_nobody_is_told_to_nobody(database_url: str) -> None:
    """And where no channel can tell, a hand-over is as it was."""
    async with running(database_url, channels=channels("desk")) as bot:
        await bot.accept("Hello?")
        await bot.until_rows(REPLIES, [("delivered",)])
        assert [] == await bot.rows(NOTICES)
    async with running(database_url) as bot:
        await ask_for_a_person(bot, to="c2")
        await bot.until_rows(REPLIES, [("delivered",)] * 2)
        assert [] == await bot.rows(NOTICES)


async def test_who_pressed_the_button_is_shown_with_what_they_wrote_before(database_url: str) -> None:
    """The press itself says little."""
    async with running(database_url, channels=channels("desk")) as bot:
        await bot.accept("Where is my parcel?", sender=ANNA)
        await bot.until_rows(REPLIES, [("delivered",)])
        await ask_for_a_person(bot, "I would like to talk to a person.", wants_person=True)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        [told] = bot.channels["desk"].told
        assert "Where is my parcel?\nI would like to talk to a person." == told.notice.text


async def test_machine_mail_is_not_what_somebody_wrote_last(database_url: str) -> None:
    """It may come while the bot answers."""
    async with running(database_url, channels=channels("desk")) as bot:

        async def interrupted(turn: Any) -> str:
            await bot.accept("I am out of office", sender=ANNA, ignored="auto_reply")
            return "A person will answer."

        bot.worker.say = interrupted
        await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        assert ["A person, please"] == [told.notice.text for told in bot.channels["desk"].told]


async def test_neither_waits_for_the_other(database_url: str) -> None:
    """A reply that cannot be delivered leaves the team its news, and news that cannot the customer the next
    reply."""
    async with running(database_url, channels=channels("desk")) as bot:
        for name in ("web", "desk"):
            bot.channels[name].retry_after = 1000
        bot.channels["web"].fates.append("busy")
        await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        await bot.until_rows(REPLIES, [("planned",)])
        bot.channels["desk"].fates.append("busy")
        conversation = await ask_for_a_person(bot, to="c2")
        await bot.until_rows(NOTICES, [("desk", "delivered"), ("desk", "planned")])
        await set_state(bot.store, conversation, "bot")
        bot.worker.handoff = ""
        await bot.accept("Are you there?", to="c2")
        await bot.until_rows(REPLIES.replace("where", "where seq > 2 and"), [("delivered",)])


@pytest.mark.parametrize("fate", ["lost", "unclear but there", "crash but there", "busy"])
async def test_it_is_told_once_whatever_happens(database_url: str, fate: Any) -> None:
    """What became of it is looked up before it is told again, as with a reply."""
    async with running(database_url, channels=channels("desk")) as bot:
        desk = bot.channels["desk"]
        desk.fates.append(fate)
        await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        assert 1 == len(desk.told)
        assert (fate in {"lost", "unclear but there", "crash but there"}) == (
            f"find {desk.told[0].delivery_id}" in desk.calls
        )


async def test_one_that_a_dead_process_planned_is_told_by_the_next(database_url: str) -> None:
    """With what was deleted meanwhile left out."""
    async with running(database_url, channels=channels("desk")) as bot:
        bot.channels["desk"].retry_after = 0.0
        bot.channels["desk"].fates.extend(["busy"] * 10_000)
        await ask_for_a_person(bot, "My password is hunter2", key="k1")
        await bot.until_rows(NOTICES, [("desk", "planned")])
        assert await ChannelTranscripts(bot.store, "web").redact("k1")
    async with running(database_url, channels=channels("desk")) as bot:
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        assert ["[deleted]"] == [told.notice.text for told in bot.channels["desk"].told]


async def test_a_channel_tells_of_its_own_and_else_all_do(database_url: str) -> None:
    """So two workspaces do not hear of each other's customers, and somebody hears of everybody else's."""
    both = channels("one", "two")
    team = Team(both)
    assert (["one"], ["two"], ["one", "two"]) == tuple(list(team.told_of(n)) for n in ("one", "two", "web"))
    assert [] == list(Team(both, only="web").told_of("web"))
    async with running(database_url, channels=both) as bot:
        await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("one", "delivered"), ("two", "delivered")])


async def test_a_team_that_was_not_told_is_to_be_told(database_url: str) -> None:
    """The story says so, and the list of deliveries says what it was."""
    blind = BlindChannel(["lost"])
    blind.team_address = dict  # type: ignore[attr-defined]
    async with running(database_url, channels={"web": RecordingChannel(), "desk": blind}) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "unknown")])
        await bot.until_rows(REPLIES, [("delivered",)])
        story = await reports.explain(bot.store, conversation)
        assert [("reply", "delivered"), ("notice", "unknown")] == [
            (d.kind, d.state) for d in story.deliveries
        ]
        assert any("may not have been told" in line for line in reports.advice(story))


async def test_whom_the_team_was_not_told_of_is_a_problem(database_url: str) -> None:
    """By customer, not by notice; until a later one is told, or for an hour."""
    desk = Desk()
    desk.fates.extend(["refused"] * 3)
    async with running(database_url, channels={"web": RecordingChannel(), "desk": desk}) as bot:
        untold = Untold(bot.store)
        await untold.look()
        assert {} == untold.problems()
        for number, customer in enumerate(("c1", "c1", "c2"), start=1):
            conversation = await ask_for_a_person(bot, f"A person, please {number}", to=customer)
            await bot.until_rows(NOTICES, [("desk", "dead")] * number)
            await untold.look()
            many = "2 customers" if customer == "c2" else "1 customer"
            assert {"desk": f"the team was not told of {many}: channel_not_found"} == untold.problems()
            await set_state(bot.store, conversation, "bot")
        await _age(bot, 3_600_000)
        await untold.look()
        assert {} == untold.problems()
        await _age(bot, -3_500_000)
        await untold.look()
        assert ["desk"] == list(untold.problems())
        await ask_for_a_person(bot, "And I", to="c3")
        await bot.until_rows(NOTICES, [("desk", "dead")] * 3 + [("desk", "delivered")])
        await untold.look()
        assert {} == untold.problems()


async def test_what_the_team_was_told_follows_who_speaks(database_url: str) -> None:
    """Whoever changes it, wherever: the same delivery tells it anew, and there is no second post."""
    board = Board()
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        bot.worker.handoff = ""
        await set_state(bot.store, conversation, "resolved")
        await bot.until(lambda: len(board.updates) == 1)
        await bot.accept("One more thing", sender=ANNA)
        await bot.until(lambda: len(board.updates) == 2)
        await bot.accept("I am here.", sender=Sender(id="kim", name="Kim"), author="person")
        await bot.until(lambda: len(board.updates) == 3)
        handoffs = ChannelHandoffs(bot.store, bot.feed, "desk", interrupt=lambda _: None)
        assert await handoffs.assign(conversation, "bot", by="T1/U2", name="Bo")
        await bot.until(lambda: len(board.updates) == 4)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        operator, customer = ("resolved", "operator", ""), ("bot", "customer", "")
        assert [operator, customer, ("human", "person", "Kim"), ("bot", "person", "Bo")] == board.shown
        assert 1 == len(board.told)
        assert {board.told[0].delivery_id} == {update.delivery_id for update in board.updates}
        last = board.updates[-1].notice
        assert last is not None
        assert last.change is not None
        assert "T1/U2" == last.change.by


@pytest.mark.parametrize("error", [Unclear(cause="reset"), RetryAfter(seconds=0.01, cause="busy"), OSError()])
async def test_an_update_is_made_until_it_is_there(database_url: str, error: Exception) -> None:
    """Twice the same does no harm, so nobody looks for it first."""
    board = Board()
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        board.errors.append(error)
        await set_state(bot.store, conversation, "human")
        await bot.until(lambda: len(board.updates) == 1)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        assert not any(call.startswith("find") for call in board.calls)


async def test_what_changes_while_it_is_told_is_told_next(database_url: str) -> None:
    """Also while the post itself is on its way."""
    board = Board()
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        conversation = ""

        async def meanwhile() -> None:
            board.meanwhile = None
            await set_state(bot.store, conversation, "bot")

        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        board.meanwhile = meanwhile
        await set_state(bot.store, conversation, "human")
        await bot.until(lambda: len(board.updates) == 2)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        assert [("human", "operator", ""), ("bot", "operator", "")] == board.shown


class Overtaken:
    """A transaction before whose lock another one is committed."""

    def __init__(self, tx: Any, other: Callable[[Any], Any]) -> None:
        self._tx, self._other = tx, other

    def __getattr__(self, name: str) -> Any:
        """All else is the transaction's."""
        return getattr(self._tx, name)

    def lock(self, statement: Statement, /, **params: Any) -> None:
        """Let the other one be first."""
        self._other(self._tx)
        self._tx.lock(statement, **params)


async def test_what_another_process_posted_just_before_is_not_posted_again(database_url: str) -> None:
    """Between the look at a notice and the claim of it, it may be told, and planned anew as an update."""
    async with running(database_url, channels=channels("desk")) as bot:
        bot.channels["desk"].retry_after = 1000
        bot.channels["desk"].fates.append("busy")
        await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "planned")])
        [(delivery,)] = await bot.rows("select id from deliveries where kind = 'notice'")
        posted = Statement(update(deliveries).values(external_id="post-1", planned_at=7))

        def unit(tx: Any) -> Any:
            overtaken: Any = Overtaken(tx, lambda tx: tx.run(posted))
            return ledger.claim(overtaken, delivery, now=10**15, owner="me", lease_until=10**15)

        claimed = await bot.store.write(unit)
        assert isinstance(claimed, Claimed)
        assert claimed.is_update
        assert 7 == claimed.since


async def test_an_update_that_died_is_no_customer_of_whom_nobody_knows(database_url: str) -> None:
    """It can be retried, and then brings the post up to date: it is no second one."""
    board = Board()
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        board.errors.append(Refused(cause="is_archived"))
        await set_state(bot.store, conversation, "human")
        await bot.until_rows(NOTICES, [("desk", "dead")])
        untold = Untold(bot.store)
        await untold.look()
        assert {} == untold.problems()
        advised = reports.advice(await reports.explain(bot.store, conversation))
        assert any("is not up to date" in line for line in advised)
        await retry_delivery(bot.store, board.told[0].delivery_id)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        assert (1, [("human", "operator", "")]) == (len(board.told), board.shown)


async def test_a_channel_that_cannot_update_posts_nothing_again(database_url: str) -> None:
    """What it told stays as it was, and nowhere does it say that something was delivered."""
    async with running(database_url, channels=channels("desk")) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        await set_state(bot.store, conversation, "human")
        again = "select state, attempt from deliveries where kind = 'notice'"
        await bot.until_rows(again, [("delivered", 2)])
        assert 1 == len(bot.channels["desk"].told)
        story = await reports.explain(bot.store, conversation)
        assert 2 == [event.kind for event in story.events].count("delivery.delivered")
        shown = bot.metrics.exposition().decode()
        assert 'supportbot_deliveries_total{channel="desk",kind="notice",state="delivered"} 1.0' in shown


async def test_the_team_takes_over_and_gives_back(database_url: str) -> None:
    """Who told of it may; the journal says who did, and the bot answers what comes then."""
    async with running(database_url, channels=channels("desk")) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        handoffs = ChannelHandoffs(bot.store, bot.feed, "desk", interrupt=bot.engine.interrupt)
        state = f"select state from conversations where id = '{conversation}'"
        assert await handoffs.assign(conversation, "person", by="T1/U9")
        assert [("human",)] == await bot.rows(state)
        for _ in range(2):
            assert await handoffs.assign(conversation, "bot", by="T1/U9")
        assert [("bot",)] == await bot.rows(state)
        changes = [
            e for e in (await reports.explain(bot.store, conversation)).events if e.kind == "state.changed"
        ]
        assert [("bot", None), ("person", "T1/U9"), ("person", "T1/U9")] == [
            (change.actor, change.data.get("by")) for change in changes
        ]
        bot.worker.handoff = ""
        await bot.accept("And now?", sender=ANNA)
        await bot.until_rows(REPLIES, [("delivered",)] * 2)


async def test_who_comes_second_is_told_who_was_first(database_url: str) -> None:
    """So that no two people go to the same customer; and an old post is no dead end."""
    async with running(database_url, channels=channels("desk")) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        handoffs = ChannelHandoffs(bot.store, bot.feed, "desk", interrupt=bot.engine.interrupt)
        first = await handoffs.assign(conversation, "person", by="T1/U9", name="Kim")
        second = await handoffs.assign(conversation, "person", by="T1/U8", name="Bo")
        assert first == second
        assert second is not None
        assert ("human", "T1/U9", "Kim") == (second.state, second.by, second.name)


async def test_what_follows_is_looked_at_at_once(database_url: str) -> None:
    """What was planned anew, no more and no less, however often the customer was handed over."""
    async with running(database_url, channels={"web": RecordingChannel(), "desk": Board()}) as bot:
        for number in range(4):
            conversation = await ask_for_a_person(bot, f"A person, please {number}")
            await bot.until_rows(NOTICES, [("desk", "delivered")] * (number + 1))
            await set_state(bot.store, conversation, "bot")
            await bot.until_rows(NOTICES, [("desk", "delivered")] * (number + 1))
        looked: list[str] = []
        handoffs = ChannelHandoffs(
            bot.store, bot.feed, "desk", interrupt=bot.engine.interrupt, look_at=looked.append
        )
        await handoffs.assign(conversation, "person", by="T1/U9")
        newest = "select id from deliveries where kind = 'notice' order by seq desc limit 3"
        assert {row[0] for row in await bot.rows(newest)} == set(looked)


async def test_a_colleague_s_answer_is_told_without_a_search(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the next look at what is due."""
    monkeypatch.setattr(work, "_SWEEP", 600.0)
    board = Board()
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        await bot.accept("I am here.", sender=Sender(id="kim", name="Kim"), author="person")
        await bot.until(lambda: len(board.updates) == 1)
        assert [("human", "person", "Kim")] == board.shown


async def test_nobody_else_may_say_who_speaks(database_url: str) -> None:
    """A channel that did not tell of a conversation has no say in it; nor is there one of any name."""
    async with running(database_url, channels=channels("desk")) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        web, desk = (
            ChannelHandoffs(bot.store, bot.feed, name, interrupt=bot.engine.interrupt)
            for name in ("web", "desk")
        )
        assert not await web.assign(conversation, "bot", by="U9")
        assert not await desk.assign("conv_\x00", "bot", by="U9")
        assert [("queued",)] == await bot.rows("select state from conversations")


async def test_taking_over_ends_what_the_bot_was_about_to_say(database_url: str) -> None:
    """A press on an old post, while the bot answers again: what it writes is not said, the message is handed
    over."""
    async with running(database_url, channels=channels("desk")) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        handoffs = ChannelHandoffs(bot.store, bot.feed, "desk", interrupt=bot.engine.interrupt)
        await handoffs.assign(conversation, "bot", by="U9")

        async def interrupted(_: Any) -> str:
            await handoffs.assign(conversation, "person", by="U9")
            return "too late"

        bot.worker.say, bot.worker.handoff = interrupted, ""
        await bot.accept("And now?", sender=ANNA)
        last = "select state from messages where author = 'customer' order by seq desc limit 1"
        await bot.until_rows(last, [("handed_over",)])
        assert "too late" not in bot.channels["web"].texts


async def test_taking_over_stops_the_bot_at_once(database_url: str) -> None:
    """It does not go on writing beside the person until its lease is renewed."""
    async with running(database_url, channels=channels("desk")) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        handoffs = ChannelHandoffs(bot.store, bot.feed, "desk", interrupt=bot.engine.interrupt)
        await handoffs.assign(conversation, "bot", by="U9")
        begun, ended = asyncio.Event(), asyncio.Event()

        async def endless(_: Any) -> str:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return ""

        bot.worker.say, bot.worker.handoff = endless, ""
        await bot.accept("And now?", sender=ANNA)
        async with asyncio.timeout(5):
            await begun.wait()
            await handoffs.assign(conversation, "person", by="U9")
            await ended.wait()


async def _age(bot: Durable, ms: int) -> None:
    """Let everything have been sent so much earlier."""
    aged = Statement(update(deliveries).values(updated_at=deliveries.c.updated_at - ms))
    await bot.store.write(lambda tx: tx.run(aged))
