"""The session store as channels read it, on both databases."""

from __future__ import annotations

from supportbot.messages import Sender
from supportbot.session import ChannelTranscripts
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
