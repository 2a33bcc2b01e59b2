"""What the team was told of a deleted conversation is taken back, whatever may keep it from that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from supportbot import withdrawals as ledger
from supportbot.errors import NeverClear, Refused, RetryAfter, SendUnseen, Unclear
from supportbot.ids import now_ms
from supportbot.outbox import taking_back
from supportbot.session import delete_conversation, retry_delivery, settle_delivery
from supportbot.store import Statement
from supportbot.tables import withdrawals as table
from supportbot.testing.fakes import BlindChannel
from tests.durable import opened, running
from tests.handed_over import NOTICES, Board, ask_for_a_person, channels
from tests.taken_back import LEFT, LONG_AGO, STANDS, Failing, now, told_and_deleted, with_team

if TYPE_CHECKING:
    from supportbot.changes import Withdrawn
    from supportbot.messages import Outbound, Sent


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than every five seconds."""
    monkeypatch.setattr(taking_back, "_SWEEP", 0.02)


# -- what becomes of the posts --------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, OSError(), Unclear(cause="reset")])
async def test_a_deleted_conversation_leaves_no_word(database_url: str, error: Exception | None) -> None:
    """What was told of it says so, also when that is done by another process, later, at the second try."""
    board = Board()
    async with running(database_url, channels=with_team(desk=board)) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        [told] = board.told
        [(receipt,)] = await bot.rows("select external_id from deliveries where kind = 'notice'")
    async with opened(database_url) as store:
        await delete_conversation(store, conversation)
    board.errors.extend([error] if error is not None else [])
    async with running(database_url, channels=with_team(desk=board)) as bot:
        await bot.until_rows(LEFT, [(0,)])
        [gone] = board.withdrawals
        assert (told.delivery_id, told.address) == (gone.delivery_id, gone.address)
        assert receipt == gone.external_id
        assert {receipt: None} == board.board
        shown = bot.metrics.exposition().decode()
        assert 'supportbot_deliveries_total{channel="desk",kind="withdrawal",state="delivered"} 1.0' in shown


@pytest.mark.parametrize("is_posted", [True, False])
async def test_a_conversation_deleted_while_its_notice_is_posted_leaves_no_word(
    database_url: str, is_posted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no receipt yet: it is looked for, and nothing is done where nothing was posted."""
    board, posting, deleted = Board(), asyncio.Event(), asyncio.Event()
    take = board.send

    async def send(outbound: Outbound) -> Sent:
        posting.set()
        await deleted.wait()
        if not is_posted:
            raise Refused(cause="reset")
        return await take(outbound)

    monkeypatch.setattr(board, "send", send)
    async with running(database_url, channels=with_team(desk=board)) as bot:
        conversation = await ask_for_a_person(bot)
        await posting.wait()
        await delete_conversation(bot.store, conversation)
        assert [("",)] == await bot.rows("select external_id from withdrawals")
        deleted.set()
        await bot.until(lambda: not bot.outbox.deliveries._sending)
        await now(bot)
        await bot.until(lambda: any(call.startswith("find") for call in board.calls))
        if not is_posted:
            await bot.until_rows(
                "select looks, reason from withdrawals", [(1, "not found on the platform yet")]
            )
            await now(bot)
        await bot.until_rows(LEFT, [(0,)])
        assert (["post-1"] if is_posted else []) == [gone.external_id for gone in board.withdrawals]


def unseen(monkeypatch: pytest.MonkeyPatch) -> tuple[Board, Failing]:
    """Return a board with a post of which nobody knows, and what keeps it from being looked for."""
    board = Board()
    board.fates.append("unclear but there")
    monkeypatch.setattr(board, "find", fails := Failing(board.find, NeverClear(cause="missing_scope")))
    return board, fails


async def test_a_look_that_failed_is_none(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was looked for twice, and not found, is not there."""
    board, fails = unseen(monkeypatch)
    async with running(database_url, channels=with_team(desk=board)) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "unknown")])
        fails.error = OSError()
        await delete_conversation(bot.store, conversation)
        for tries in (1, 2, 3):
            await bot.until_rows("select tries, looks, reason from withdrawals", [(tries, 0, "OSError")])
            await now(bot)
        fails.error = None
        await now(bot)
        await bot.until_rows(LEFT, [(0,)])
        assert ["post-1"] == [gone.external_id for gone in board.withdrawals]


async def test_what_a_person_saw_is_taken_back_too(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knew whether it was posted, the operator looked and said so: it has no receipt."""
    board, fails = unseen(monkeypatch)
    async with running(database_url, channels=with_team(desk=board)) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "unknown")])
        [(delivery,)] = await bot.rows("select id from deliveries where kind = 'notice'")
        await settle_delivery(bot.store, delivery, "delivered")
        fails.error = None
        await delete_conversation(bot.store, conversation)
        await now(bot)
        await bot.until(lambda: board.withdrawals)
        assert ["post-1"] == [gone.external_id for gone in board.withdrawals]


async def test_nothing_of_a_deleted_conversation_is_sent_unseen(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel that cannot look, and would post it again, is not told to: the operator looks."""
    board = Board()
    board.fates.extend(["unclear but there"] * 3)
    monkeypatch.setattr(board, "find", Failing(board.find, SendUnseen(cause="missing_scope")))
    async with running(database_url, channels=with_team(desk=board)) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "unknown")])
        await delete_conversation(bot.store, conversation)
        await bot.until_rows(STANDS, [("unknown", "missing_scope")])
        assert (3, []) == (len(board.told), board.withdrawals)


@pytest.mark.parametrize("then", ["", "busy", "refused"])
async def test_what_was_sent_unseen_is_looked_for_whatever_came_of_the_next_try(
    database_url: str, then: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first post may stand there, while the next is planned, waits or is refused."""
    board = Board()
    board.retry_after = 3600
    board.fates.extend(["unclear but there", *([then] if then else [])])
    fails = Failing(board.find, SendUnseen(cause="missing_scope"))
    monkeypatch.setattr(board, "find", fails)
    async with running(database_url, channels=with_team(desk=board)) as bot:
        if not then:
            monkeypatch.setattr(bot.outbox.deliveries, "_retry_delay", 3600)
        conversation = await ask_for_a_person(bot)
        state = "dead" if then == "refused" else "planned"
        sends = 2 if then == "refused" else 1
        await bot.until_rows(
            "select state, sends, looks, waits from deliveries where kind = 'notice'",
            [(state, sends, 0, int(then == "busy"))],
        )
        fails.error = None
        await delete_conversation(bot.store, conversation)
        await bot.until_rows(LEFT, [(0,)])
        assert ["post-1"] == [gone.external_id for gone in board.withdrawals]


# -- what may keep them from it -------------------------------------------------------------------


async def test_a_channel_that_cannot_leaves_it_to_the_operator(database_url: str) -> None:
    """It says so by having no ``withdraw``; or no ``find``, where nobody knows whether there is a post."""
    async with running(database_url, channels=channels("desk")) as bot:
        await told_and_deleted(bot)
        await bot.until_rows(STANDS, [("dead", "its channel cannot take back what it told")])
        await now(bot, Statement(update(table).values(state="planned", external_id="", due_at=0)))
        await bot.until_rows(STANDS, [("unknown", "its channel cannot take back what it told")])
    blind: Any = BlindChannel()
    blind.team_address, blind.withdraw = dict, Board().withdraw
    async with running(database_url, channels=with_team(desk=blind)) as bot:
        await now(bot, Statement(update(table).values(state="planned", external_id="", due_at=0)))
        await bot.until_rows(STANDS, [("unknown", "its channel cannot look whether it was posted")])


async def test_a_process_without_the_channel_leaves_it_to_another(database_url: str) -> None:
    """As while bot.yaml changes from process to process; nothing is forgotten, and it counts as no try."""
    board = Board()
    async with running(database_url, channels=with_team(desk=board)) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
    waits = "select tries, reason from withdrawals where due_at > deleted_at + 50000"
    async with running(database_url) as bot:
        await delete_conversation(bot.store, conversation)
        await bot.until_rows(waits, [(0, "bot.yaml has no channel 'desk'")])
    async with running(database_url, channels=with_team(desk=board)) as bot:
        await now(bot)
        await bot.until_rows(LEFT, [(0,)])
        assert 1 == len(board.withdrawals)


@pytest.mark.parametrize("is_here", [True, False])
async def test_what_can_only_wait_is_dead_in_the_end(database_url: str, is_here: bool) -> None:
    """After thirty days; who retries it then gives it as long again."""
    board = Board()
    board.retry_after = 3000
    board.withdraw_fates.extend(["busy"] * 3)
    async with running(database_url, channels=with_team(desk=board)) as bot:
        delivery = await told_and_deleted(bot)
        await bot.until_rows(STANDS, [("planned", "ratelimited")])
    async with running(database_url, channels=with_team(desk=board) if is_here else None) as bot:
        await now(bot, LONG_AGO)
        await now(bot)
        why = "tried for thirty days: ratelimited" if is_here else "bot.yaml has no channel 'desk' any more"
        await bot.until_rows(STANDS, [("dead", why)])
        await retry_delivery(bot.store, delivery)
        again = "ratelimited" if is_here else "bot.yaml has no channel 'desk'"
        await bot.until_rows(STANDS, [("planned", again)])


async def test_a_place_that_hangs_holds_up_no_other(database_url: str) -> None:
    """Each is tried by itself."""
    one, two, hanging, free = Board(), Board(), asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        hanging.set()
        await free.wait()

    async with running(database_url, channels=with_team(one=one, two=two)) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("one", "delivered"), ("two", "delivered")])
        one.meanwhile = hang
        first = Statement(update(table).where(table.c.channel == "one").values(due_at=0))

        def unit(tx: Any) -> None:
            ledger.plan(tx, conversation, 1)
            tx.run(first)

        await bot.store.write(unit)
        await hanging.wait()
        await bot.until(lambda: len(two.withdrawals) == 1)
        assert [] == one.withdrawals
        free.set()
        await bot.until(lambda: len(one.withdrawals) == 1)


async def test_one_that_always_fails_holds_up_none_behind_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of its place wait as long as it does, and are tried before it then."""
    board = Board()
    async with running(database_url, channels=with_team(desk=board)) as bot:
        first = await ask_for_a_person(bot)
        second = await ask_for_a_person(bot, to="c2", address={"to": "c2"})
        await bot.until_rows(NOTICES, [("desk", "delivered")] * 2)
        take, bad = board.withdraw, board.told[0].delivery_id

        async def withdraw(withdrawn: Withdrawn) -> None:
            if withdrawn.delivery_id == bad:
                raise OSError
            await take(withdrawn)

        monkeypatch.setattr(board, "withdraw", withdraw)

        def unit(tx: Any) -> None:
            for gone in (first, second):
                ledger.plan(tx, gone, now_ms())

        await bot.store.write(unit)
        tried = "select count(*) from withdrawals where due_at > deleted_at + 1000"
        await bot.until_rows(tried, [(2,)])
        await now(bot)
        await bot.until_rows("select delivery_id from withdrawals", [(bad,)])
        assert 1 == len(board.withdrawals)


@pytest.mark.parametrize("damage", ["[]", "7"])
async def test_one_that_cannot_be_read_is_dead(database_url: str, damage: str) -> None:
    """At once, with the reason; that there is an address is all that can be said of it."""
    board = Board()
    async with running(database_url, channels=with_team(desk=board)) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        spoilt = Statement(update(table).values(address=damage))

        def unit(tx: Any) -> None:
            ledger.plan(tx, conversation, 1)
            tx.run(spoilt)

        await bot.store.write(unit)
        await bot.until_rows(STANDS, [("dead", "what is stored cannot be read")])


async def test_a_platform_that_asks_to_wait_is_left_alone(database_url: str) -> None:
    """As long as it says, and with all that is to be withdrawn there."""
    board = Board()
    async with running(database_url, channels=with_team(desk=board)) as bot:
        conversation = await ask_for_a_person(bot)
        other = await ask_for_a_person(bot, to="c2", address={"to": "c2"})
        await bot.until_rows(NOTICES, [("desk", "delivered")] * 2)
        board.errors.append(RetryAfter(seconds=3000, cause="ratelimited"))

        def unit(tx: Any) -> None:
            for gone in (conversation, other):
                ledger.plan(tx, gone, now_ms())

        await bot.store.write(unit)
        late = "select tries from withdrawals where due_at > deleted_at + 2900000 order by tries"
        await bot.until_rows(late, [(0,), (1,)])
        assert [] == board.withdrawals


async def test_who_was_overtaken_records_nothing(database_url: str) -> None:
    """Its lease ended, and another process has the post by now."""
    async with running(database_url, channels=with_team(desk=Board())) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        later = Statement(update(table).values(due_at=10**14))

        def unit(tx: Any) -> list[Any]:
            ledger.plan(tx, conversation, 1)
            tx.run(later)
            [(row)] = ledger.due(tx, 10**14, 1)
            claims = [ledger.claim(tx, row.delivery_id, now=10**14, lease_until=10**14) for _ in range(2)]
            how = {"reason": "late", "now": 10**14}
            ledger.wait(tx, claims[0], 10**15, **how)
            late = ledger.end(tx, claims[0], "delivered", receipt="", **how)
            return [late, ledger.end(tx, claims[1], "dead", receipt="", **how)]

        assert [False, True] == await bot.store.write(unit)
        assert [("dead", "late")] == await bot.rows(STANDS)
