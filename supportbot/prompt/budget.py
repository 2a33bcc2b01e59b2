"""How a model's window is shared out among the parts of a prompt."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY = 1_000
"""What is told beyond the history may cost at most so many tokens, however large the window is."""

_SPARE = 16  # tokens: what is written around the whole request, and where two texts are joined
_SYSTEM = 0.6  # of the room; only a system prompt longer than that is ever shortened
_PASSAGES = 0.3  # of what the system prompt leaves
_MEMORY = 0.15  # likewise; the history has what these two leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that each part of a prompt may cost, in tokens as we estimate them; together they fit."""

    system: int
    passages: int
    memory: int
    history: int


def shared(room: int | None, *, system: int, history: int) -> Budget:
    """Share out the room of a prompt.

    The shares do not depend on what is asked, so that the history is not cut because of one question
    with long passages.

    Args:
        room: what the whole prompt may cost, at least 320; None when nothing limits it.
        system: what the system prompt costs.
        history: the most the history may cost (bot.yaml, ``prompts.history_tokens``).
    """
    if room is None:
        return Budget(system=system, passages=1_000_000, memory=MEMORY, history=history)
    room -= _SPARE
    system = min(system, int(_SYSTEM * room))
    left = room - system
    passages, memory = int(_PASSAGES * left), min(MEMORY, int(_MEMORY * left))
    return Budget(
        system=system, passages=passages, memory=memory, history=min(history, left - passages - memory)
    )
