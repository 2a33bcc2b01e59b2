"""Asks a model for the summary of what a history no longer holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.model.base import room_of
from supportbot.model.structured import Unheard
from supportbot.readable import shorten, visible
from supportbot.storable import clean_text

if TYPE_CHECKING:
    from supportbot.messages import Answer, Turn
    from supportbot.model.base import Model
    from supportbot.prompt import Prompts


class Summariser:
    """Makes one summary of the one before and of what was left out since: merged, not replaced."""

    def __init__(self, *, prompts: Prompts, model: Model, tokens: int) -> None:
        """``tokens``: how long a summary may be."""
        self._prompts = prompts
        self._model = model
        self._tokens = tokens

    async def summarise(self, turn: Turn) -> Answer | None:
        """Return the summary as an answer whose prompt's turn holds the messages that it tells of.

        ``turn.messages`` are to be added to ``turn.memory.summary``; the first of them, as many as the
        model has room for, are. None when there is no template to ask with.

        Raises:
            ModelError: no model gave a complete one.
            PromptError: the template fails.
        """
        prompt = self._prompts.summarise(turn, room=room_of(self._model))
        if prompt is None:
            return None
        answer = await self._model.complete(prompt, Unheard())
        text = shorten(visible(clean_text(answer.text)).strip(), self._tokens)
        return answer.evolve(prompt=prompt, text=text)
