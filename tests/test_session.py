"""The session store as channels read it, on both databases."""

from __future__ import annotations

from supportbot.messages import Sender
from supportbot.session import ChannelTranscripts, delete_conversation
from tests.durable import inbound, running

ANNA, BEN = Sender(id="anna"), Sender(id="ben")


async def test_what_a_sender_began_is_listed(database_url: str) -> None:
    """The newest first, with its first words, the newest address and who speaks; nobody else's is there."""
    async with running(database_url) as bot:
        for number, sender in enumerate((ANNA, BEN, ANNA)):
            message = inbound(f"question {number}", to=f"c{number}", key=f"k{number}", sender=sender)
            await bot.inbox.accept(message.evolve(address={"thread": number}))
            await bot.replies(number + 1)
        joined = inbound("me too", to="c1", key="joined", sender=ANNA).evolve(address={"thread": "moved"})
        await bot.inbox.accept(joined)
        await bot.replies(4)
        transcripts = ChannelTranscripts(bot.store, "web")
        begun = await transcripts.begun_by("anna")
        assert [("c2", "question 2", "bot"), ("c0", "question 0", "bot")] == [
            (one.external_id, one.text, one.state) for one in begun
        ]
        assert ["c2"] == [one.external_id for one in await transcripts.begun_by("anna", limit=1)]
        assert [{"thread": "moved"}] == [one.address for one in await transcripts.begun_by("ben")]
        assert [] == await ChannelTranscripts(bot.store, "fax").begun_by("anna")


async def test_a_message_is_known_by_each_of_its_keys(database_url: str) -> None:
    """In its channel, for as long as it is there."""
    async with running(database_url) as bot:
        accepted = await bot.inbox.accept(inbound("Where?", to="c1", key="k1").evolve(keys=("k1", "k2")))
        web, fax = ChannelTranscripts(bot.store, "web"), ChannelTranscripts(bot.store, "fax")
        assert [True, True, False] == [await web.has(key) for key in ("k1", "k2", "k3")]
        assert not await fax.has("k1")
        await bot.replies(1)
        await delete_conversation(bot.store, accepted.conversation_id)
        assert not await web.has("k1")


async def test_who_said_what_is_told_by_name(database_url: str) -> None:
    """Also of a person of the team, known from what they wrote; the bot itself has no name here."""
    async with running(database_url) as bot:
        await bot.accept("Where is it?", sender=Sender(id="kim", name="Kim"))
        await bot.replies(1)
        await bot.accept("I am looking.", author="person", sender=Sender(id="agent-3", name="Ada"))
        transcripts = ChannelTranscripts(bot.store, "web")
        said = [(m.author, m.name) for m in await transcripts.messages("c1")]
        assert [("customer", "Kim"), ("bot", ""), ("person", "Ada")] == said


async def test_one_id_is_one_person_of_one_name(database_url: str) -> None:
    """As docs/webhook.md says: the newest name is theirs for everything they wrote, in any conversation."""
    async with running(database_url) as bot:
        for to, name in (("c1", "Ada"), ("c2", "Ada Lovelace"), ("c1", "")):
            await bot.accept("Hello", to=to, author="person", sender=Sender(id="agent-3", name=name))
        transcripts = ChannelTranscripts(bot.store, "web")
        names = [m.name for key in ("c1", "c2") for m in await transcripts.messages(key)]
        assert ["Ada Lovelace"] * 3 == names


async def test_one_look_tells_which_conversation_it_is_and_who_speaks(database_url: str) -> None:
    """The same as both looks apart; nothing of another channel's."""
    async with running(database_url) as bot:
        accepted = await bot.accept("Hello", author="person")
        transcripts = ChannelTranscripts(bot.store, "web")
        assert (accepted.conversation_id, "human") == await transcripts.standing("c1")
        assert None is await transcripts.standing("c2")
        assert None is await ChannelTranscripts(bot.store, "fax").standing("c1")


async def test_a_conversation_whose_key_looks_like_a_second_one_is_found(database_url: str) -> None:
    """Programs choose their keys: one that begins as a second key does may be a conversation's own."""
    async with running(database_url) as bot:
        accepted = await bot.accept("Where is it?", to="route_17")
        await bot.replies(1)
        transcripts = ChannelTranscripts(bot.store, "web")
        assert ["Where is it?", "re: Where is it?"] == [
            message.text for message in await transcripts.messages("route_17")
        ]
        assert (accepted.conversation_id, "bot") == await transcripts.standing("route_17")
        assert [] == await transcripts.messages("route_17", after=2)
        assert None is await transcripts.standing("route_18")
