"""What people think of answers."""

from __future__ import annotations

from sqlalchemy import select

from supportbot import reports
from supportbot.host import Opinion
from supportbot.metrics import Metrics
from supportbot.ratings import ChannelRatings
from supportbot.session import ChannelTranscripts
from supportbot.store import Statement
from supportbot.tables import events
from tests.durable import running

_KINDS = Statement(select(events.c.kind))


async def test_one_verdict_per_person_counts(database_url: str) -> None:
    """The newest; and only of turns of the channel itself."""
    async with running(database_url) as bot:
        await bot.accept("Hello?")
        await bot.replies(1)
        [turn] = (await reports.turns(bot.store)).rows
        metrics = Metrics()
        ratings = ChannelRatings(bot.store, "web", metrics)
        assert await ratings.rate(turn.id, rater="anna", verdict="good")
        assert await ratings.rate(turn.id, rater="anna", verdict="bad")
        assert await ratings.rate(turn.id, rater="anna", verdict="bad")
        assert await ratings.rate(turn.id, rater="ben", verdict="good")
        assert not await ratings.rate("turn_none", rater="ben", verdict="good")
        assert not await ChannelRatings(bot.store, "other", metrics).rate(turn.id, rater="x", verdict="bad")
        [turn] = (await reports.turns(bot.store)).rows
        assert (1, 1) == (turn.good, turn.bad)
        story = await reports.explain(bot.store, turn.id)
        assert 3 == [event.kind for event in story.events].count("turn.rated")
        assert b'supportbot_ratings_total{channel="web",verdict="good"} 2.0' in metrics.exposition()


async def test_a_deleted_message_loses_its_words(database_url: str) -> None:
    """Found by its key; what is not there is no error."""
    async with running(database_url) as bot:
        accepted = await bot.accept("My card is 1234", key="k2")
        await bot.replies(1)
        transcripts = ChannelTranscripts(bot.store, "web")
        assert await transcripts.redact("k2")
        assert not await transcripts.redact("k3")
        story = await reports.explain(bot.store, accepted.message_id)
        assert "[deleted]" == story.messages[0].text
        assert "message.redacted" in [event.kind for event in story.events]


async def test_one_score_per_person_counts(database_url: str) -> None:
    """The newest, of conversations of the channel itself; with the verdicts by the answers' numbers."""
    async with running(database_url) as bot:
        await bot.accept("Hello?")
        await bot.replies(1)
        [turn] = (await reports.turns(bot.store)).rows
        [conversation] = (await reports.conversations(bot.store)).rows
        metrics = Metrics()
        ratings = ChannelRatings(bot.store, "web", metrics)
        key = conversation.external_id
        assert await ratings.score(key, rater="anna", score=2)
        assert await ratings.score(key, rater="anna", score=5, comment="Better")
        assert await ratings.score(key, rater="anna", score=5, comment="Better")
        assert not await ratings.score("none", rater="anna", score=5)
        assert not await ChannelRatings(bot.store, "other", metrics).score(key, rater="anna", score=1)
        await ratings.rate(turn.id, rater="anna", verdict="good")
        assert Opinion(verdicts={2: "good"}, score=5) == await ratings.given(key, rater="anna")
        assert Opinion(verdicts={}) == await ratings.given(key, rater="ben")
        assert Opinion(verdicts={}) == await ratings.given("none", rater="anna")
        kinds = await bot.store.read(lambda tx: [row.kind for row in tx.rows(_KINDS)])
        assert 2 == kinds.count("conversation.scored")
        assert b'supportbot_scores_total{channel="web",score="5"} 1.0' in metrics.exposition()


async def test_what_people_said_is_listed_and_added_up(database_url: str) -> None:
    """Thumbs with the question, stars with the comment, the newest first; by topic, channel and model."""
    async with running(database_url) as bot:
        for number, question in enumerate(("Where is my parcel?", "Is it blue?")):
            await bot.accept(question, to=f"c{number}")
            await bot.replies(number + 1)
        second, first = (await reports.turns(bot.store)).rows
        ratings = ChannelRatings(bot.store, "web", Metrics())
        await ratings.rate(first.id, rater="anna", verdict="good")
        await ratings.score("c0", rater="anna", score=5)
        await ratings.rate(second.id, rater="ben", verdict="bad")
        await ratings.score("c1", rater="ben", score=2, comment="It was green.")
        said = await reports.opinions(bot.store)
        assert {
            ("good", None, "Where is my parcel?"),
            (None, 5, ""),
            ("bad", None, "Is it blue?"),
            (None, 2, "It was green."),
        } == {(row.verdict, row.score, row.text) for row in said}
        assert sorted((row.rated_at for row in said), reverse=True) == [row.rated_at for row in said]
        bad = await reports.opinions(bot.store, only_bad=True)
        assert {("bad", None), (None, 2)} == {(row.verdict, row.score) for row in bad}
        assert 1 == len(await reports.opinions(bot.store, limit=1))
        assert () == await reports.opinions(bot.store, channel="other")
        assert () == await reports.opinions(bot.store, until=1)
        for by, key in (("topic", ""), ("channel", "web"), ("model", "test")):
            sums = await reports.ratings_by(bot.store, by=by)  # type: ignore[arg-type]
            assert [(key, 1, 1)] == [(row.key, row.good, row.bad) for row in sums.rows]
            assert (2, 3.5) == (sums.scored, sums.score)
        nothing = await reports.ratings_by(bot.store, channel="other")
        assert ((), 0, None) == (nothing.rows, nothing.scored, nothing.score)
