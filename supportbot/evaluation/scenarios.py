"""A file of scenarios -> checked, frozen values, every problem at its line as in bot.yaml."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from supportbot.config import nodes, source
from supportbot.config.problems import Findings, in_order
from supportbot.config.validate import check_scalars, validated
from supportbot.errors import ConfigError
from supportbot.messages import Assurance  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from supportbot.config.problems import Problem


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error.msg}") from None
    return value


Words = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    """Unknown keys are errors, nothing is converted in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Expect(_Part):
    """What must be true of an answer; what is not set may be anything."""

    contains: tuple[Words, ...] = Field((), description="Each stands in it, in capitals or not.")
    not_contains: tuple[Words, ...] = Field((), description="None stands in it, in capitals or not.")
    matches: tuple[Annotated[str, AfterValidator(_pattern)], ...] = Field(
        (), description="Each regular expression finds something in it."
    )
    cites: tuple[Words, ...] = Field(
        (), description="Each is the source of a citation, or the beginning of one, or is named in the text."
    )
    handoff: bool | None = Field(None, description="Whether a person is asked for.")
    max_tokens: int | None = Field(None, ge=0, description="The most that models may use for it.")


class Line(_Part):
    """What a customer writes, and what is expected of the answer."""

    say: Words
    expect: Expect = Expect()


class Scenario(_Part):
    """One conversation."""

    name: Words
    assurance: Assurance = Field("anonymous", description="How sure the bot is of who the customer is.")
    lines: tuple[Line, ...] = Field(min_length=1)


class _File(_Part):
    scenarios: tuple[Scenario, ...] = Field(min_length=1)


def read_scenarios(paths: Iterable[Path]) -> tuple[Scenario, ...]:
    """Read files of scenarios, in their order.

    Raises:
        ConfigError: they have problems, or two scenarios have one name; the message is all of them.
    """
    problems: list[Problem] = []
    found: list[Scenario] = []
    names: dict[str, str] = {}
    for path in paths:
        scenarios, wrong = _read(path, names)
        found += scenarios
        problems += wrong
    if problems:
        raise ConfigError(problems="\n".join(map(str, problems)))
    return tuple(found)


def _read(path: Path, names: dict[str, str]) -> tuple[tuple[Scenario, ...], tuple[Problem, ...]]:
    """Read one file; ``names`` are those of the scenarios before it, with their files, and of it after."""
    file = str(path)
    try:
        tree, refused = source.parse(source.read(path), file, begins="scenarios")
    except source.UnreadableError as error:
        return (), in_order(error.problems, file)
    findings = Findings(file, tree, refused)
    check_scalars(tree, _File, findings)
    read = validated(_File, _plain(tree), findings)
    for number, scenario in enumerate(read.scenarios if read else ()):
        if scenario.name in names:
            what = f"is the name of another one, in {names[scenario.name]}"
            findings.add(("scenarios", number, "name"), what, "give each its own")
        names[scenario.name] = file
    return (read.scenarios if read else ()), in_order(findings.problems, file)


def _plain(node: nodes.Node) -> Any:
    """Return a tree as plain values."""
    if isinstance(node, nodes.Mapping):
        return {key: _plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, nodes.Sequence):
        return [_plain(item) for item in node.items]
    return node.value
