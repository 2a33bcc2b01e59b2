"""A model whose answers are counted: for those that make no requests, which are counted one by one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from supportbot.errors import ModelError
from supportbot.model.base import reads_words

if TYPE_CHECKING:
    from supportbot.messages import Answer, Prompt
    from supportbot.model.base import Counts, Model, Sink


class Counted:
    """Another model, and a count of what it is asked."""

    def __init__(self, model: Model, counts: Counts) -> None:
        """``counts`` is told of every call that ends in an answer or a ``ModelError``."""
        self.name = model.name
        self.unprompted = not reads_words(model)
        self._model = model
        self._counts = counts

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer as the model does. See ``Model``."""
        begun = time.monotonic()
        try:
            answer = await self._model.complete(prompt, live)
        except ModelError:
            self._counts.model_called(self.name, "failed", time.monotonic() - begun)
            raise
        self._counts.model_called(self.name, "ok", time.monotonic() - begun)
        return answer

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()
