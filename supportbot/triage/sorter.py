"""Asks a model what a question is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.model.base import room_of
from supportbot.model.structured import ask
from supportbot.triage.values import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.messages import Turn
    from supportbot.model.base import Model
    from supportbot.model.structured import Structured
    from supportbot.prompt import Prompts
    from supportbot.triage.values import Triage


class Sorter:
    """Makes one triage."""

    def __init__(self, *, prompts: Prompts, model: Model, topics: Mapping[str, str], timeout: float) -> None:
        """``topics``: name and what belongs to it; ``timeout``: seconds that whoever asks should wait."""
        self.timeout = timeout
        self._prompts = prompts
        self._model = model
        self._topics = topics
        self._kind = kind_of(topics)

    async def sort(self, turn: Turn) -> Structured[Triage]:
        """Return what a model says about the turn's new messages.

        Raises:
            ModelError: no model gave one that fits.
            PromptError: the template fails, or is gone.
        """
        prompt = self._prompts.triage(turn, self._topics, room=room_of(self._model))
        return await ask(self._model, prompt, self._kind)
