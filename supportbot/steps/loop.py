"""The loop: ask the model, run what it asks for, ask it again with the results, until it answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from supportbot.errors import BadArguments, ModelUnusable
from supportbot.history import cost
from supportbot.ids import now_ms
from supportbot.messages import Answer, Usage
from supportbot.model.base import reads_words, room_of
from supportbot.steps import ledger
from supportbot.steps.plan import planned
from supportbot.steps.running import UNKNOWN, Runner
from supportbot.steps.values import must_answer, spoken
from supportbot.tokens import estimate
from supportbot.tools import Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from supportbot.messages import Choice, Prompt, Turn
    from supportbot.model.base import Model, Sink
    from supportbot.steps.ledger import Question
    from supportbot.steps.values import Call, CallState, Step
    from supportbot.store import Store, Tx
    from supportbot.tools import Tool

    Tools = Mapping[str, Tool[..., Any]]

_NO_TOOL = "(unknown)"


class Counts(Protocol):
    """What the loop tells of itself."""

    def tool_called(self, tool: str, outcome: str) -> None:
        """A tool call came to an outcome."""


class Steps:
    """A model that uses tools; itself a ``Model``, for the one behind it knows nothing of running them.

    What it promises:

    - A customer's tools are those that they may use; the model does not even hear of others.
    - A tool with ``effects="once"`` is run at most once for a call, whatever dies when. If nobody can say
      whether it was, the model is told so, and a person is asked for.
    - A tool with ``confirm`` is run only when the customer who was asked says yes to exactly that, in their
      next message, in time, and once.
    - The model asks a bounded number of times; then it must answer.
    """

    name = "steps"

    def __init__(
        self,
        model: Model,
        tools: Sequence[Tool[..., Any]],
        store: Store,
        *,
        agrees: Callable[[str], bool],
        confirm_text: str,
        choices: tuple[Choice, ...] = (),
        confirm_within: float,
        patience: float,
        counts: Counts,
    ) -> None:
        """Wire the loop.

        Args:
            model: what is asked.
            tools: those of bot.yaml.
            store: where calls are recorded.
            agrees: whether a customer's words mean yes and nothing else.
            confirm_text: asks a customer to confirm ``{action}``.
            choices: what they may press for an answer.
            confirm_within: seconds a customer has for that.
            patience: seconds to go on trying to record something while the store cannot be written.
            counts: the metrics.
        """
        self._model = model
        self._tools = {tool.name: tool for tool in tools}
        self._store = store
        self._agrees = agrees
        self._confirm_text = confirm_text
        self._choices = choices
        self._confirm_within = confirm_within
        self._patience = patience
        self._counts = counts
        self._runner = Runner()
        self.unprompted = not reads_words(model)

    @property
    def room(self) -> int | None:
        """What a prompt may cost: the model's."""
        return room_of(self._model)

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer, with the help of tools. See ``Model``.

        Raises:
            ModelError: the model's.
            Fenced: the turn is no longer ours; nothing more was done.
            StoreUnavailable: what was done, or was to be done, could not be recorded.
        """
        turn = prompt.turn
        tools = {name: tool for name, tool in self._tools.items() if tool.is_for(turn.contact)}
        if not tools:
            return await self._model.complete(prompt, live)
        steps = await self._taken_up(turn, tools)
        usage = Usage()
        while not (question := self._question(steps[-1].question if steps else None, tools)):
            asked = _prompt(prompt, tools, steps)
            answer = await self._model.complete(asked, live)
            usage = _sum(usage, answer.usage)
            if not answer.tool_calls:
                return answer.evolve(usage=usage, handoff=answer.handoff or _doubt(steps))
            if asked.must_answer:
                raise ModelUnusable(model=answer.model, cause="it asks for tools and does not answer")
            await live.restart()
            step = planned(len(steps), answer.text, answer.tool_calls, tools, steps)
            await self._write(lambda tx, step=step: ledger.begin(tx, turn, step, now_ms()))  # type: ignore[misc]
            steps.append(await self._run(turn, step, tools))
        await live.append(question)
        return Answer(
            prompt=prompt,
            text=question,
            model="",
            choices=self._choices,
            handoff=_doubt(steps),
            usage=usage,
        )

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()

    # -- what was begun before -------------------------------------------------------------------

    async def _taken_up(self, turn: Turn, tools: Tools) -> list[Step]:
        """Return the steps done so far: of an earlier try, or what the customer has just confirmed."""
        asked_in = _asked_in(turn)
        steps, question = await self._store.read(lambda tx: ledger.read(tx, turn, asked_in))
        if question is not None:
            return await self._answered(turn, question, tools)
        return [await self._resumed(turn, step, tools) for step in steps]

    async def _resumed(self, turn: Turn, step: Step, tools: Tools) -> Step:
        """Go on with a step that an earlier try had begun: what must act only once is not run again."""
        started = [call for call in step.calls if call.state == "started"]
        lost = {call.ordinal for call in started if not _may_run_again(call, tools)}
        again = {call.ordinal for call in started} - lost
        if not started:
            return step
        calls = [call.ended("unknown", UNKNOWN) if call.ordinal in lost else call for call in step.calls]
        step = replace(step, calls=tuple(calls))

        def unit(tx: Tx) -> None:
            now = now_ms()
            for call in step.calls:
                if call.ordinal in lost:
                    ledger.give_up(tx, turn, step, call, now)
            ledger.resume(tx, turn, step, again, now)

        await self._write(unit)
        return await self._run(turn, step, tools, count=again | lost)

    async def _answered(self, turn: Turn, question: Question, tools: Tools) -> list[Step]:
        """Do what a customer was asked about, if this is their yes to it; else it is off for good."""
        now = now_ms()
        state: CallState = "cancelled"
        if self._is_yes(turn, question, tools):
            state = "confirmed" if now - question.asked_at <= self._confirm_within * 1000 else "expired"
        step = _confirmed(question, tools) if state == "confirmed" else None
        settled = await self._store.write(
            lambda tx: ledger.answer(tx, turn, question, state, step, now=now), patience=self._patience
        )
        self._counts.tool_called(question.call.call.name, state)
        return [await self._run(turn, step, tools)] if step and settled else []

    def _is_yes(self, turn: Turn, question: Question, tools: Tools) -> bool:
        """Say whether the one who was asked says yes, and to these words: what they read is what is done."""
        return (
            turn.history[-1].text == self._question(question.call, tools)
            and all(m.contact_id == question.contact_id and not m.attachments for m in turn.messages)
            and self._agrees(turn.question)
        )

    # -- one step --------------------------------------------------------------------------------

    async def _run(
        self,
        turn: Turn,
        step: Step,
        tools: Tools,
        *,
        count: set[int] | None = None,
    ) -> Step:
        """Run what a step has started, all at once, and return it with the results."""
        outcomes = await asyncio.gather(
            *(self._one(turn, step.number, call, tools) for call in step.calls), return_exceptions=True
        )
        calls = tuple(_or_raise(outcome) for outcome in outcomes)
        for call in calls:
            if count is None or call.ordinal in count:
                self._counts.tool_called(call.call.name if call.call.name in tools else _NO_TOOL, call.state)
        return replace(step, calls=calls)

    async def _one(self, turn: Turn, number: int, call: Call, tools: Tools) -> Call:
        if call.state != "started":
            return call
        tool = tools[call.call.name]
        caller = Caller(
            contact=turn.contact,
            tenant=turn.tenant,
            channel=turn.channel,
            conversation_id=turn.conversation_id,
            key=f"{turn.id}.{number}.{call.ordinal}",
        )
        state, result = await self._runner.run(tool, tool.bind(tool.read(call.call.arguments), caller))
        ended = call.ended(state, result)
        await self._write(lambda tx: ledger.end(tx, turn, number, ended, now_ms()))
        return ended

    def _question(self, asked: Call | None, tools: Tools) -> str:
        """Return the words in which a customer is asked about a call; empty when they cannot be any more."""
        values = _values(asked, tools) if asked else None
        if asked is None or values is None:
            return ""
        return self._confirm_text.replace("{action}", tools[asked.call.name].action(values))

    async def _write(self, unit: Callable[[Tx], None]) -> None:
        await self._store.write(unit, patience=self._patience)


def _prompt(prompt: Prompt, tools: Tools, steps: Sequence[Step]) -> Prompt:
    """Return the prompt with what may be asked for and what was done so far."""
    words = (*prompt.words, *spoken(steps))
    specs = tuple(tool.spec for tool in tools.values())
    described = sum(
        estimate(f"{s.name} {s.description} {orjson.dumps(s.parameters).decode()}") for s in specs
    )
    return prompt.evolve(
        words=words, tools=specs, must_answer=must_answer(steps), tokens=cost(words) + described
    )


def _asked_in(turn: Turn) -> str:
    """Return the turn whose question this turn may answer: the last thing said before was its reply."""
    last = turn.history[-1] if turn.history else None
    if last is None or last.author != "bot" or last.seq >= turn.messages[0].seq:
        return ""
    return last.turn_id or ""


def _confirmed(question: Question, tools: Tools) -> Step:
    """Return the step that does what was confirmed, if it can still be done."""
    asked = replace(question.call, ordinal=0)
    step = planned(0, "", [asked.call], tools, ())
    call = step.calls[0]
    return replace(step, calls=(call.ended("started", "") if call.state == "asked" else call,))


def _may_run_again(call: Call, tools: Tools) -> bool:
    return _values(call, tools) is not None and tools[call.call.name].effects != "once"


def _values(call: Call, tools: Tools) -> dict[str, Any] | None:
    """Return a recorded call's arguments; None when the tool is gone, or changed so that they do not fit."""
    try:
        return tools[call.call.name].read(call.call.arguments)
    except (KeyError, BadArguments):
        return None


def _doubt(steps: Sequence[Step]) -> str:
    """Return why a person must look: the outcome of a call is unknown, and the customer was told so."""
    unclear = any(call.state == "unknown" for step in steps for call in step.calls)
    return "outcome_unknown" if unclear else ""


def _or_raise(outcome: Call | BaseException) -> Call:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _sum(before: Usage, more: Usage) -> Usage:
    return Usage(
        prompt_tokens=_plus(before.prompt_tokens, more.prompt_tokens),
        completion_tokens=_plus(before.completion_tokens, more.completion_tokens),
    )


def _plus(before: int | None, more: int | None) -> int | None:
    return more if before is None else before + (more or 0)
