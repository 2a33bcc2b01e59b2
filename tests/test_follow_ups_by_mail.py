"""Follow-ups: who answers the mail, and which addresses are written to."""

from __future__ import annotations

import pytest

from supportbot import follow_ups
from supportbot.outbox import deliveries
from supportbot.outbox.returns import ChannelReturns
from supportbot.session import ChannelTranscripts, delete_conversation, set_state
from tests.followed import ANNA, PERSON, answer, asked, leave_address, mails, settled


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than once a second."""
    monkeypatch.setattr(follow_ups, "_SWEEP", 0.02)
    monkeypatch.setattr(deliveries, "_SWEEP", 0.05)


async def test_the_answer_to_the_mail_joins_the_conversation(database_url: str) -> None:
    """It is shown where the conversation began, and they are answered where they wrote last."""
    async with asked(database_url) as bot:
        await leave_address(bot)
        await bot.accept("I have looked.", **PERSON)
        [mail] = await mails(bot)
        await answer(bot, "Thank you.", mail.external_id)
        assert [("Thank you.", "handed_over")] == await bot.rows(
            "select text, state from messages where seq = 4"
        )
        [conversation] = await bot.rows("select id, written_in from conversations")
        assert "support" == conversation[1]
        shown = await ChannelTranscripts(bot.store, "web").messages("c1")
        elsewhere = await ChannelTranscripts(bot.store, "support").messages(mail.external_id)
        assert [m.text for m in shown] == [m.text for m in elsewhere]
        assert "Thank you." == shown[-1].text
        await bot.accept("Here again.")
        assert [("",)] == await bot.rows("select written_in from conversations")


async def test_the_bot_answers_where_the_customer_wrote_last(database_url: str) -> None:
    """By mail to a mail, in the widget to the widget; and what went by mail is not missed in the widget."""
    async with asked(database_url) as bot:
        await leave_address(bot, proven=True)
        await bot.accept("And when?")
        [mail] = await mails(bot)
        assert mail.missed is not None
        assert ["re: And when?"] == [m.text for m in mail.missed.messages]
        await answer(bot, "By mail now.", mail.external_id)
        reply = (await mails(bot, 2))[1]
        assert (None, "re: By mail now.", mail.external_id) == (reply.missed, reply.text, reply.external_id)
        assert "<a@customer.test>" == reply.address["message_id"]
        await bot.accept("In the chat again.")
        await bot.until(lambda: bot.channels["web"].texts[-1] == "re: In the chat again.")
        third = (await mails(bot, 3))[2]
        assert third.missed is not None
        assert ["re: In the chat again."] == [m.text for m in third.missed.messages]


async def test_a_person_s_answer_to_a_mail_goes_by_mail(database_url: str) -> None:
    """They write where the team works; nobody is in the widget, and nobody need be awaited there."""
    async with asked(database_url) as bot:
        await leave_address(bot)
        await bot.accept("I have looked.", **PERSON)
        [mail] = await mails(bot)
        await answer(bot, "And?", mail.external_id)
        await bot.accept("It is on its way.", **PERSON)
        second = (await mails(bot, 2))[1]
        assert second.missed is not None
        assert (["It is on its way."], True) == (
            [m.text for m in second.missed.messages],
            second.missed.proven,
        )


async def test_what_a_person_sent_by_mail_is_not_mailed_again(database_url: str) -> None:
    """It is in the Sent folder, so the customer has it; the widget shows it."""
    async with asked(database_url) as bot:
        await leave_address(bot)
        await bot.accept("I have looked.", **PERSON)
        [mail] = await mails(bot)
        await answer(bot, "And?", mail.external_id)
        await answer(bot, "Sent from my mail program.", mail.external_id, **PERSON)
        await settled(bot)
        assert 1 == len(bot.channels["support"].posts)
        assert "support" == (await bot.rows("select written_in from conversations"))[0][0]


async def test_another_address_begins_anew(database_url: str) -> None:
    """Whoever had the first one is no longer part of it: what is answered there joins nothing."""
    async with asked(database_url) as bot:
        await leave_address(bot, "ana@customer.test")
        await bot.accept("I have looked.", **PERSON)
        [wrong] = await mails(bot)
        await leave_address(bot, ANNA)
        right = (await mails(bot, 2))[1]
        assert ({"to": ANNA}, "I have looked.") == (right.address, right.text)
        assert wrong.external_id != right.external_id
        await answer(bot, "Who are you?", wrong.external_id)
        first_words = "select text from messages where seq = 1 order by created_at"
        assert [("Is anybody there?",), ("Who are you?",)] == await bot.rows(first_words)
        [said, *_] = await ChannelTranscripts(bot.store, "support").messages(wrong.external_id)
        assert "Who are you?" == said.text


async def test_a_proven_address_gives_way_to_one_that_was_given(database_url: str) -> None:
    """What they asked for counts; the same one given is proven."""
    async with asked(database_url) as bot:
        await leave_address(bot, ANNA)
        await leave_address(bot, "login@customer.test", proven=True)
        assert [(ANNA, 0)] == await bot.rows("select email, proven from routes")


async def test_an_address_that_nobody_may_write_to_is_none(database_url: str) -> None:
    """The mailbox says so; and a channel without a rule has no follow-ups."""
    async with asked(database_url) as bot:
        await leave_address(bot, "support@shop.example")
        assert [] == await bot.rows("select 1 from routes")
        assert (True, False) == (
            bot.follow_ups.goes_on("web", ANNA),
            bot.follow_ups.goes_on("support", ANNA),
        )


async def test_a_conversation_that_is_spam_sends_nothing(database_url: str) -> None:
    """Nor does one that is deleted: where it went on is deleted with it."""
    async with asked(database_url) as bot:
        await leave_address(bot)
        await bot.accept("I have looked.", **PERSON)
        [(conversation,)] = await bot.rows("select id from conversations")
        await set_state(bot.store, conversation, "spam")
        await settled(bot)
        assert [] == bot.channels["support"].posts
        await delete_conversation(bot.store, conversation)
        assert [] == await bot.rows("select 1 from routes")


@pytest.mark.parametrize("reason", ["bounced: 5.1.1", "waited for a day: 4.4.7"])
async def test_what_did_not_arrive_is_not_followed_by_more(database_url: str, reason: str) -> None:
    """A mail that bounces says that nobody is there, in whatever words; another address may be."""
    async with asked(database_url) as bot:
        await leave_address(bot, proven=True)
        await bot.accept("I have looked.", **PERSON)
        [mail] = await mails(bot)
        await settled(bot)
        returned = ChannelReturns(bot.store, "support", bot.metrics)
        assert await returned(mail.delivery_id, reason=reason)
        await bot.accept("It arrives on Monday.", **PERSON)
        await settled(bot)
        assert 1 == len(bot.channels["support"].posts)


async def test_an_address_that_is_proven_gets_a_fresh_chance(database_url: str) -> None:
    """What was not sent there while it might have been a stranger's is sent to its owner."""
    async with asked(database_url) as bot:
        await leave_address(bot)
        bot.channels["support"].fates.append("refused")
        await bot.accept("I have looked.", **PERSON)
        await bot.until_rows("select state from deliveries where channel = 'support'", [("dead",)])
        await bot.accept("It arrives on Monday.", **PERSON)
        await settled(bot)
        assert [] == bot.channels["support"].posts
        await leave_address(bot, proven=True)
        [mail] = await mails(bot)
        assert mail.missed is not None
        assert (["I have looked.", "It arrives on Monday."], True) == (
            [m.text for m in mail.missed.messages],
            mail.missed.proven,
        )
        await settled(bot)
        assert 1 == len(bot.channels["support"].posts)
