"""What a prompt tells of messages that are no longer in its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.readable import shorten, visible
from supportbot.tokens import estimate

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Sequence

    from supportbot.messages import Memory, Message

MOST_PINNED = 20
"""So many are kept; the newest ones, when there are more."""

_LONGEST_PINNED = 80  # characters
_SEARCHED = 4_000  # characters of a message that are searched for what is to be pinned
_MOST_QUOTED = 8  # messages
_LONGEST = 80  # tokens of one message that is quoted
_LEAST_SUMMARY = 40  # tokens: less says nothing
_AROUND = 12  # tokens that a quoted message costs beside its words
_SAYS_LITTLE = 12  # characters: "ok", "thank you"


def left_out(
    memory: Memory, history: Sequence[Message], from_seq: int, pins: Sequence[re.Pattern[str]]
) -> Memory:
    """Return a conversation's memory once its history begins at the message ``from_seq``.

    What goes is kept among ``left_out`` until a summary tells of it, and what matches one of ``pins``
    in it is pinned.
    """
    gone = tuple(m for m in history if m.seq < from_seq and m.author in {"customer", "person"})
    return memory.evolve(
        from_seq=from_seq,
        pinned=pinned(memory.pinned, (*memory.left_out, *gone), pins),
        left_out=(*memory.left_out, *(m for m in gone if m.seq > memory.summary_seq)),
    )


def pinned(
    already: Sequence[str], messages: Iterable[Message], pins: Sequence[re.Pattern[str]]
) -> tuple[str, ...]:
    """Return what is pinned once what customers wrote in ``messages`` has been searched for it."""
    if not pins:
        return tuple(already)
    found = dict.fromkeys(already)
    for message in messages:
        if message.author == "customer":
            text = visible(message.text[:_SEARCHED])
            named = (match[0][:_LONGEST_PINNED] for pin in pins for match in pin.finditer(text))
            found.update(dict.fromkeys(name for name in named if name.strip()))
    return tuple(found)[-MOST_PINNED:]


def less_told(memory: Memory, tokens: int) -> Memory:
    """Return a memory that takes about so many ``tokens`` less to tell, or at least fewer.

    The words themselves go first, then the summary, then the oldest of what is pinned.
    """
    if memory.left_out:
        return memory.evolve(left_out=memory.left_out[:-1])
    if memory.summary:
        left = estimate(memory.summary) - tokens
        return memory.evolve(summary=shorten(memory.summary, left) if left >= _LEAST_SUMMARY else "")
    return memory.evolve(pinned=memory.pinned[1:])


def important(messages: Sequence[Message], tokens: int) -> tuple[Message, ...]:
    """Choose what to quote of ``messages``, oldest first, for at most about ``tokens``.

    The first comes before all others, since it mostly says what the matter is; then what people of the
    team wrote, which may be promises; then the newest. What says next to nothing is left out.
    """
    telling = [m for m in messages if len(m.text.strip()) >= _SAYS_LITTLE]
    first, rest = telling[:1], telling[1:]
    rest.sort(key=lambda m: (m.author != "person", -m.seq))
    chosen: list[Message] = []
    for message in (*first, *rest[: _MOST_QUOTED - 1]):
        quoted = message.evolve(text=shorten(visible(message.text).strip(), _LONGEST))
        tokens -= estimate(quoted.text) + _AROUND
        if tokens < 0:
            break
        chosen.append(quoted)
    return tuple(sorted(chosen, key=lambda m: m.seq))
