"""One model after the other, until one answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from supportbot.config.models import ModelSection
from supportbot.errors import ModelError, ModelUnusable
from supportbot.messages import Answer, Prompt
from supportbot.model import Chain, Endpoint, build
from supportbot.testing.model_calls import RecordingSink, a_prompt
from supportbot.testing.model_replies import ModelReply
from supportbot.testing.model_server import FakeModelServer

if TYPE_CHECKING:
    from supportbot.model.base import Sink


class Scripted:
    """Says some words and then either answers with them or fails."""

    def __init__(self, name: str, *words: str, error: Exception | None = None) -> None:
        self.name = name
        self.words = words
        self.error = error
        self.asked = 0
        self.closed = False

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        self.asked += 1
        for word in self.words:
            await live.append(word)
        if self.error is not None:
            raise self.error
        return Answer(prompt=prompt, text="".join(self.words), model=self.name)

    async def close(self) -> None:
        self.closed = True


def failure(model: str) -> ModelError:
    return ModelError(model=model, cause="it was tired")


async def test_the_first_answer_counts():
    """Nobody else is asked."""
    first, second = Scripted("first", "Yes."), Scripted("second", "No.")
    answer = await Chain([first, second]).complete(a_prompt(), RecordingSink())
    assert ("Yes.", "first", 0) == (answer.text, answer.model, second.asked)


async def test_what_a_failed_model_had_shown_is_voided():
    """The customer sees only the words of the model that answered."""
    sink = RecordingSink()
    chain = Chain([Scripted("first", "It shi", error=failure("first")), Scripted("second", "It ", "ships.")])
    answer = await chain.complete(a_prompt(), sink)
    assert ("It ships.", "It ships.", 1) == (answer.text, sink.text, sink.restarts)


async def test_nothing_is_voided_where_nothing_was_shown():
    """A restart without need would flicker."""
    sink = RecordingSink()
    await Chain([Scripted("a", error=failure("a")), Scripted("b", "Yes.")]).complete(a_prompt(), sink)
    assert (0, "Yes.") == (sink.restarts, sink.text)


async def test_each_failure_is_logged_once_without_the_customers_words():
    """Its model and its cause, no more."""
    chain = Chain(
        [Scripted("a", error=failure("a")), Scripted("b", error=failure("b")), Scripted("c", "Yes.")]
    )
    with capture_logs() as logs:
        await chain.complete(a_prompt(("user", "my secret")), RecordingSink())
    assert [
        {"event": "model.failed", "log_level": "warning", "model": name, "cause": "it was tired"}
        for name in "ab"
    ] == logs


async def test_when_all_fail_the_last_ones_error_counts():
    """It says whether trying again makes sense."""
    last = ModelUnusable(model="b", cause="the answer was empty")
    with pytest.raises(ModelUnusable) as caught:
        await Chain([Scripted("a", error=failure("a")), Scripted("b", error=last)]).complete(
            a_prompt(), RecordingSink()
        )
    assert caught.value is last


async def test_other_errors_pass_through():
    """A bug, or a sink that was fenced off, is nothing another model could mend."""
    second = Scripted("b", "Yes.")
    with pytest.raises(KeyError):
        await Chain([Scripted("a", error=KeyError("x")), second]).complete(a_prompt(), RecordingSink())
    assert 0 == second.asked


async def test_closing_closes_all():
    """Connections of models that were never asked included."""
    models = [Scripted("a"), Scripted("b")]
    await Chain(models).close()
    assert [True, True] == [m.closed for m in models]


def test_a_chain_of_nothing_is_refused():
    """Somebody has to answer."""
    with pytest.raises(ValueError, match="needs a model"):
        Chain([])


def test_without_endpoints_the_knowledge_answers_alone():
    """The embedded default."""
    knowledge = Scripted("knowledge")
    assert knowledge is build([], knowledge)


async def test_the_knowledge_stands_behind_the_endpoints():
    """A real endpoint breaks off in mid-answer, the next one is cut off, the knowledge answers."""
    broken, cut = ModelReply(fault="end"), ModelReply(stop_reason="length")
    async with FakeModelServer(broken, cut) as server:
        sections = [
            ModelSection(dialect=dialect, model="m", base_url=server.base_url(dialect))
            for dialect in ("llama", "openai")
        ]
        model = build(sections, Scripted("knowledge", "Orders ship within a day."))
        sink = RecordingSink()
        answer = await model.complete(a_prompt(), sink)
        await model.close()
    assert ("knowledge", "Orders ship within a day.", 2) == (answer.model, sink.text, sink.restarts)


async def test_an_endpoint_can_be_closed_unused_and_twice():
    """A bot that stops before the first question has nothing to let go of."""
    model = Endpoint(ModelSection(model="m", base_url="http://127.0.0.1:9/v1"))
    await model.close()
    await model.close()


class Hanging(Scripted):
    """Says some words and then nothing more, for ever."""

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        for word in self.words:
            await live.append(word)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def test_models_that_hang_leave_time_for_the_last():
    """When all of them together have used up their time, the last one answers; what was shown is voided."""
    sink = RecordingSink()
    hanging = [Hanging("first", "It shi"), Hanging("second", "No")]
    chain = Chain([*hanging, Scripted("last", "Yes.")], within=0.05)
    answer = await chain.complete(a_prompt(), sink)
    assert ("Yes.", "Yes.") == (answer.text, sink.text)


async def test_a_model_s_own_time_out_is_its_own():
    """A TimeoutError that is not the chain's passes through: it is a mistake, not an answer that failed."""
    with pytest.raises(TimeoutError):
        await Chain([Scripted("first", error=TimeoutError()), Scripted("last")], within=60).complete(
            a_prompt(), RecordingSink()
        )
