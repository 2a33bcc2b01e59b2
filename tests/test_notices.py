"""What the team is told of a customer who waits for a person, once, and what it does then."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from supportbot import reports, speaking
from supportbot.errors import NeverClear, Refused, RetryAfter, Unclear
from supportbot.ids import now_ms
from supportbot.messages import Sender, Sent
from supportbot.outbox import deliveries as work
from supportbot.outbox import ledger, withdrawals
from supportbot.outbox.claims import Claimed
from supportbot.outbox.handoffs import ChannelHandoffs
from supportbot.outbox.notices import Team, Untold
from supportbot.session import ChannelTranscripts, delete_conversation, retry_delivery, set_state
from supportbot.store import Statement
from supportbot.tables import deliveries
from supportbot.tables import withdrawals as withdrawn
from supportbot.testing.fakes import BlindChannel, RecordingChannel
from tests.durable import opened, running

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.messages import Outbound
    from tests.durable import Durable

ANNA = Sender(id="T1/U1", name="Anna", email="anna@example.com", assurance="claimed")
NOTICES = "select channel, state from deliveries where kind = 'notice' order by channel"
REPLIES = "select state from deliveries where kind = 'reply' order by seq"


class Desk(RecordingChannel):
    """A channel that tells the team."""

    def team_address(self) -> dict[str, Any] | None:
        """Return where."""
        return {"room": "team"}

    @property
    def told(self) -> list[Outbound]:
        """What the team was told."""
        return [post for post in self.posts if post.notice is not None]


def channels(*desks: str) -> dict[str, Any]:
    """Return the customers' channel, and some that tell the team."""
    return {"web": RecordingChannel(), **{name: Desk() for name in desks}}


async def ask_for_a_person(bot: Durable, text: str = "A person, please", **more: Any) -> str:
    """Let the bot hand a conversation over; returns its id."""
    bot.worker.handoff = "customer_asked"
    accepted = await bot.accept(text, **({"sender": ANNA, "address": {"to": "c1"}} | more))
    await bot.until(lambda: any(turn.messages[-1].id == accepted.message_id for turn in bot.worker.turns))
    return accepted.conversation_id


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


class Board(Desk):
    """A channel that can bring what it told up to date."""

    def __init__(self) -> None:
        super().__init__()
        self.updates: list[Outbound] = []
        self.update_fates: deque[Exception] = deque()
        self.meanwhile: Any = None

    async def update(self, outbound: Outbound) -> Sent:
        """Do what the next fate says."""
        assert outbound.notice is not None
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.update_fates:
            raise self.update_fates.popleft()
        self.updates.append(outbound)
        return Sent(external_id=outbound.notice.standing)

    @property
    def shown(self) -> list[tuple[str, str, str]]:
        """What the post said, update by update."""
        changes = [post.notice.change for post in self.updates if post.notice is not None]
        return [(change.state, change.actor, change.name) for change in changes if change is not None]


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
        board.update_fates.append(error)
        await set_state(bot.store, conversation, "human")
        await bot.until(lambda: len(board.updates) == 1)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        assert [f"send {board.told[0].delivery_id}"] == board.calls


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
        board.update_fates.append(Refused(cause="is_archived"))
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


@pytest.mark.parametrize("error", [None, OSError(), Unclear(cause="reset")])
async def test_a_deleted_conversation_leaves_no_word(
    database_url: str, error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was told of it says so, also when that is done by another process, later, at the second try."""
    monkeypatch.setattr(withdrawals, "_SWEEP", 0.02)
    board = Board()
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        [told] = board.told
        [(receipt,)] = await bot.rows("select external_id from deliveries where kind = 'notice'")
    async with opened(database_url) as store:
        await delete_conversation(store, conversation)
    board.update_fates.extend([error] if error is not None else [])
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        await bot.until(lambda: len(board.updates) == 1)
        await bot.until_rows("select count(*) from withdrawals", [(0,)])
        [gone] = board.updates
        assert gone.notice is not None
        assert (told.delivery_id, told.address) == (gone.delivery_id, gone.address)
        assert receipt == gone.notice.standing
        assert [("deleted", "operator", "")] == board.shown
        assert ("", "") == (gone.notice.text, gone.notice.contact.external_id)
        assert 1 == len(board.told)


DUE = Statement(update(withdrawn).values(due_at=0))


async def withdraw_now(bot: Durable) -> None:
    """Let what is to be withdrawn be due, whoever may still be sending."""
    await bot.store.write(lambda tx: tx.run(DUE))


@pytest.mark.parametrize("is_posted", [True, False])
async def test_a_conversation_deleted_while_its_notice_is_posted_leaves_no_word(
    database_url: str, is_posted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no receipt yet: it is looked for, and nothing is done where nothing was posted."""
    monkeypatch.setattr(withdrawals, "_SWEEP", 0.02)
    board, posting, deleted = Board(), asyncio.Event(), asyncio.Event()
    take = board.send

    async def send(outbound: Outbound) -> Sent:
        posting.set()
        await deleted.wait()
        if not is_posted:
            raise Refused(cause="reset")
        return await take(outbound)

    monkeypatch.setattr(board, "send", send)
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        conversation = await ask_for_a_person(bot)
        await posting.wait()
        await delete_conversation(bot.store, conversation)
        assert [("",)] == await bot.rows("select external_id from withdrawals")
        deleted.set()
        await bot.until(lambda: not bot.outbox.deliveries._sending)
        await withdraw_now(bot)
        await bot.until(lambda: len([call for call in board.calls if call.startswith("find")]) >= 1)
        if not is_posted:
            await bot.until_rows("select count(*) from withdrawals where due_at > 0", [(1,)])
            await withdraw_now(bot)
        await bot.until_rows("select count(*) from withdrawals", [(0,)])
        assert ([("deleted", "operator", "")] if is_posted else []) == board.shown
        assert (["post-1"] if is_posted else []) == [post.notice.standing for post in board.updates]


async def test_what_nobody_knew_whether_it_was_told_is_withdrawn(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it was posted after all."""
    monkeypatch.setattr(withdrawals, "_SWEEP", 0.02)
    board = Board()
    board.fates.append("unclear but there")
    monkeypatch.setattr(board, "find", fails := Failing(board.find))
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "unknown")])
        fails.error = None
        await delete_conversation(bot.store, conversation)
        await bot.until_rows("select count(*) from withdrawals", [(0,)])
        assert [("deleted", "operator", "")] == board.shown
        assert ["post-1"] == [post.notice.standing for post in board.updates]


class Failing:
    """A ``find`` that cannot look, as long as it has an error to raise."""

    def __init__(self, find: Any) -> None:
        self._find = find
        self.error: Exception | None = NeverClear(cause="missing_scope")

    async def __call__(self, outbound: Outbound) -> Sent | None:
        """Look, or fail."""
        if self.error is not None:
            raise self.error
        return await self._find(outbound)


async def test_a_process_without_the_channel_leaves_it_to_another(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while bot.yaml changes from process to process; nothing is forgotten."""
    monkeypatch.setattr(withdrawals, "_SWEEP", 0.02)
    board = Board()
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
    async with running(database_url) as bot:
        await delete_conversation(bot.store, conversation)
        await bot.until_rows(
            "select count(*) from withdrawals where due_at > deleted_at + 50000 and tries = 0", [(1,)]
        )
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        await withdraw_now(bot)
        await bot.until_rows("select count(*) from withdrawals", [(0,)])
        assert [("deleted", "operator", "")] == board.shown


async def test_a_post_that_waits_long_to_be_withdrawn_is_a_problem(database_url: str) -> None:
    """For an hour it is none: Slack is away now and then."""
    async with running(database_url, channels={"web": RecordingChannel(), "desk": Board()}) as bot:
        untold, conversations = Untold(bot.store), []
        for customer in ("c1", "c2"):
            conversations.append(await ask_for_a_person(bot, to=customer, address={"to": customer}))
        await bot.until_rows(NOTICES, [("desk", "delivered")] * 2)

        async def withdraw(conversation: str, ago: int) -> None:
            now = now_ms()
            later = Statement(update(withdrawn).values(due_at=now + 10**9))

            def unit(tx: Any) -> None:
                speaking.withdraw(tx, conversation, now - ago)
                tx.run(later)  # its platform is away

            await bot.store.write(unit)

        await withdraw(conversations[0], 3_500_000)
        await untold.look()
        assert {} == untold.problems()
        await bot.store.write(lambda tx: tx.run(Statement(update(withdrawn).values(deleted_at=1))))
        await untold.look()
        assert {"desk": "1 post still holds words of deleted conversations"} == untold.problems()
        await withdraw(conversations[1], 3_700_000)
        await untold.look()
        assert {"desk": "2 posts still hold words of deleted conversations"} == untold.problems()


async def test_what_cannot_be_withdrawn_is_said(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that cannot bring a post up to date never will."""
    monkeypatch.setattr(withdrawals, "_SWEEP", 0.02)
    async with running(database_url, channels=channels("desk")) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        with capture_logs() as logs:
            await delete_conversation(bot.store, conversation)
            await bot.until_rows("select count(*) from withdrawals", [(0,)])
        assert ["desk"] == [line["channel"] for line in logs if line["event"] == "withdrawal.impossible"]


async def test_a_place_that_hangs_holds_up_no_other(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is tried by itself."""
    monkeypatch.setattr(withdrawals, "_SWEEP", 0.02)
    one, two, hanging, free = Board(), Board(), asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        hanging.set()
        await free.wait()

    async with running(database_url, channels={"web": RecordingChannel(), "one": one, "two": two}) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("one", "delivered"), ("two", "delivered")])
        one.meanwhile = hang
        first = Statement(update(withdrawn).where(withdrawn.c.channel == "one").values(due_at=0))

        def unit(tx: Any) -> None:
            speaking.withdraw(tx, conversation, 1)
            tx.run(first)

        await bot.store.write(unit)
        await hanging.wait()
        await bot.until(lambda: len(two.updates) == 1)
        assert [] == one.updates
        free.set()
        await bot.until(lambda: len(one.updates) == 1)


async def test_a_platform_that_asks_to_wait_is_left_alone(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it says, and with all that is to be withdrawn there."""
    monkeypatch.setattr(withdrawals, "_SWEEP", 0.02)
    board = Board()
    async with running(database_url, channels={"web": RecordingChannel(), "desk": board}) as bot:
        conversation = await ask_for_a_person(bot)
        other = await ask_for_a_person(bot, to="c2", address={"to": "c2"})
        await bot.until_rows(NOTICES, [("desk", "delivered")] * 2)
        board.update_fates.append(RetryAfter(seconds=3000, cause="ratelimited"))

        def unit(tx: Any) -> None:
            for gone in (conversation, other):
                speaking.withdraw(tx, gone, now_ms())

        await bot.store.write(unit)
        await bot.until_rows("select count(*) from withdrawals where due_at > deleted_at + 2900000", [(2,)])
        assert [] == board.updates


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
        assert 'supportbot_deliveries_total{channel="desk",state="delivered"} 1.0' in shown


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
