"""What is to be done with the tool calls of a model's reply, before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot.errors import BadArguments
from supportbot.steps.results import error
from supportbot.steps.values import Call, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from supportbot.messages import ToolCall
    from supportbot.tools import Tool

    Tools = Mapping[str, Tool[..., Any]]

_MOST_CALLS = 8
"""So many calls of one reply are run; the others are refused."""

_MOST_KEPT = 32
"""So many are written down and told back; what is beyond is as if it had never been said."""


def planned(number: int, said: str, calls: Sequence[ToolCall], tools: Tools, earlier: Sequence[Step]) -> Step:
    """Return the next step: each call ``started``, ``asked``, ``refused`` or ``invalid``, the latter two with
    the result that tells the model why.

    Args:
        number: of the step.
        said: what the model wrote beside the calls.
        calls: as the model wrote them.
        tools: those that may be run for this customer, by name.
        earlier: the turn's steps before.
    """
    ids = {call.call.id for step in earlier for call in step.calls}
    done = {key for step in earlier for call in step.calls for key in _keys(call, tools)}
    asking = False
    chosen: list[Call] = []
    for ordinal, call in enumerate(calls[:_MOST_KEPT]):
        step_call = _judged(ordinal, call, tools, ids, done)
        if step_call.state == "started" and tools[call.name].confirm:
            wait = error("One question at a time: call it again once the customer has answered the first.")
            step_call = step_call.ended("refused", wait) if asking else step_call.ended("asked", "")
            asking = True
        chosen.append(step_call)
        ids.add(call.id)
        done.update(_keys(step_call, tools))
    return Step(number=number, said=said, calls=tuple(chosen))


def _judged(ordinal: int, call: ToolCall, tools: Tools, ids: set[str], done: set[str]) -> Call:
    undecided = Call(ordinal=ordinal, call=call, state="started")
    tool = tools.get(call.name)
    if ordinal >= _MOST_CALLS:
        return undecided.ended("refused", error(f"No more than {_MOST_CALLS} calls at once."))
    if call.id and call.id in ids:
        return undecided.ended("refused", error("This call's id was used before: it is not run again."))
    if tool is None:
        known = ", ".join(tools)
        return undecided.ended("refused", error(f"There is no such tool. There are: {known}."))
    try:
        _check(tool, call.arguments)
    except BadArguments as wrong:
        return undecided.ended("invalid", error(str(wrong)))
    if done.intersection(_keys(undecided, tools)):
        return undecided.ended(
            "refused", error("This was called before with these arguments: see its result.")
        )
    return undecided


def _check(tool: Tool[..., Any], arguments: str) -> None:
    values = tool.read(arguments)
    if tool.confirm and not tool.can_be_confirmed(values):
        raise BadArguments(problems="the customer has to confirm them; make them shorter, and plain text")


def _keys(call: Call, tools: Tools) -> Iterator[str]:
    """Yield what another call of the turn must not have: tool and arguments of one that may act only once."""
    tool = tools.get(call.call.name)
    if tool is not None and tool.effects == "once" and call.state in {"started", "done", "unknown", "asked"}:
        try:
            yield f"{tool.name} {tool.same(tool.read(call.call.arguments))}"
        except BadArguments:  # the tool was changed since; what was run has other arguments
            return
