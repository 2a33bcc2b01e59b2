"""A message is accepted once, durably, before anybody acknowledges it."""

from __future__ import annotations

import asyncio

import pytest

from supportbot.errors import NotAccepting
from supportbot.messages import Attachment, Sender
from tests.durable import Durable, inbound, opened, running


async def test_a_message_is_stored_and_answered(database_url: str) -> None:
    """What is accepted has a number, a conversation and, in the end, one reply."""
    async with running(database_url) as bot:
        accepted = await bot.accept("hello")
        assert (accepted.seq, accepted.state, accepted.duplicate) == (1, "pending", False)
        assert await bot.replies(1) == ["re: hello"]


async def test_a_duplicate_gets_the_first_receipt_and_no_second_answer(database_url: str) -> None:
    """The same key, five times at once and once more after the answer, is one message."""
    async with running(database_url) as bot:
        receipts = await asyncio.gather(*(bot.accept("hello", key="k") for _ in range(5)))
        assert len({receipt.message_id for receipt in receipts}) == 1
        assert sorted(receipt.duplicate for receipt in receipts) == [False, True, True, True, True]
        await bot.replies(1)
        late = await bot.accept("hello", key="k")
        assert (late.duplicate, late.same, late.state) == (True, True, "answered")
        assert await bot.rows("select count(*) from messages where author = 'customer'") == [(1,)]
        assert bot.platform.texts == ["re: hello"]


async def test_a_used_key_with_another_text_is_told_apart(database_url: str) -> None:
    """A key that comes with other words changes nothing and says so."""
    async with running(database_url) as bot:
        await bot.accept("hello", key="k")
        other = await bot.accept("good-bye", key="k")
        assert (other.duplicate, other.same) == (True, False)
        assert await bot.replies(1) == ["re: hello"]


async def test_any_of_several_keys_makes_a_duplicate(database_url: str) -> None:
    """Two events about one post share one key; the other keys are remembered as well."""
    async with running(database_url) as bot:
        first = await bot.inbox.accept(inbound("hi").evolve(keys=("event-1", "post-1")))
        twin = await bot.inbox.accept(inbound("hi").evolve(keys=("event-2", "post-1")))
        retry = await bot.inbox.accept(inbound("hi").evolve(keys=("event-2",)))
        assert {first.message_id} == {twin.message_id, retry.message_id}
        assert (twin.duplicate, retry.duplicate) == (True, True)


async def test_the_same_key_on_two_channels_is_two_messages(database_url: str) -> None:
    """Keys belong to a channel."""
    async with opened(database_url) as store:
        bot = Durable(store)
        first = await bot.accept("hi", key="k", channel="web")
        second = await bot.accept("hi", key="k", channel="fax")
        assert second.duplicate is False
        assert first.conversation_id != second.conversation_id


@pytest.mark.parametrize(
    "other",
    [{"to": "c2"}, {"author": "person"}, {"sender": Sender(id="ben")}],
    ids=["conversation", "author", "sender"],
)
async def test_the_same_words_elsewhere_are_another_message(
    database_url: str, other: dict[str, object]
) -> None:
    """Whoever uses a key again for something else is told so: another's reply is not for them."""
    async with opened(database_url) as store:
        bot = Durable(store)
        first = await bot.accept("same", key="k")
        again = await bot.accept("same", key="k", **other)
        assert (first.message_id, True, False) == (again.message_id, again.duplicate, again.same)


async def test_numbers_have_no_gaps_when_many_write_at_once(database_url: str) -> None:
    """Fifty messages of one conversation at once are numbered 1 to 50."""
    async with opened(database_url) as store:
        bot = Durable(store)
        await asyncio.gather(*(bot.accept(f"m{number}") for number in range(50)))
        assert await bot.rows("select seq from messages order by seq") == [(n,) for n in range(1, 51)]
        assert await bot.rows("select count(*) from conversations") == [(1,)]
        assert await bot.rows("select count(*) from contacts") == [(1,)]


async def test_what_no_database_can_hold_is_replaced(database_url: str) -> None:
    """NUL and lone surrogates, anywhere in a message, never become poison."""
    async with running(database_url) as bot:
        bad = "a\x00b\ud800c"
        message = inbound(bad, to=bad, key=bad).evolve(
            sender=Sender(id=bad, name=bad, email=bad),
            attachments=(Attachment(name=bad, content_type="text/plain", size=1, url=bad),),
        )
        accepted = await bot.inbox.accept(message)
        again = await bot.inbox.accept(message)
        assert (again.message_id, again.same) == (accepted.message_id, True)
        assert await bot.replies(1) == ["re: a\ufffdb\ufffdc"]


async def test_machine_mail_is_recorded_and_never_answered(database_url: str) -> None:
    """An ignored message is on disk with its reason and wakes nobody."""
    async with running(database_url) as bot:
        accepted = await bot.accept("I am on holiday", ignored="auto_reply")
        await bot.accept("a person's question", to="c2")
        assert accepted.state == "ignored"
        assert await bot.replies(1) == ["re: a person's question"]
        assert await bot.rows("select state, reason from messages where seq = 1 and text like 'I am%'") == [
            ("ignored", "auto_reply")
        ]


async def test_a_person_s_reply_silences_the_bot(database_url: str) -> None:
    """A public reply by a person moves the conversation to them at once and discards the running turn."""
    async with running(database_url) as bot:
        writing = asyncio.Event()

        async def never(_turn: object) -> str:
            writing.set()
            await asyncio.Event().wait()
            return "too late"

        bot.worker.say = never
        asked = await bot.accept("help")
        await writing.wait()
        await bot.accept("I will look into it", author="person", sender=Sender(id="bert"))
        await bot.until(lambda: bot.engine.running == 0)
        later = await bot.accept("thanks")
        assert later.state == "handed_over"
        assert bot.platform.texts == []
        assert await bot.rows("select state from conversations") == [("human",)]
        assert await bot.rows(f"select state from messages where id = '{asked.message_id}'") == [
            ("handed_over",)
        ]
        assert await bot.rows("select state, reason from turns") == [("handed_over", "a person replied")]


async def test_a_person_may_reply_beside_the_bot(database_url: str) -> None:
    """Where people send what the bot drafts, their reply joins the conversation and the bot goes on."""
    async with running(database_url) as bot:
        await bot.accept("I will look into it", author="person", sender=Sender(id="bert"), takes_over=False)
        assert "pending" == (await bot.accept("thanks")).state
        assert [("bot",)] == await bot.rows("select state from conversations")


async def test_a_burst_is_one_turn(database_url: str) -> None:
    """Messages within the debounce window are answered together."""
    async with running(database_url, debounce=0.2) as bot:
        for word in ("one", "two", "three"):
            await bot.accept(word)
        assert await bot.replies(1) == ["re: one + two + three"]


async def test_a_customer_s_word_reopens_a_resolved_conversation(database_url: str) -> None:
    """After ``resolved`` the bot answers again; in ``spam`` nobody does."""
    async with running(database_url) as bot:
        await bot.accept("first")
        await bot.replies(1)
        from supportbot.session import set_state

        [(conversation,)] = await bot.rows("select id from conversations")
        await set_state(bot.store, conversation, "resolved")
        await bot.accept("again")
        assert await bot.replies(2) == ["re: first", "re: again"]
        await set_state(bot.store, conversation, "spam")
        assert (await bot.accept("buy this")).state == "ignored"


async def test_a_closed_inbox_takes_nothing(database_url: str) -> None:
    """While the bot stops, nothing is acknowledged any more."""
    async with opened(database_url) as store:
        bot = Durable(store)
        bot.inbox.close()
        with pytest.raises(NotAccepting):
            await bot.accept("too late")
        assert await bot.rows("select count(*) from messages") == [(0,)]


async def test_a_better_known_sender_is_remembered(database_url: str) -> None:
    """A contact's assurance only grows; a name is learnt when it is told."""
    async with opened(database_url) as store:
        bot = Durable(store)
        await bot.accept("hi")
        await bot.accept("hi", sender=Sender(id="anna", name="Anna", assurance="verified"))
        await bot.accept("hi", sender=Sender(id="anna"))
        assert await bot.rows("select name, assurance from contacts") == [("Anna", "verified")]


async def test_a_proof_does_not_vouch_for_an_address_that_was_only_claimed(database_url: str) -> None:
    """Tools trust the address of somebody verified: what they only said before is forgotten."""
    told = "select email, assurance from contacts"
    async with opened(database_url) as store:
        bot = Durable(store)
        await bot.accept("hi", sender=Sender(id="anna", email="victim@example.com", assurance="claimed"))
        await bot.accept("hi", sender=Sender(id="anna", assurance="verified"))
        assert [("", "verified")] == await bot.rows(told)
        await bot.accept("hi", sender=Sender(id="anna", email="anna@example.com", assurance="verified"))
        await bot.accept("hi", sender=Sender(id="anna", assurance="verified"))
        assert [("anna@example.com", "verified")] == await bot.rows(told)
