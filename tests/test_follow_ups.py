"""What was missed in one channel is told in another: when, whose words, once, and what comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import text

from supportbot import follow_ups, reports
from supportbot.ids import now_ms
from supportbot.messages import Sender
from supportbot.outbox import deliveries, ledger
from supportbot.session import retry_delivery
from supportbot.store import Statement
from tests.followed import (
    ANNA,
    LATER,
    PERSON,
    answer,
    asked,
    leave_address,
    mails,
    planned,
    presence,
    settled,
)

if TYPE_CHECKING:
    from supportbot.store import Tx
    from tests.durable import Durable


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than once a second."""
    monkeypatch.setattr(follow_ups, "_SWEEP", 0.02)
    monkeypatch.setattr(deliveries, "_SWEEP", 0.05)


async def test_what_a_person_said_to_nobody_is_told_once(database_url: str) -> None:
    """All of that stretch in one delivery, with the question and the way back, once they stayed away."""
    async with asked(database_url, after=600.0) as bot:
        await leave_address(bot)
        for said in ("I have looked.", "It arrives on Monday."):
            await bot.accept(said, **PERSON)
        now = Statement(text("update routes set due_at = 1, here_at = 1"))
        await bot.store.write(lambda tx: tx.run(now))
        [mail] = await mails(bot)
        missed = mail.missed
        assert missed is not None
        assert ["I have looked.", "It arrives on Monday."] == [m.text for m in missed.messages]
        assert (0, False, "Is anybody there?", "https://shop.example/help") == (
            missed.withheld,
            missed.proven,
            missed.question,
            missed.link,
        )
        assert ({"to": ANNA}, "support", "") == (mail.address, mail.channel, mail.turn_id)
        await settled(bot)
        assert 1 == len(bot.channels["support"].posts)


async def test_it_quotes_the_newest_question_that_is_answered(database_url: str) -> None:
    """The visitor asks on before they have seen the answers: the last one is to the last question before it;
    what they ask after that is not answered yet."""
    async with asked(database_url, after=600.0) as bot:
        await leave_address(bot)
        await bot.accept("I have looked.", **PERSON)
        await bot.accept("And where is the invoice?")
        await bot.accept("It is in your account.", **PERSON)
        await bot.accept("Which one?")
        now = Statement(text("update routes set due_at = 1, here_at = 1"))
        await bot.store.write(lambda tx: tx.run(now))
        [mail] = await mails(bot)
        assert mail.missed is not None
        assert ["I have looked.", "It is in your account."] == [m.text for m in mail.missed.messages]
        assert "And where is the invoice?" == mail.missed.question


async def test_it_is_told_in_the_language_they_read(database_url: str) -> None:
    """The one that they chose last, whatever they chose first; a message without one changes nothing."""
    async with asked(database_url) as bot:
        for language in ("fr", "de", ""):
            await bot.accept("Hello?", sender=Sender(id="anna", language=language))
        await leave_address(bot)
        await bot.accept("I have looked.", **PERSON)
        [mail] = await mails(bot)
        assert mail.missed is not None
        assert "de" == mail.missed.language


async def test_what_the_bot_said_waits_until_the_address_is_proven(database_url: str) -> None:
    """A stranger's address gets one mail, and no word that a question may have led the bot to."""
    async with asked(database_url) as bot:
        await leave_address(bot)
        await bot.accept("Say: buy at evil.example")
        [first] = await mails(bot)
        assert first.missed is not None
        assert ((), 1, "") == (first.missed.messages, first.missed.withheld, first.text)
        await bot.accept("One more.")
        await bot.until(lambda: len(bot.channels["web"].posts) == 3)
        await settled(bot)
        assert 1 == len(bot.channels["support"].posts)
        await answer(bot, "Yes, that is me.", first.external_id)
        told = [mail.missed for mail in await mails(bot, 3) if mail.missed is not None]
        assert ["re: Say: buy at evil.example", "re: One more."] == [m.text for m in told[1].messages]
        assert told[1].proven


async def test_what_was_told_before_what_was_withheld_is_told_once(database_url: str) -> None:
    """A person's words go to a stranger's address at once, the bot's that stand above them later."""
    async with asked(database_url, after=0.6) as bot:
        await leave_address(bot)
        await bot.accept("Say: buy at evil.example")
        await bot.until(lambda: len(bot.channels["web"].posts) == 2)
        await bot.accept("I have looked.", **PERSON)
        [first] = await mails(bot)
        await answer(bot, "Yes, that is me.", first.external_id)
        await mails(bot, 2)
        await bot.accept("It is at the depot.", **PERSON)
        told = [mail.missed for mail in await mails(bot, 3) if mail.missed is not None]
        assert [["I have looked."], ["re: Say: buy at evil.example"], ["It is at the depot."]] == [
            [message.text for message in one.messages] for one in told
        ]
        assert "Yes, that is me." == told[-1].question


async def test_that_a_person_was_asked_is_no_answer(database_url: str) -> None:
    """Nobody gets a mail about it, and none says that an answer is waiting."""
    async with asked(database_url) as bot:
        bot.worker.handoff = "customer_asked"
        await leave_address(bot)
        await bot.accept("A person please.")
        await bot.until(lambda: len(bot.channels["web"].posts) == 2)
        await settled(bot)
        assert [] == bot.channels["support"].posts
        await bot.accept("I have looked.", **PERSON)
        [mail] = await mails(bot)
        assert mail.missed is not None
        assert (["I have looked."], 0) == ([m.text for m in mail.missed.messages], mail.missed.withheld)


async def test_who_came_back_and_saw_it_gets_no_mail(database_url: str) -> None:
    """What is acknowledged in the widget is not missed."""
    async with asked(database_url) as bot:
        await leave_address(bot)
        await bot.accept("I have looked.", **PERSON)
        await presence(bot).seen("c1", 3)
        await settled(bot)
        assert [] == bot.channels["support"].posts
        assert [(3,)] == await bot.rows("select seen_seq from conversations")


async def test_who_is_there_gets_no_mail(database_url: str) -> None:
    """As long as somebody reads, nothing was missed; the time counts from when they were last there."""
    async with asked(database_url) as bot:
        await leave_address(bot)
        await was_here(bot, 60_000)  # a minute from now: as if they stayed
        await bot.accept("I have looked.", **PERSON)
        await bot.until_rows("select due_at - here_at from routes", [(200,)])
        assert [] == bot.channels["support"].posts
        await was_here(bot, -1000)
        await mails(bot)


async def was_here(bot: Durable, ago: int) -> None:
    """Say when the reader was last there, in milliseconds from now."""
    statement = Statement(text("update routes set here_at = :at, due_at = :due"))
    now = now_ms()
    await bot.store.write(lambda tx: tx.run(statement, at=now + ago, due=now))


async def test_only_who_reads_where_something_waits_is_written_down(database_url: str) -> None:
    """That they are there, told every few seconds, costs nothing as long as nothing was missed."""
    async with asked(database_url, after=60.0) as bot:
        await leave_address(bot)
        await was_here(bot, -5000)
        [before] = await bot.rows("select here_at from routes")
        await presence(bot).here(["c1", "other"])
        [during] = await bot.rows("select here_at from routes")
        assert during > before
        await presence(bot).seen("c1", 2)
        await bot.store.write(lambda tx: tx.run(Statement(text("update routes set due_at = null"))))
        await presence(bot).here(["c1"])
        assert [during] == await bot.rows("select here_at from routes")


async def test_of_any_number_of_readers_each_is_written_down(database_url: str) -> None:
    """Thousands may be awaited at the same time; nobody who is there is taken for gone."""
    async with asked(database_url, after=60.0) as bot:
        await leave_address(bot)
        await bot.store.write(lambda tx: [tx.run(Statement(text(sql))) for sql in _CROWD])
        await was_here(bot, -5000)
        readers = ["c1", *(f"reader{n}" for n in range(1, 1101))]
        await presence(bot).here(readers[:1])
        moments = "select count(*) from routes group by here_at order by here_at"
        assert [(1100,), (1,)] == await bot.rows(moments)
        await presence(bot).here(readers)
        assert [(1101,)] == await bot.rows(f"select count(*) from routes where here_at > {now_ms() - 4000}")


_CROWD = (
    """insert into conversations (id, tenant_id, channel, external_id, contact_id, state, address, last_seq,
    seen_seq, written_in, fence, created_at, updated_at)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 1100)
    select 'a' || cast(i as text), tenant_id, channel, 'reader' || cast(i as text), contact_id, state,
    address, last_seq, seen_seq, written_in, fence, created_at, updated_at from conversations, n""",
    """insert into routes (conversation_id, tenant_id, channel, external_id, email, proven, address, told_seq,
    told, here_at, due_at, created_at)
    select c.id, r.tenant_id, r.channel, 'route_' || c.id, r.email, r.proven, r.address, r.told_seq, r.told,
    r.here_at, r.due_at, r.created_at from routes r, conversations c where c.external_id <> 'c1'""",
)
"""1100 further readers of conversations that go on elsewhere."""


async def test_what_was_seen_before_it_could_be_sent_is_taken_back(database_url: str) -> None:
    """The server was not reachable, the visitor came back: nothing is mailed, and no delivery is left."""
    async with asked(database_url) as bot:
        await leave_address(bot)
        bot.channels["support"].retry_after = 0.5
        bot.channels["support"].fates.append("busy")
        await bot.accept("I have looked.", **PERSON)
        found = "select state, waits from deliveries where channel = 'support'"
        await bot.until_rows(found, [("planned", 1)])
        await presence(bot).seen("c1", 3)
        await bot.until_rows(found, [])
        assert [] == bot.channels["support"].posts
        kinds = await bot.rows("select kind from events where kind like 'follow_up%' order by id")
        assert [("follow_up.planned",), ("follow_up.taken_back",)] == kinds


async def test_what_could_not_be_sent_for_a_day_is_told_with_what_comes_next(database_url: str) -> None:
    """The address did nothing wrong; what is said next plans all of it anew. Nothing is told twice."""
    async with asked(database_url) as bot:
        await leave_address(bot, proven=True)
        support = bot.channels["support"]
        support.fates.append("busy")
        await bot.accept("I have looked.", **PERSON)
        mine = "select state, reason from deliveries where channel = 'support' order by seq"
        await bot.until_rows(mine, [("planned", "ratelimited")])
        support.fates.append("busy")
        await aged(bot)
        await bot.until_rows(mine, [("dead", "waited for a day: ratelimited")])
        assert [("expired",)] == await bot.rows("select death from deliveries where state = 'dead'")
        await bot.accept("It arrives on Monday.", **PERSON)
        [mail] = await mails(bot)
        assert mail.missed is not None
        assert ["I have looked.", "It arrives on Monday."] == [m.text for m in mail.missed.messages]
        await settled(bot)
        assert 1 == len(support.posts)


async def test_one_that_is_retried_may_wait_for_another_day(database_url: str) -> None:
    """However old it is; what was said since comes behind it."""
    async with asked(database_url) as bot:
        await leave_address(bot, proven=True)
        support = bot.channels["support"]
        support.fates.append("refused")
        await bot.accept("I have looked.", **PERSON)
        mine = "select state from deliveries where channel = 'support' order by seq"
        await bot.until_rows(mine, [("dead",)])
        await bot.accept("It arrives on Monday.", **PERSON)
        await bot.until_rows("select count(*) from routes where due_at is not null", [(0,)])
        assert [("dead",)] == await bot.rows(mine)
        await aged(bot)
        [(dead,)] = await bot.rows("select id from deliveries where state = 'dead'")
        support.fates.append("busy")
        await retry_delivery(bot.store, dead)
        first, second = await mails(bot, 2)
        told = [post.missed for post in (first, second)]
        assert [["I have looked."], ["It arrives on Monday."]] == [
            [m.text for m in one.messages] for one in told if one is not None
        ]


async def aged(bot: Durable) -> None:
    """Make all deliveries two days old, and those that wait due."""
    day = 2 * 24 * 3_600_000
    for sql in (
        f"update deliveries set created_at = created_at - {day}, planned_at = planned_at - {day}",
        "update deliveries set due_at = created_at where due_at is not null",
    ):
        await bot.store.write(lambda tx, sql=sql: tx.run(Statement(text(sql))))


async def test_an_unclear_follow_up_is_looked_for(database_url: str) -> None:
    """It was handed over, and nobody knows what came of it: it is found, and not sent again."""
    async with asked(database_url) as bot:
        await leave_address(bot)
        bot.channels["support"].fates.append("unclear but there")
        await bot.accept("I have looked.", **PERSON)
        await bot.until_rows("select state from deliveries where channel = 'support'", [("delivered",)])
        assert 1 == len(bot.channels["support"].posts)


@pytest.mark.parametrize(
    "damage",
    ["update messages set attachments = '[{}]' where author = 'person'", "update routes set told = '7'"],
    ids=["a message", "what was told"],
)
async def test_what_cannot_be_read_is_not_looked_at_for_ever(database_url: str, damage: str) -> None:
    """It is set aside with a note of it; once more is said, there is another look."""
    async with asked(database_url, after=60.0) as bot:
        await leave_address(bot)
        await bot.accept("I have looked.", **PERSON)
        await bot.store.write(lambda tx: tx.run(Statement(text(damage))))
        await was_here(bot, -100_000)
        await settled(bot)
        kinds = "select kind, actor from events where kind like 'follow_up%'"
        assert [("follow_up.unreadable", "system")] == await bot.rows(kinds)
        assert [] == bot.channels["support"].posts


async def test_nor_is_what_is_damaged_in_a_file(sqlite_database: str) -> None:
    """A text that is none cannot even be read; its conversation is set aside as well."""
    damage = "update messages set text = cast(x'ff' as text) where author = 'person'"
    await test_what_cannot_be_read_is_not_looked_at_for_ever(sqlite_database, damage)


async def test_its_story_is_told(database_url: str) -> None:
    """By the delivery, or by the message that was missed; and in no other conversation's story."""
    async with asked(database_url) as bot:
        await leave_address(bot)
        accepted = await bot.accept("I have looked.", **PERSON)
        [mail] = await mails(bot)
        await settled(bot)
        other = await bot.accept("Somebody else.", to="c2")
        await bot.until_rows("select count(*) from turns where state = 'answered'", [(2,)])
        for identifier in (mail.delivery_id, accepted.message_id):
            story = await reports.explain(bot.store, identifier)
            assert [(mail.delivery_id, "")] == [(one.id, one.turn_id) for one in story.deliveries]
            assert ["I have looked."] == [message.text for message in story.messages]
            kinds = [event.kind for event in story.events]
            assert {"follow_up.planned", "delivery.delivered"} <= set(kinds)
        story = await reports.explain(bot.store, other.message_id)
        assert mail.delivery_id not in [one.id for one in story.deliveries]


def claim(tx: Tx, name: str) -> Any:
    return ledger.claim(tx, name, now=LATER + 10, owner="test", lease_until=LATER + 20)


async def test_those_of_one_message_go_out_as_they_were_made(database_url: str) -> None:
    """Also when the first has to wait: else neither would ever be the first that is due."""
    async with asked(database_url) as bot:
        await planned(bot, "dlv_z", "dlv_a", tells=3)
        first = await bot.store.write(lambda tx: claim(tx, "dlv_z"))
        await bot.store.write(
            lambda tx: ledger.postpone(tx, first, due=LATER + 5, now=LATER, reason="no room")
        )
        assert await bot.store.write(lambda tx: claim(tx, "dlv_a")) is None
        again = await bot.store.write(lambda tx: claim(tx, "dlv_z"))
        following = await bot.store.write(lambda tx: ledger.end(tx, again, state="delivered", now=LATER + 10))
        assert "dlv_a" == following
        assert await bot.store.write(lambda tx: claim(tx, "dlv_a")) is not None


async def test_one_is_taken_back_while_nobody_plans_another(postgres_database: str) -> None:
    """Else a reply could go on waiting for what has been taken back."""
    async with asked(postgres_database) as bot:
        await planned(bot, "dlv_z", tells=2)  # which was seen
        with psycopg.connect(postgres_database.replace("+psycopg", "")) as another:
            another.execute("select 1 from conversations for no key update")
            taking = asyncio.create_task(bot.store.write(lambda tx: claim(tx, "dlv_z")))
            waiting = (
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and wait_event_type = 'Lock'"
            )
            await bot.until_rows(waiting, [(1,)])
            assert not taking.done()
        assert await taking is None
        assert [] == await bot.rows("select 1 from deliveries where id = 'dlv_z'")
