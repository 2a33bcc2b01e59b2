"""Whatever a model endpoint does, the customer gets a whole answer: its own, or the knowledge's, in time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supportbot.config.models import ModelSection
from supportbot.config.texts import TextsSection
from supportbot.knowledge import Knowledge
from supportbot.model import build
from supportbot.model.knowledge import KnowledgeModel
from supportbot.testing.model_calls import RecordingSink, a_prompt
from supportbot.testing.model_faults import ATTEMPTS, TOTAL, Ended, ModelFault, model_faults, suffer
from supportbot.testing.model_replies import ModelReply
from supportbot.testing.model_server import FakeModelServer

if TYPE_CHECKING:
    from supportbot.testing.model_replies import Dialect

_SLACK = 1.0  # seconds that a busy machine may lose
_AT_ONCE = 16


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return Knowledge.load(Path(__file__).parent.parent / "knowledge")


async def _all(dialect: Dialect, knowledge: Knowledge, *, stream: bool) -> list[tuple[ModelFault, Ended]]:
    """Suffer every fault, some at once: most of the time is waiting."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(fault: ModelFault) -> tuple[ModelFault, Ended]:
        async with room:
            return fault, await suffer(fault, dialect, knowledge, stream=stream)

    return await asyncio.gather(*map(one, model_faults()))


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("dialect", ["llama", "openai"])
async def test_every_fault_ends_well(dialect: Dialect, stream: bool, knowledge: Knowledge):
    """In a whole answer or the fallback, within the total time and the attempts; never in half an answer."""
    alone = KnowledgeModel(knowledge, TextsSection(), threshold=0.5)
    question = a_prompt(("user", "How long can I return something?"))
    fallback = (await alone.complete(question, RecordingSink())).text
    ended = await _all(dialect, knowledge, stream=stream)
    expected = [(fault.name, fault.must_end(stream=stream)) for fault, _ in ended]
    assert expected == [(fault.name, end.end) for fault, end in ended]
    for fault, end in ended:
        whole = fallback if end.end == "fallback" else fault.whole
        assert (fault.name, whole, whole) == (fault.name, end.text, end.shown)
    assert [] == [fault.name for fault, end in ended if end.requests > ATTEMPTS]
    assert [] == [(fault.name, end.seconds) for fault, end in ended if end.seconds > TOTAL + _SLACK]
    assert [] == [fault.name for fault, end in ended if (end.end == "answer") != (end.causes[-1:] == ("ok",))]


async def test_a_call_for_a_person_needs_no_model(knowledge: Knowledge):
    """While every endpoint is down, the hand-over works."""
    last = KnowledgeModel(knowledge, TextsSection(), threshold=0.5)
    async with FakeModelServer(ModelReply(fault="reset", fault_after=0)) as server:
        section = ModelSection(model="m", base_url=server.base_url("openai"), attempts=1)
        model = build([section], last)
        answer = await model.complete(a_prompt(("user", "I want to talk to a person")), RecordingSink())
        await model.close()
    assert ("customer_asked", TextsSection().handoff) == (answer.handoff, answer.text)
