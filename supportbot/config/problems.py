"""What is wrong with a bot.yaml, as lines that say where, what, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supportbot.config import nodes
from supportbot.config.expand import references

if TYPE_CHECKING:
    from supportbot.config.nodes import Loc, Mark, Node

_SHOWN = 60
_MOST = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to change. As text: ``file:line:column: what: what to do``."""

    file: str
    line: int
    column: int
    what: str
    fix: str

    def __str__(self) -> str:
        """Return the line a person reads."""
        return f"{self.file}:{self.line}:{self.column}: {self.what}: {self.fix}"


class Findings:
    """Everything found wrong with one file so far."""

    def __init__(self, file: str, tree: Node, refused: list[Problem]) -> None:
        """Take the file's name as people know it, its tree, and what was already wrong when it was built."""
        self.problems: list[Problem] = list(refused)
        self.warnings: list[Problem] = []
        self._file = file
        self._tree = tree
        self._locs: set[Loc] = set()
        self._refused = {nodes.Mark(problem.line, problem.column) for problem in refused}

    def add(self, loc: Loc, what: str, fix: str, *, at_key: bool = False, origin: bool = True) -> None:
        """Record an error about the value at ``loc``, or about its key.

        ``what`` goes on after the value's name ("must be text"). ``origin`` adds the variables it came from.
        """
        self._locs.add(loc)
        self.problems.append(self._problem(loc, what, fix, at_key=at_key, origin=origin))

    def warn(self, loc: Loc, what: str, fix: str) -> None:
        """Record something that works, and that one should still know."""
        self.warnings.append(self._problem(loc, what, fix))

    def file_problem(self, problem: Problem) -> None:
        """Record an error that stands in another file."""
        self.problems.append(problem)

    def suspect(self, loc: Loc) -> bool:
        """Say whether an error is known about the value at ``loc`` or about something in it."""
        node = self.node(loc)
        return (node is not None and node.at in self._refused) or any(
            known[: len(loc)] == loc for known in self._locs
        )

    def node(self, loc: Loc) -> Node | None:
        """Return what the file has at ``loc``, if anything."""
        found = nodes.find(self._tree, loc)
        return found.node if found.loc == loc else None

    def from_outside(self, loc: Loc) -> bool:
        """Say whether the value at ``loc`` came, in part, from the environment or another file."""
        return bool(self._variables(loc))

    def _problem(
        self, loc: Loc, what: str, fix: str, *, at_key: bool = False, origin: bool = True
    ) -> Problem:
        at = self._place(loc, at_key=at_key)
        name = _dotted(loc) or "the file"
        if origin and (variables := self._variables(loc)):
            name += f" (from {', '.join(variables)})"
        return Problem(self._file, at.line, at.column, f"{name} {what}", fix)

    def _place(self, loc: Loc, *, at_key: bool) -> Mark:
        """Return where a value stands; for what has parts, is empty or is missing, where its key does."""
        found = nodes.find(self._tree, loc)
        single = isinstance(found.node, nodes.Scalar) and (found.node.text or not found.node.plain)
        return found.node.at if single and not at_key and found.loc == loc else found.key_at

    def _variables(self, loc: Loc) -> tuple[str, ...]:
        node = self.node(loc)
        return references(node.text) if isinstance(node, nodes.Scalar) else ()


def in_order(problems: list[Problem], first: str) -> tuple[Problem, ...]:
    """Sort problems by place, those of the file ``first`` before all others, and keep the list readable."""
    ordered = sorted(set(problems), key=lambda p: (p.file != first, p.file, p.line, p.column, p.what))
    if len(ordered) <= _MOST:
        return tuple(ordered)
    last = ordered[_MOST]
    more = Problem(
        last.file, last.line, last.column, f"{len(ordered) - _MOST} more problems follow", "fix these first"
    )
    return (*ordered[:_MOST], more)


def shown(text: str) -> str:
    """Return a text as it may stand in a terminal: one line, nothing invisible, not too long."""
    text = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _dotted(loc: Loc) -> str:
    """Write a way as people do: ``model[0].base_url``."""
    name = ""
    for step in loc:
        name += f"[{step}]" if isinstance(step, int) else f".{shown(step)}" if name else shown(step)
    return name
