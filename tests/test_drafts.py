"""What people made of drafts, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

from supportbot import reports
from supportbot.drafts import ChannelDrafts
from supportbot.messages import Citation, Passage, Prompt, Source
from supportbot.metrics import Metrics
from supportbot.records import ChannelRecords
from supportbot.store import Statement
from supportbot.tables import triages
from tests.durable import running

if TYPE_CHECKING:
    from supportbot.messages import Outbound, Turn
    from supportbot.testing.fakes import Fate
    from tests.durable import Durable


async def _answered(bot: Durable, to: str, *, topic: str = "") -> Outbound:
    """Have a question answered; it is about a topic, where triage ran."""
    before = len(bot.platform.posts)
    await bot.accept("Hello?", to=to)
    await bot.replies(before + 1)
    outbound = bot.platform.posts[-1]
    if topic:
        row = {column.key: "" for column in triages.c} | {
            "turn_id": outbound.turn_id,
            "conversation_id": outbound.conversation_id,
            "state": "done",
            "topic": topic,
            "wants_person": 0,
            "prompt_tokens": None,
            "completion_tokens": None,
            "created_at": 1,
        }
        await bot.store.write(lambda tx: tx.run(Statement(insert(triages).inline()), **row))
    return outbound


async def test_the_newest_word_counts(database_url: str) -> None:
    """A draft that seemed deleted turns up among what was sent: both words are in the journal."""
    async with running(database_url) as bot:
        metrics = Metrics()
        drafts = ChannelDrafts(bot.store, "web", metrics)
        one = (await _answered(bot, "a")).delivery_id
        assert await drafts.record(one, "open", length=80)
        assert await drafts.record(one, "deleted")
        assert await drafts.record(one, "edited", length=80, changed=20)
        assert await drafts.record(one, "edited", length=80, changed=20)
        [row] = await reports.drafts_by(bot.store)
        assert ("", 1, 1, 80, 20) == (row.key, row.drafts, row.edited, row.sent_length, row.changed)
        assert 0 == row.open + row.used + row.ignored + row.deleted + row.replaced
        story = await reports.explain(bot.store, one)
        told = [event.kind for event in story.events if event.kind.startswith("draft.")]
        assert ["draft.open", "draft.deleted", "draft.edited"] == told
        exposed = metrics.exposition()
        assert b'supportbot_drafts_total{channel="web",outcome="edited",topic=""} 1.0' in exposed
        assert b'supportbot_draft_changed_ratio_sum{channel="web"} 0.25' in exposed


async def test_only_a_channel_s_own_deliveries(database_url: str) -> None:
    """What another channel delivered, or nobody, is no draft."""
    async with running(database_url) as bot:
        one = (await _answered(bot, "a")).delivery_id
        assert not await ChannelDrafts(bot.store, "other", Metrics()).record(one, "open")
        assert not await ChannelDrafts(bot.store, "web", Metrics()).record("dlv_none", "open")
        assert () == await reports.drafts_by(bot.store)


async def test_they_are_added_up_by_topic(database_url: str) -> None:
    """The topic is what triage said, also when it said so later; what was not sorted has none."""
    async with running(database_url) as bot:
        metrics = Metrics()
        drafts = ChannelDrafts(bot.store, "web", metrics)
        for to, topic, outcome in (
            ("a", "returns", "used"),
            ("b", "returns", "deleted"),
            ("c", "", "ignored"),
            ("d", "returns", "replaced"),
        ):
            outbound = await _answered(bot, to, topic=topic)
            changed = 0 if outcome == "used" else None
            await drafts.record(outbound.delivery_id, outcome, length=10, changed=changed)  # type: ignore[arg-type]
        rows = await reports.drafts_by(bot.store)
        assert [("returns", 3, 1, 1, 0, 1), ("", 1, 0, 0, 1, 0)] == [
            (r.key, r.drafts, r.used, r.deleted, r.ignored, r.replaced) for r in rows
        ]
        assert [("test", 4)] == [(r.key, r.drafts) for r in await reports.drafts_by(bot.store, by="model")]
        assert () == await reports.drafts_by(bot.store, channel="other")
        assert () == await reports.drafts_by(bot.store, until=1)
        used = b'supportbot_drafts_total{channel="web",outcome="used",topic="returns"} 1.0'
        assert used in metrics.exposition()


async def test_a_value_is_swapped_by_one(database_url: str) -> None:
    """Of two who saw the same value one changes it; nobody changes what is gone or has expired."""
    async with running(database_url) as bot:
        now = 1000
        records = ChannelRecords(bot.store, "web", clock=lambda: now)
        await records.put("k", {"b": 1, "a": [None, "ü"]}, expires_at=2000)
        before = await records.get("k")
        assert await records.swap("k", before, {"n": 2}, expires_at=3000)
        assert not await records.swap("k", before, {"n": 3})
        assert {"n": 2} == await records.get("k")
        now = 3000
        assert not await records.swap("k", {"n": 2}, {"n": 4})
        assert not await records.swap("none", None, {"n": 4})


class _Rendered:
    """Prompts in which a model got passages to read."""

    def __init__(self, passages: tuple[Passage, ...]) -> None:
        self.passages = passages

    def render(self, turn: Turn) -> Prompt:
        return Prompt(turn=turn, words=(), passages=self.passages)


@pytest.mark.parametrize("fate", ["delivered", "busy"])
async def test_what_stood_behind_a_reply_comes_with_it(database_url: str, fate: Fate) -> None:
    """The best five passages that the model was given; also when the delivery is read from the store."""
    passages = tuple(Passage(title=f"T{n}", source=f"{n}.md", text="…", score=n / 10) for n in range(1, 8))
    async with running(database_url) as bot:
        bot.worker.prompts = _Rendered(passages)  # type: ignore[assignment]
        bot.platform.fates.append(fate)
        sources = (await _answered(bot, "a")).sources
        assert ["7.md", "6.md", "5.md", "4.md", "3.md"] == [source.source for source in sources]
        assert Source(title="T7", source="7.md", score=0.7) == sources[0]
        assert bot.platform.posts[-1].model, "it names who wrote it, also when it is read from the store"


@pytest.mark.parametrize(("quotes", "expected"), [((), ()), (("2.md",), ("2.md",))], ids=["fixed", "quoted"])
async def test_behind_a_fixed_text_stands_no_article(
    database_url: str, quotes: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """That nothing was found is made of nothing, whatever was searched; a quote is made of what it cites."""
    passages = tuple(Passage(title=f"T{n}", source=f"{n}.md", text="…", score=n / 10) for n in range(1, 4))
    cited = tuple(Citation(title="T", source=source, quote="…") for source in quotes)
    async with running(database_url) as bot:
        bot.worker.prompts = _Rendered(passages)  # type: ignore[assignment]
        bot.worker.model, bot.worker.citations = "knowledge", cited
        sources = (await _answered(bot, "a")).sources
        assert expected == tuple(source.source for source in sources)
