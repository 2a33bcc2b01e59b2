"""What is held back, and what is never shown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from supportbot.errors import ModelError
from supportbot.messages import Answer, Words
from supportbot.model.screened import Screened
from supportbot.testing.fakes import ScriptedModel, model_down
from supportbot.testing.model_calls import RecordingSink, a_prompt

if TYPE_CHECKING:
    from supportbot.messages import Prompt
    from supportbot.model.base import Sink


class Looks:
    """A screen that says what it is told, when it is told."""

    def __init__(self, text: str = "", *, at_once: bool = True) -> None:
        self.text = text
        self.asked = 0
        self.may_say = asyncio.Event()
        if at_once:
            self.may_say.set()

    async def instead(self, prompt: Prompt) -> Answer | None:
        self.asked += 1
        await self.may_say.wait()
        return Answer(prompt=prompt, text=self.text, model="") if self.text else None


class Writes:
    """A model that writes three words, waiting for a word of ours before the last one."""

    name = "writes"

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.cancelled = False

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        try:
            await live.append("void")
            await live.restart()
            await live.append("one ")
            await live.append("two ")
            self.begun.set()
            await self.may_end.wait()
            await live.append("three")
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return Answer(prompt=prompt, text="one two three", model=self.name)

    async def close(self) -> None: ...


async def test_nothing_is_shown_before_the_question_has_passed() -> None:
    """What was written until then is shown at once, the rest as it comes."""
    model, look, sink = Writes(), Looks(at_once=False), RecordingSink()
    asking = asyncio.ensure_future(Screened(model, [look]).complete(a_prompt(), sink))
    await model.begun.wait()
    assert [] == sink.pieces
    look.may_say.set()
    while not sink.pieces:  # noqa: ASYNC110 - a few rounds of the loop
        await asyncio.sleep(0)
    assert (["one two "], 0) == (sink.pieces, sink.restarts)
    model.may_end.set()
    assert ("one two three", "one two three") == ((await asking).text, sink.text)


async def test_an_objection_stops_the_answer() -> None:
    """The model is not let to write on, and not a word of it is shown."""
    model, look, sink = Writes(), Looks("No.", at_once=False), RecordingSink()
    asking = asyncio.ensure_future(Screened(model, [Looks(), look]).complete(a_prompt(), sink))
    await model.begun.wait()
    look.may_say.set()
    assert ("No.", [], True) == ((await asking).text, sink.pieces, model.cancelled)


async def test_an_answer_waits_for_the_look() -> None:
    """It may be quicker than the look; it is given away only after it. So may its failure be."""
    look = Looks("No.", at_once=False)
    asking = asyncio.ensure_future(
        Screened(ScriptedModel(model_down()), [look]).complete(a_prompt(), RecordingSink())
    )
    await asyncio.sleep(0)
    assert not asking.done()
    look.may_say.set()
    assert "No." == (await asking).text


async def test_a_failure_of_the_model_is_one() -> None:
    """When the question has passed, it is as if nobody had looked."""
    with pytest.raises(ModelError):
        await Screened(ScriptedModel(model_down()), [Looks()]).complete(a_prompt(), RecordingSink())


async def test_who_waits_no_longer_stops_everything() -> None:
    """A turn that is taken away ends both the writing and the looking."""
    model, look = Writes(), Looks(at_once=False)
    asking = asyncio.ensure_future(Screened(model, [look]).complete(a_prompt(), RecordingSink()))
    await model.begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert model.cancelled
    assert 1 == len(asyncio.all_tasks())


async def test_after_a_tool_was_run_nobody_looks_again() -> None:
    """No tool is run before its question has passed; so the question of one that was run has."""
    look = Looks("No.")
    prompt = a_prompt()
    asked = prompt.evolve(words=(*prompt.words, Words(role="tool", content="done", tool_call_id="1")))
    answer = await Screened(ScriptedModel("Done."), [look]).complete(asked, RecordingSink())
    assert ("Done.", 0) == (answer.text, look.asked)
