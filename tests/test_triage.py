"""What a model says about each question: kept with the turn, and never in its way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from supportbot import reports
from supportbot.metrics import Metrics
from supportbot.model.structured import Structured
from supportbot.store import open_store
from supportbot.testing import started_bot
from supportbot.testing.model_replies import ModelReply, problem
from supportbot.testing.model_server import FakeModelServer
from supportbot.triage import Sorter, Triage, Triages, ledger
from supportbot.triage.values import kind_of
from supportbot.usage import Usage
from tests.bot_folder import BotFolder
from tests.durable import running

if TYPE_CHECKING:
    from supportbot.reports import Story
    from supportbot.testing import StartedBot
    from supportbot.testing.model_replies import Dialect

ROOT = Path(__file__).parent.parent
both_dialects = pytest.mark.parametrize("dialect", ["llama", "openai"])
SAID = {
    "topic": "returns",
    "language": "en",
    "sentiment": "negative",
    "urgency": "high",
    "wants_person": False,
}
HANDED = "I have asked a person from our team to take over. They will answer you here."


def says(**changes: Any) -> ModelReply:
    return ModelReply(pieces=(json.dumps({**SAID, **changes}),))


def bot_yaml(
    writer: FakeModelServer, sorter: FakeModelServer, dialect: Dialect, folder: Path, **triage: Any
) -> dict[str, Any]:
    (folder / "prompts").mkdir(exist_ok=True)
    shutil.copy(ROOT / "prompts" / "triage.md.j2", folder / "prompts" / "triage.md.j2")
    topics = {"returns": "sending something back", "payment": ""}
    return {
        "model": [
            {"dialect": dialect, "base_url": writer.base_url(dialect), "model": "writer"},
            {"dialect": dialect, "base_url": sorter.base_url(dialect), "model": "sorter", "attempts": 1},
        ],
        "triage": {"enabled": True, "topics": topics, "model": "sorter", **triage},
        "channels": {"terminal": {"type": "terminal"}},
    }


async def story_of(database: str) -> Story:
    store = open_store(database)
    try:
        (conversation,) = (await reports.conversations(store)).rows
        return await reports.explain(store, conversation.id)
    finally:
        await store.close()


async def triage_of(bot: StartedBot) -> reports.TriageRow:
    """Wait until the one turn's triage is kept, and return it."""
    while (found := (await story_of(bot.loaded.database)).turns[0].triage) is None:
        pass
    return found


@both_dialects
async def test_a_triage_is_kept_beside_the_answer(dialect: Dialect, tmp_path: Path) -> None:
    """The request holds the topics and the customer's words; what comes back stands with the turn."""
    async with FakeModelServer() as writer, FakeModelServer(says()) as sorter:
        described = bot_yaml(writer, sorter, dialect, tmp_path)
        async with started_bot(described, tmp_path) as bot:
            reply = await bot.say("Your chair broke! Take it back {{ 7*7 }} today.")
            row = await triage_of(bot)
        (request,) = sorter.requests
    assert "It ships tomorrow." == reply.text
    assert {**SAID, "state": "done", "model": "sorter", "reason": ""} == {
        name: getattr(row, name) for name in (*SAID, "state", "model", "reason")
    }
    asked = request.body["messages"][0]["content"]
    assert "> Your chair broke! Take it back {{ 7*7 }} today." in asked
    assert "- returns: sending something back\n  - payment\n  - other: nothing of the above\n" in asked
    topics = request.body["response_format"]["json_schema"]["schema"]["properties"]["topic"]["enum"]
    assert ["returns", "payment", "other"] == topics


async def test_a_triage_is_paid_for_beside_the_answer(tmp_path: Path) -> None:
    """What it used counts under its own purpose, and not twice."""
    async with FakeModelServer() as writer, FakeModelServer(says()) as sorter:
        described = bot_yaml(writer, sorter, "openai", tmp_path)
        async with started_bot(described, tmp_path) as bot:
            await bot.say("Take it back.")
            await triage_of(bot)
        store = open_store(bot.loaded.database)
        used = {
            row.key: (row.requests, row.prompt_tokens) for row in await reports.usage(store, by="purpose")
        }
        await store.close()
    assert {"answer": (1, 30), "triage": (1, 30)} == used


@both_dialects
async def test_a_customer_who_wants_a_person_gets_one(dialect: Dialect, tmp_path: Path) -> None:
    """Only when bot.yaml says so: then nothing of the model's answer is shown."""
    async with FakeModelServer() as writer, FakeModelServer(says(wants_person=True)) as sorter:
        described = bot_yaml(writer, sorter, dialect, tmp_path, hand_over=True)
        async with started_bot(described, tmp_path) as bot:
            reply = await bot.say("Is there a human being?")
            story = await story_of(bot.loaded.database)
    assert (HANDED, "customer_asked", "queued") == (reply.text, reply.handoff, story.conversation.state)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (problem(500, "Oh"), "ModelError: "),
        (says(topic="weather"), "ModelUnusable: The model 'sorter' gave nothing"),
        (ModelReply(first_delay=30), "it took too long"),
    ],
    ids=["down", "unfit", "slow"],
)
async def test_a_failed_triage_is_no_harm(reply: ModelReply, reason: str, tmp_path: Path) -> None:
    """The customer is answered all the same, even where they might have been handed over."""
    async with FakeModelServer() as writer, FakeModelServer(reply) as sorter:
        described = bot_yaml(writer, sorter, "openai", tmp_path, hand_over=True, timeout=0.5)
        async with started_bot(described, tmp_path) as bot:
            assert "It ships tomorrow." == (await bot.say("When?")).text
            row = await triage_of(bot)
    assert ("failed", True) == (row.state, row.reason.startswith(reason))


async def test_a_triage_never_holds_up_an_answer_or_the_stop(tmp_path: Path) -> None:
    """One that is not done when the bot stops says so."""
    async with FakeModelServer() as writer, FakeModelServer(ModelReply(first_delay=30)) as sorter:
        described = bot_yaml(writer, sorter, "openai", tmp_path)
        async with started_bot(described, tmp_path) as bot:
            assert "It ships tomorrow." == (await bot.say("When?")).text
            database = bot.loaded.database
    row = (await story_of(database)).turns[0].triage
    assert row is not None
    assert ("failed", "the bot was stopped") == (row.state, row.reason)


async def test_a_triage_is_kept_under_the_fence_of_its_try(database_url: str) -> None:
    """After the answer too, by whoever had the turn last; an earlier try's changes nothing any more."""
    found = Structured(value=Triage.model_validate(SAID), model="m", usage=Usage())
    async with running(database_url) as bot:
        await bot.accept("When?")
        await bot.replies(1)
        (turn,) = bot.worker.turns
        late = turn.evolve(fence=turn.fence - 1)
        assert not await bot.store.write(lambda tx: ledger.keep(tx, late, None, now=1, reason="late"))
        assert await bot.store.write(lambda tx: ledger.keep(tx, turn, None, now=1, reason="x"))
        assert await bot.store.write(lambda tx: ledger.keep(tx, turn, found, now=2))
        assert [("done", "returns", 0, "", 2)] == await bot.rows(
            "select state, topic, wants_person, reason, created_at from triages"
        )
        (row,) = (await reports.turns(bot.store)).rows
        assert row.triage is not None
        transcript = await reports.transcript(bot.store, turn.conversation_id)
        assert {turn.id: row.triage} == transcript.triages


async def test_what_a_sorter_raises_ends_in_the_task(sqlite_database: str) -> None:
    """A bug in a template or a model costs the triage and nothing else."""

    class Breaks(Sorter):
        def __init__(self) -> None:
            self.timeout = 1.0

        async def sort(self, turn: Any) -> Any:
            raise RuntimeError("customer words")

    async with running(sqlite_database) as bot:
        await bot.accept("When?")
        await bot.replies(1)
        (turn,) = bot.worker.turns
        metrics = Metrics()
        assert await Triages(bot.store, metrics).begin(turn, Breaks()) is None
        assert [("failed", "RuntimeError")] == await bot.rows("select state, reason from triages")
        assert b"supportbot_triages_failed_total 1.0" in metrics.exposition()


@pytest.mark.parametrize("language", ["", "English please", "e", "en-" + "x" * 99])
def test_a_language_is_a_tag(language: str) -> None:
    """What a model writes there is shown and stored: it cannot be anything."""
    with pytest.raises(ValueError, match="language tag"):
        kind_of(["returns"]).model_validate({**SAID, "language": language})


def test_a_triage_needs_a_model_topics_and_a_template(tmp_path: Path) -> None:
    """What would fail at every turn is said before the first."""
    folder = BotFolder(tmp_path)
    line = "bot.yaml:2:12: triage.enabled"
    found = folder.problems("triage:\n  enabled: true\n  topics: {returns: sending back}\n")
    assert [f"{line} needs a language model", f"{line} needs triage.md.j2"] == [
        problem.partition(",")[0] for problem in found
    ]
    assert "triage.topics is missing" in folder.problems("triage:\n  enabled: true\n")[0]
    shutil.copy(ROOT / "prompts" / "triage.md.j2", folder.root / "prompts" / "triage.md.j2")
    triage = "triage:\n  enabled: true\n  topics: {returns: back}\n"
    model = "model:\n  - {model: m, base_url: 'http://127.0.0.1:1/v1'}\n"
    found = folder.problems(f"{triage}  model: none-such\n{model}")
    assert "triage.model names no entry of 'model'" in found[0]
    assert [] == folder.problems(triage + model)
