"""The tree of a YAML file: plain values that know where in the file they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Value: TypeAlias = str | int | float | bool | None
Loc: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys and list indexes, as pydantic's ``loc``."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; line and column count from 1, columns in characters."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value."""

    at: Mark
    value: Value
    text: str
    """What stands in the file, quotes and escapes undone."""
    plain: bool = True
    """It stands without quotes and not as a block."""
    trap: tuple[str, str] | None = None
    """Why YAML readers disagree about it, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    at: Mark
    items: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``key: value`` of a mapping."""

    key_at: Mark
    node: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and their values."""

    at: Mark
    entries: dict[str, Entry] = field(default_factory=dict)


Node: TypeAlias = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Found:
    """How far a ``Loc`` leads into a tree."""

    node: Node
    """The deepest node that exists on the way."""
    loc: Loc
    """The way to it."""
    key_at: Mark
    """Where its key stands; where it stands itself when it has none."""


def find(tree: Node, loc: Loc) -> Found:
    """Follow a way as far as it exists."""
    node, key_at = tree, tree.at
    for depth, step in enumerate(loc):
        match node:
            case Mapping(entries=entries) if isinstance(step, str) and step in entries:
                node, key_at = entries[step].node, entries[step].key_at
            case Sequence(items=items) if isinstance(step, int) and 0 <= step < len(items):
                node, key_at = items[step], items[step].at
            case _:
                return Found(node, loc[:depth], key_at)
    return Found(node, loc, key_at)


def scalars(node: Node, loc: Loc = ()) -> Iterator[tuple[Loc, Scalar]]:
    """Yield every single value of a tree with the way to it."""
    match node:
        case Scalar():
            yield loc, node
        case Mapping(entries=entries):
            for key, entry in entries.items():
                yield from scalars(entry.node, (*loc, key))
        case Sequence(items=items):
            for number, item in enumerate(items):
                yield from scalars(item, (*loc, number))
