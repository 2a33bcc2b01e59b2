"""What a model is told of a long conversation, as lines for a screen."""

from typing import TYPE_CHECKING

from supportbot.cli.output import local, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.reports import MemoryRow


def memory_lines(memory: "MemoryRow | None") -> "Iterator[str]":
    """Yield where the history begins, what is pinned, the summary, and how it is with the next one."""
    if memory is None:
        return
    yield f"models read it from message {memory.from_seq} on"
    if memory.pinned:
        yield f"pinned: {', '.join(phrase(text) for text in memory.pinned)}"
    if memory.summary:
        yield f"summary up to message {memory.summary_seq}, by {phrase(memory.model)}:"
        yield from (f"  {line}" for line in memory.summary.splitlines())
    if memory.summary_seq < memory.from_seq - 1:
        yield "".join(_missing(memory))


def _missing(memory: "MemoryRow") -> "Iterator[str]":
    yield f"no summary of messages {memory.summary_seq + 1} to {memory.from_seq - 1}"
    if memory.attempt or memory.reason:
        yield f"; tries: {memory.attempt}"
    if memory.reason:
        yield f"; reason: {phrase(memory.reason, 200)}"
    if memory.due_at is not None:
        yield f"; due {local(memory.due_at)}"
