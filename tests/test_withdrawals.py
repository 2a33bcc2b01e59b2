"""What is still to be taken back of deleted conversations stands in sight of the operator until it is."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from sqlalchemy import update

from supportbot import reports
from supportbot import withdrawals as ledger
from supportbot.errors import ConversationDeleted, NeverClear, NotFound
from supportbot.ids import now_ms
from supportbot.outbox import taking_back
from supportbot.outbox.notices import Untold
from supportbot.session import delete_conversation, retry_delivery, settle_delivery
from supportbot.store import Statement
from supportbot.tables import withdrawals as table
from tests.durable import running
from tests.handed_over import NOTICES, Board, ask_for_a_person
from tests.taken_back import LEFT, STANDS, Failing, now, told_and_deleted, with_team


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than every five seconds."""
    monkeypatch.setattr(taking_back, "_SWEEP", 0.02)


@pytest.mark.parametrize("state", ["dead", "unknown"])
async def test_what_ended_otherwise_is_listed_counted_and_retried(
    database_url: str, state: Literal["dead", "unknown"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal is none that is done: it stands among the deliveries, with its reason, until it is."""
    board = Board()
    fails = Failing(board.find, NeverClear(cause="missing_scope"))
    if state == "unknown":
        board.fates.append("unclear but there")
        monkeypatch.setattr(board, "find", fails)
    else:
        board.withdraw_fates.append("refused")
    async with running(database_url, channels=with_team(desk=board)) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered" if state == "dead" else "unknown")])
        [told] = board.told
        await delete_conversation(bot.store, conversation)
        reason = "channel_not_found" if state == "dead" else "missing_scope"
        await bot.until_rows(STANDS, [(state, reason)])
        [row] = (await reports.deliveries(bot.store, state=state)).rows
        assert (told.delivery_id, "desk", "withdrawal", state, 1, reason) == (
            row.id,
            row.channel,
            row.kind,
            row.state,
            row.sends,
            row.reason,
        )
        assert {state: 1} == await bot.store.read(ledger.standing)
        ended = f'supportbot_deliveries_total{{channel="desk",kind="withdrawal",state="{state}"}} 1.0'
        assert ended in bot.metrics.exposition().decode()
        assert [] == board.withdrawals
        fails.error = None
        await retry_delivery(bot.store, told.delivery_id)
        await bot.until_rows(LEFT, [(0,)])
        assert ["post-1"] == [gone.external_id for gone in board.withdrawals]
        with pytest.raises(NotFound):
            await retry_delivery(bot.store, told.delivery_id)


@pytest.mark.parametrize(
    ("before", "outcome", "after"),
    [
        ("dead", "delivered", None),
        ("unknown", "delivered", None),
        ("unknown", "dead", "dead"),
        ("dead", "dead", NotFound),
        ("planned", "delivered", NotFound),
        ("planned", "dead", NotFound),
    ],
)
async def test_an_operator_who_looked_says_how_it_is(
    database_url: str, before: str, outcome: Literal["delivered", "dead"], after: Any
) -> None:
    """That the post is gone, or that it stands there; only where the bot has nothing more to try."""
    async with running(database_url, channels=with_team(desk=Board())) as bot:
        conversation = await ask_for_a_person(bot)
        await bot.until_rows(NOTICES, [("desk", "delivered")])
        [(delivery,)] = await bot.rows("select id from deliveries where kind = 'notice'")
        later = Statement(update(table).values(due_at=10**15 if before == "planned" else None, state=before))

        def unit(tx: Any) -> None:
            ledger.plan(tx, conversation, now_ms())
            tx.run(later)

        await bot.store.write(unit)
        if after is NotFound:
            with pytest.raises(NotFound):
                await settle_delivery(bot.store, delivery, outcome)
            assert [(before,)] == await bot.rows("select state from withdrawals")
        else:
            await settle_delivery(bot.store, delivery, outcome)
            found = await bot.rows(STANDS)
            assert ([("dead", "set to dead by the operator")] if after else []) == found


async def test_lists_hold_both_in_one_order(database_url: str) -> None:
    """By when they were planned, or by when they came to a state; a page goes on where the last one ended."""
    board = Board()
    board.withdraw_fates.extend(["refused"] * 3)
    async with running(database_url, channels=with_team(desk=board)) as bot:
        for customer in ("c1", "c2", "c3"):
            conversation = await ask_for_a_person(bot, to=customer, address={"to": customer})
            await bot.until_rows(NOTICES, [("desk", "delivered")])
            await delete_conversation(bot.store, conversation)
            await bot.until_rows(
                "select count(*) from withdrawals where state = 'dead'", [(int(customer[1]),)]
            )
            bot.worker.handoff = ""
            bot.channels["web"].fates.append("refused")
            await bot.accept("Hello?", to=f"other {customer}")
            refused = "select count(*) from deliveries where state = 'dead'"
            await bot.until_rows(refused, [(int(customer[1]),)])
        for state in (None, "dead"):
            whole = (await reports.deliveries(bot.store, state=state)).rows
            assert ["reply", "withdrawal"] * 3 == [row.kind for row in whole]
            pages, before = [], ""
            while True:
                page = await reports.deliveries(bot.store, state=state, limit=2, before=before)
                pages += page.rows
                before = page.rows[-1].id
                if not page.more:
                    break
            assert list(whole) == pages
        kinds = {"withdrawal": 3, "reply": 3, "notice": 0}
        for kind, number in kinds.items():
            assert number == len((await reports.deliveries(bot.store, kind=kind)).rows)  # type: ignore[arg-type]


async def test_the_story_of_one_says_where_to_look(database_url: str) -> None:
    """There is none any more, but the post is not forgotten."""
    board = Board()
    board.withdraw_fates.append("refused")
    async with running(database_url, channels=with_team(desk=board)) as bot:
        delivery = await told_and_deleted(bot)
        await bot.until_rows(STANDS, [("dead", "channel_not_found")])
        with pytest.raises(ConversationDeleted, match="deliveries list --kind withdrawal"):
            await reports.explain(bot.store, delivery)


@pytest.mark.parametrize("state", ["planned", "unknown", "dead"])
async def test_a_post_that_waits_long_to_be_withdrawn_is_a_problem(database_url: str, state: str) -> None:
    """For an hour it is none: Slack is away now and then."""
    async with running(database_url, channels=with_team(desk=Board())) as bot:
        untold, conversations = Untold(bot.store), []
        for customer in ("c1", "c2"):
            conversations.append(await ask_for_a_person(bot, to=customer, address={"to": customer}))
        await bot.until_rows(NOTICES, [("desk", "delivered")] * 2)

        async def withdraw(conversation: str, ago: int) -> None:
            later = Statement(update(table).values(due_at=10**15, state=state))

            def unit(tx: Any) -> None:
                ledger.plan(tx, conversation, now_ms() - ago)
                tx.run(later)  # its platform is away

            await bot.store.write(unit)

        await withdraw(conversations[0], 3_500_000)
        await untold.look()
        assert {} == untold.problems()
        await now(bot, Statement(update(table).values(deleted_at=1)))
        await untold.look()
        one, two = ("may hold",) * 2 if state == "unknown" else ("still holds", "still hold")
        assert {"desk": f"1 post {one} words of deleted conversations"} == untold.problems()
        await withdraw(conversations[1], 3_700_000)
        await untold.look()
        assert {"desk": f"2 posts {two} words of deleted conversations"} == untold.problems()
