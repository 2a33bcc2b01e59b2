"""Who looks on while a turn is answered, put together from bot.yaml: the guard and the triage.

moderation of the output ( tools ( screens: moderation of the input, triage ( the model ) ) )
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from supportbot.model import writers
from supportbot.model.base import Counts as ModelCounts
from supportbot.model.screened import Screened
from supportbot.moderation import CheckedOutput, InputCheck, Moderator
from supportbot.moderation import Counts as ModerationCounts
from supportbot.triage import Sorter, TriageScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supportbot.config import Config
    from supportbot.model.base import Model, Purse
    from supportbot.model.quota import MakeQuota
    from supportbot.model.screened import Screen
    from supportbot.prompt import Prompts
    from supportbot.triage import Triages


class Counts(ModerationCounts, ModelCounts, Protocol):
    """The metrics they need."""


class Onlookers:
    """Those of one bot.yaml; there may be none."""

    def __init__(
        self,
        config: Config,
        prompts: Prompts,
        triages: Triages,
        counts: Counts,
        *,
        purse: Purse,
        quotas: MakeQuota,
    ) -> None:
        """``triages`` keeps what is said of questions; ``counts``: the metrics.

        ``purse`` pays the guard, and ``quotas`` says how often it may be asked.
        """
        self._config = config
        self._prompts = prompts
        self._triages = triages
        guard = config.moderation.guard
        self._moderator = Moderator(guard, counts, counts, purse=purse, quotas=quotas) if guard else None

    def around(self, model: Model, with_tools: Callable[[Model], Model]) -> Model:
        """Return what answers when they look on; ``with_tools`` lets a model use tools."""
        screens = self._screens(model)
        answers = with_tools(Screened(model, screens) if screens else model)
        if self._moderator is None or self._config.moderation.output is None:
            return answers
        return CheckedOutput(answers, self._moderator, self._config.moderation.output, self._config.texts)

    def problems(self) -> Mapping[str, str]:
        """Return what keeps the guard from judging, by its name; empty where all is well."""
        return self._moderator.problems() if self._moderator else {}

    async def close(self) -> None:
        """Let go of connections."""
        if self._moderator is not None:
            await self._moderator.close()

    def _screens(self, model: Model) -> list[Screen]:
        screens: list[Screen] = []
        if self._moderator is not None and self._config.moderation.input is not None:
            screens.append(InputCheck(self._moderator, self._config.moderation.input, self._config.texts))
        if (sorter := self._sorter(model)) is not None:
            hand_over, texts = self._config.triage.hand_over, self._config.texts
            screens.append(TriageScreen(self._triages, sorter, hand_over=hand_over, texts=texts))
        return screens

    def _sorter(self, model: Model) -> Sorter | None:
        triage = self._config.triage
        model_alone = writers(model, triage.model) if triage.enabled else None
        if model_alone is None:
            return None
        return Sorter(prompts=self._prompts, model=model_alone, topics=triage.topics, timeout=triage.timeout)
