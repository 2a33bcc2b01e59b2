"""When a prompt is too long for the model: how endpoints say so, and a shorter prompt for one more try."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot.history import SMALLEST_BUDGET, cost, trim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.messages import Prompt, Words

_SHARE = 4
"""The history keeps a quarter of its tokens. There is one more try only: it has to fit also where the window
is half of what bot.yaml says."""

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
    words = _shorter(prompt.words)
    if words == prompt.words:
        return None
    return prompt.evolve(words=words, tokens=cost(words))


def _shorter(words: Sequence[Words]) -> tuple[Words, ...]:
    """Trim what was said; the system's later entries stay right before the newest customer's words."""
    opening = next((place for place, entry in enumerate(words) if entry.role != "system"), len(words))
    rules, rest = words[:opening], words[opening:]
    said = [entry for entry in rest if entry.role != "system"]
    notes = [entry for entry in rest if entry.role == "system"]
    kept = trim(said, max(SMALLEST_BUDGET, cost(said) // _SHARE))
    newest = max((place for place, entry in enumerate(kept) if entry.role == "user"), default=len(kept))
    return (*rules, *kept[:newest], *notes, *kept[newest:])
