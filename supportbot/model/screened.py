"""A model whose words are held back until everybody who looks at the question has let it pass.

The answer is written meanwhile, so that a look costs time only when it takes longer than the answer's first
words. Tools are asked for in answers, and an answer is given away only when the question has passed: so none
is run before. A request that already tells of tools run in this turn belongs to a question that has passed,
or to a customer's yes to what the bot asked in an earlier turn, whose question had passed then.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from supportbot.model.base import room_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.messages import Answer, Prompt
    from supportbot.model.base import Model, Sink


class Screen(Protocol):
    """Somebody who looks at the question while it is being answered."""

    async def instead(self, prompt: Prompt) -> Answer | None:
        """Return what is said instead of the model's answer; None lets the question pass.

        It fails only if the turn shall be tried again.
        """


class Screened:
    """Itself a ``Model``."""

    def __init__(self, model: Model, screens: Sequence[Screen]) -> None:
        """When several object, the first of ``screens`` has its way."""
        self.name = model.name
        self._model = model
        self._screens = tuple(screens)

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer, or say what a screen says instead; then what the model writes is never shown."""
        if any(words.role == "tool" for words in prompt.words):
            return await self._model.complete(prompt, live)
        held = _Held(live)
        answer = asyncio.ensure_future(self._model.complete(prompt, held))
        looks = [asyncio.ensure_future(screen.instead(prompt)) for screen in self._screens]
        try:
            for look in looks:
                if (instead := await look) is not None:
                    return instead
            await held.release()
            return await answer
        finally:
            await _ended([answer, *looks])

    @property
    def room(self) -> int | None:
        """What a prompt may cost: as much as the model's."""
        return room_of(self._model)

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()


class _Held:
    """Keeps what is written until it is released."""

    def __init__(self, live: Sink) -> None:
        self._live = live
        self._kept: list[str] = []
        self._is_open = False

    async def append(self, text: str) -> None:
        if self._is_open:
            await self._live.append(text)
        else:
            self._kept.append(text)

    async def restart(self) -> None:
        if self._is_open:
            await self._live.restart()
        else:
            self._kept.clear()

    async def release(self) -> None:
        """Show what was written so far, and all that follows as it comes."""
        while self._kept:  # more may come while it is being shown
            text = "".join(self._kept)
            self._kept.clear()
            await self._live.append(text)
        self._is_open = True


async def _ended(tasks: Sequence[asyncio.Future[Answer]] | Sequence[asyncio.Future[Answer | None]]) -> None:
    """Stop what is still running; it closes its connections before this returns."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
