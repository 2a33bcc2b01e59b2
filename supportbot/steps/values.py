"""What a turn has done so far: steps, each of one or more tool calls."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import orjson

from supportbot.messages import ToolCall, Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CallState = Literal[
    "started", "done", "failed", "unknown", "refused", "invalid", "asked", "confirmed", "cancelled", "expired"
]
"""``docs/storage.md`` says what each means."""

MOST_STEPS = 8
"""After so many the model must answer."""

_REFUSED = 2
"""So often may it ask again for what was refused (a tool that is not there, …)."""

_INVALID = 1
"""So often may it try again with arguments that fit."""

_FIT_NAME = re.compile("[^A-Za-z0-9_-]")
_FIT_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One tool call of a step, and how far it is."""

    ordinal: int
    call: ToolCall
    state: CallState
    result: str = ""
    """What the model reads of it; empty while there is none."""

    def ended(self, state: CallState, result: str) -> Call:
        """Return it with its outcome."""
        return replace(self, state=state, result=result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One time that the model asked for tools."""

    number: int
    """From 0."""
    said: str
    """What it wrote beside that."""
    calls: tuple[Call, ...]

    @property
    def question(self) -> Call | None:
        """The call that the customer is asked about, if there is one."""
        return next((call for call in self.calls if call.state == "asked"), None)


def spoken(steps: Iterable[Step]) -> Iterator[Words]:
    """Yield the entries of a model request that tell of some steps: the calls, then each one's result.

    Every id is fit to be sent and there once, every name is one that endpoints accept, and all arguments are
    JSON objects, whatever the model had written: servers refuse requests that hold anything else.
    """
    taken: set[str] = set()
    for step in steps:
        calls = [_fit(call.call, step.number, call.ordinal, taken) for call in step.calls]
        yield Words(role="assistant", content=step.said, tool_calls=tuple(calls))
        for call, fit in zip(step.calls, calls, strict=True):
            yield Words(role="tool", content=call.result, tool_call_id=fit.id)


def must_answer(steps: Sequence[Step]) -> bool:
    """Say whether the model has asked often enough."""
    refused = sum(any(call.state == "refused" for call in step.calls) for step in steps)
    invalid = sum(any(call.state == "invalid" for call in step.calls) for step in steps)
    return len(steps) >= MOST_STEPS or refused > _REFUSED or invalid > _INVALID


def _fit(call: ToolCall, step: int, ordinal: int, taken: set[str]) -> ToolCall:
    own = call.id if _FIT_ID.fullmatch(call.id) and call.id not in taken else f"call_{step}_{ordinal}"
    taken.add(own)
    name = _FIT_NAME.sub("_", call.name)[:64] or "unknown"
    return ToolCall(id=own, name=name, arguments=call.arguments if _is_object(call.arguments) else "{}")


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except ValueError:
        return False
