"""Ask one model after the other until one answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from supportbot.errors import ModelError
from supportbot.model.base import Reports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supportbot.messages import Answer, Prompt
    from supportbot.model.base import Model, Sink

_log = structlog.get_logger(__name__)


class Chain:
    """The fallback chain: the first model that gives a complete answer. The last one should always do."""

    name = "chain"

    def __init__(self, models: Sequence[Model]) -> None:
        """``models`` in the order in which they are asked; at least one."""
        if not models:
            raise ValueError("a chain needs a model")
        self._models = tuple(models)

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer with the first model that can; what a failed one had shown is voided.

        Raises:
            ModelError: the last model's, when all failed.
        """
        *others, last = self._models
        for model in others:
            watched = _Watched(live)
            try:
                return await model.complete(prompt, watched)
            except ModelError as error:
                _log.warning("model_failed", model=model.name, cause=error.details.get("cause", ""))
            if watched.used:
                await live.restart()
        return await last.complete(prompt, live)

    def problems(self) -> Mapping[str, str]:
        """Return what is wrong with each endpoint, by its name; empty where all is well."""
        return {
            name: problem
            for model in self._models
            if isinstance(model, Reports)
            for name, problem in model.problems().items()
        }

    async def close(self) -> None:
        """Close all of them."""
        for model in self._models:
            await model.close()


class _Watched:
    """A sink that remembers whether something was shown."""

    def __init__(self, live: Sink) -> None:
        self.used = False
        self._live = live

    async def append(self, text: str) -> None:
        self.used = True
        await self._live.append(text)

    async def restart(self) -> None:
        self.used = False
        await self._live.restart()
