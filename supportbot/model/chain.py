"""Ask one model after the other until one answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from supportbot.errors import ModelError, ModelOverBudget, ModelRefused
from supportbot.model.base import Reports, room_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supportbot.messages import Answer, Prompt
    from supportbot.model.base import Model, Sink

_MOST_TOLD = 20  # refusals with different causes that are told before the endpoint answers again

_log = structlog.get_logger(__name__)


class Chain:
    """The fallback chain: the first model that gives a complete answer. The last one should always do."""

    name = "chain"

    def __init__(self, models: Sequence[Model], *, within: float | None = None) -> None:
        """``models`` in the order in which they are asked; at least one.

        ``within`` is how many seconds all but the last have together, so that the last one still gets
        its turn when the others hang; no limit of the chain's own if None.
        """
        if not models:
            raise ValueError("a chain needs a model")
        self._within = within
        self.models = tuple(models)
        self._told: dict[str, set[str]] = {model.name: set() for model in models}

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer with the first model that can; what a failed one had shown is voided.

        Raises:
            ModelError: the last model's, when all failed.
        """
        *others, last = self.models
        now = asyncio.get_running_loop().time()
        deadline = None if self._within is None else now + self._within
        for model in others:
            watched = _Watched(live)
            limit = asyncio.timeout_at(deadline)
            try:
                async with limit:
                    answer = await model.complete(prompt, watched)
            except TimeoutError:
                if not limit.expired():
                    raise
                _log.warning("model.failed", model=model.name, cause="the time for all models is used up")
            except ModelOverBudget:
                continue  # whoever pays has told the operator
            except ModelRefused as error:
                self._tell(model.name, error)
            except ModelError as error:
                _log.warning("model.failed", model=model.name, cause=_cause(error))
            else:
                self._told[model.name].clear()
                return answer
            if watched.used:
                await live.restart()
        return await last.complete(prompt, live)

    def _tell(self, model: str, error: ModelRefused) -> None:
        """Log a refusal as an error: once per cause, until the model answers again."""
        told, cause = self._told[model], _cause(error)
        if cause not in told and len(told) < _MOST_TOLD:
            told.add(cause)
            _log.error("model.refused", model=model, status=error.details.get("status"), cause=cause)

    @property
    def room(self) -> int | None:
        """What a prompt may cost: the first model's, which is mostly asked. Others fit it to theirs."""
        return room_of(self.models[0])

    def problems(self) -> Mapping[str, str]:
        """Return what is wrong with each endpoint, by its name; empty where all is well."""
        return {
            name: problem
            for model in self.models
            if isinstance(model, Reports)
            for name, problem in model.problems().items()
        }

    async def close(self) -> None:
        """Close all of them."""
        for model in self.models:
            await model.close()


def _cause(error: ModelError) -> str:
    return str(error.details.get("cause", ""))


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
