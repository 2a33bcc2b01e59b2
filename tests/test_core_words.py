"""Attempts to break the durable path with what strangers, models and platforms say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.errors import ModelError, Refused
from supportbot.messages import Attachment, Sender, Sent, Turn
from supportbot.records import ChannelRecords
from supportbot.session import ChannelTranscripts
from tests.durable import Durable, inbound, opened, running

if TYPE_CHECKING:
    from supportbot.messages import Outbound


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
