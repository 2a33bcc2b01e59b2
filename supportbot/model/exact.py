"""A prompt counted as its model counts it, and cut down until it really fits.

The estimate of ``supportbot.tokens`` shapes a prompt; here the model's own vocabulary has the last word.
What the two differ by is learnt, so that the next prompt comes out right at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.history import cost
from supportbot.model.failures import Failure
from supportbot.model.overflow import fitted
from supportbot.model.wire import without_special_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from supportbot.messages import Prompt, Words
    from supportbot.model.scale import Scale
    from supportbot.tokenizer import Tokenizer

_BEGIN = 1  # <|begin_of_text|>
_AROUND = 4  # <|start_header_id|>, <|end_header_id|>, an empty line, <|eot_id|>; Llama 4's are as many
_ANSWER = 4  # the header of the answer
_ROUNDS = 6  # each comes closer; the second mostly fits
_LEAST = 320  # tokens that ``fitted`` needs
_MARGIN = 0.97


class Exact:
    """Counts with a vocabulary."""

    def __init__(self, tokenizer: Tokenizer, scale: Scale) -> None:
        """``scale`` learns what the estimate is worth."""
        self._tokenizer = tokenizer
        self._scale = scale

    async def fitted(self, prompt: Prompt, limit: int) -> Prompt:
        """Return the prompt, cut down if need be, so that it costs at most ``limit`` of the model's tokens.

        Its ``tokens`` are then the model's.

        Raises:
            Failure: it may not be cut down, or cannot be so far.
        """
        beside = max(0, prompt.tokens - cost(prompt.words))  # tools: nobody knows how a server writes them
        for _ in range(_ROUNDS):
            estimated = cost(prompt.words)
            tokens = beside + await self.count(prompt.words)
            if not any(entry.images for entry in prompt.words):
                self._scale.learn(estimated, tokens - beside)
            if tokens <= limit:
                return prompt.evolve(tokens=tokens)
            room = int(_MARGIN * estimated * max(0, limit - beside) / (tokens - beside))
            if prompt.whole or estimated <= _LEAST:
                break
            prompt = fitted(prompt, max(_LEAST, min(room, estimated - 1)))
        raise Failure("it is too long for the model's window", too_long=True)

    async def count(self, words: Sequence[Words]) -> int:
        """Return what some entries cost in a request, with what the chat template writes around them."""
        around = _BEGIN + _ANSWER + _AROUND * len(words) + sum(_beside(entry) for entry in words)
        return around + await self._tokenizer.total(text for entry in words for text in _texts(entry))


def _texts(entry: Words) -> Iterator[str]:
    """Yield what is written of an entry, as it is sent."""
    yield entry.role
    yield without_special_tokens(entry.content)
    for call in entry.tool_calls:
        yield call.name
        yield without_special_tokens(call.arguments)


def _beside(entry: Words) -> int:
    """Return what is beside an entry's texts: images by the estimate, and what is around its calls."""
    return sum(image.tokens for image in entry.images) + _AROUND * len(entry.tool_calls)
