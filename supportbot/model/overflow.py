"""When a prompt is too long for the model: shortened beforehand, as far as we can tell; else how endpoints
say so, and a shorter prompt for one more try."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot.history import FRAME, SMALLEST_BUDGET, cost, seeing, trim
from supportbot.readable import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from supportbot.messages import Prompt, Words

_SHARE = 4
"""The history keeps a quarter of its tokens. There is one more try only: it has to fit also where the window
is half of what bot.yaml says."""

_SPARE = 8  # tokens that are written around a whole request
_LEAST_SAID = 40  # tokens
_RULES = 0.5  # of the room, when there is not enough for everything
_NOTES = 0.25  # likewise; what was said has the rest

_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|size|window|limit)"  # OpenAI, vLLM, llama.cpp, Groq
    r"|(?:prompt|input|message)s?(?: is| are)? too long"  # Together, Bedrock, Anthropic
    r"|too many (?:input )?tokens"
    r"|reduce the length of the (?:messages|prompt|input)"
    r"|inputs?\W{0,2} tokens?.{0,40}must be (?:<=|less)"  # text-generation-inference
    r"|(?:prompt|input) (?:tokens?|length).{0,60}exceed",
    re.IGNORECASE,
)


def says_too_long(message: str) -> bool:
    """Say whether an endpoint's message means that the prompt does not fit into the model's window."""
    return _TOO_LONG.search(message) is not None


def shorter(prompt: Prompt) -> Prompt | None:
    """Return the prompt with less history: the system's entries (rules, passages) and the newest words stay.

    None when nothing can be left out. The same prompt always gives the same one.
    """
    words = _trimmed(prompt.words, lambda said: max(SMALLEST_BUDGET, cost(said) // _SHARE))
    if words == prompt.words:
        return None
    return prompt.evolve(words=words, tokens=cost(words))


def fitted(prompt: Prompt, room: int) -> Prompt:
    """Return the prompt cut down to ``room`` tokens, as we estimate them; it was made for a larger model.

    The history goes first, then the notes (what is remembered, passages) lose their middle, then the rules.
    ``room`` is at least 320.
    """
    if cost(prompt.words) <= room:
        return prompt
    room -= _SPARE
    rules, notes, _ = _parted(prompt.words)
    words = _shortened(prompt.words, rules, int(_RULES * room))
    words = _shortened(words, notes, int(_NOTES * room))
    system = cost(entry for entry in words if entry.role == "system")
    words = _trimmed(words, lambda _said: room - system)
    return prompt.evolve(words=words, tokens=cost(words))


def unseen(prompt: Prompt) -> Prompt:
    """Return the prompt for a model that sees no images: the words tell of them."""
    if not any(entry.images for entry in prompt.words):
        return prompt
    words = tuple(seeing(entry, 0) for entry in prompt.words)
    return prompt.evolve(words=words, tokens=prompt.tokens - cost(prompt.words) + cost(words))


def _trimmed(words: Sequence[Words], budget: Callable[[Sequence[Words]], int]) -> tuple[Words, ...]:
    """Trim what was said; the system's later entries stay right before the newest customer's words."""
    rules, notes, said = _parted(words)
    kept = trim(said, budget(said))
    newest = max((place for place, entry in enumerate(kept) if entry.role == "user"), default=len(kept))
    return (*rules, *kept[:newest], *notes, *kept[newest:])


def _parted(words: Sequence[Words]) -> tuple[Sequence[Words], Sequence[Words], Sequence[Words]]:
    """Return the system's first entries, its later ones, and what was said."""
    opening = next((place for place, entry in enumerate(words) if entry.role != "system"), len(words))
    rest = words[opening:]
    return (
        words[:opening],
        [entry for entry in rest if entry.role == "system"],
        [entry for entry in rest if entry.role != "system"],
    )


def _shortened(words: Sequence[Words], long: Sequence[Words], budget: int) -> tuple[Words, ...]:
    """Shorten each of the ``long`` entries to its part of the budget, unless they keep to it together.

    When that is too small to say anything, they are left out.
    """
    if not long or cost(long) <= budget:
        return tuple(words)
    marked = {id(entry) for entry in long}
    room = budget // len(long) - FRAME
    if room < _LEAST_SAID:
        return tuple(entry for entry in words if id(entry) not in marked)
    return tuple(
        entry.evolve(content=shorten(entry.content, room)) if id(entry) in marked else entry
        for entry in words
    )
