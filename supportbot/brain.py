"""What answers, put together from bot.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.bot import Bot
from supportbot.knowledge import Knowledge
from supportbot.knowledge.phrases import Phrases
from supportbot.memory import Memories, Summariser
from supportbot.messages import Choice
from supportbot.model import build as build_model
from supportbot.model import writers
from supportbot.model.base import Reports
from supportbot.model.knowledge import KnowledgeModel
from supportbot.onlookers import Onlookers
from supportbot.prompt import Prompts
from supportbot.steps import Steps

if TYPE_CHECKING:
    from supportbot.completion import Completions
    from supportbot.config import Config, Loaded
    from supportbot.images.gallery import Gallery
    from supportbot.limits import Limits
    from supportbot.messages import Turn
    from supportbot.metrics import Metrics
    from supportbot.model.base import Model
    from supportbot.outbox import Outbox
    from supportbot.spending import Till
    from supportbot.store import Store
    from supportbot.triage import Triages
    from supportbot.turns import Engine

_MODELS_SHARE = 0.95
"""Part of ``turns.timeout`` that all model endpoints have together; after it the knowledge answers."""

_YES_OR_NO = (Choice(label="Yes, do it", says="yes"), Choice(label="No", says="no"))
"""What a customer may press when they are asked to confirm something."""


class Brain:
    """What answers: knowledge, prompts, models and texts; all of it can be exchanged while the bot runs.

    A ``model`` that is given answers instead of those of bot.yaml, always.
    """

    def __init__(
        self,
        loaded: Loaded,
        outbox: Outbox,
        engine: Engine,
        memories: Memories,
        triages: Triages,
        *,
        store: Store,
        metrics: Metrics,
        till: Till,
        limits: Limits,
        completions: Completions,
        gallery: Gallery,
        model: Model | None = None,
    ) -> None:
        self._given_model = model
        self._completions = completions
        self._gallery = gallery
        self._store = store
        self._metrics = metrics
        self._till = till
        self._limits = limits
        self._outbox = outbox
        self._engine = engine
        self._phrases = Phrases.load()
        self._memories = memories
        self._triages = triages
        self._models: list[Model] = []
        self._onlookers: list[Onlookers] = []
        self.loaded = loaded
        """What answers now is made of this."""
        self.reload(loaded)

    def reload(self, loaded: Loaded) -> None:
        """Build everything anew, then let the next turn use it; turns at work keep what they began with."""
        config = loaded.config
        knowledge = Knowledge.load(config.knowledge.path)
        model = self._given_model or build_model(
            config.model,
            KnowledgeModel(knowledge, config.texts, threshold=config.knowledge.threshold),
            self._metrics,
            purse=self._till,
            quotas=self._limits.quota,
            within=_MODELS_SHARE * config.turns.timeout,
        )
        prompts = make_prompts(config)
        self._models.append(model)
        onlookers = Onlookers(
            config, prompts, self._triages, self._metrics, purse=self._till, quotas=self._limits.quota
        )
        self._onlookers.append(onlookers)
        self._memories.use(_summariser(config, prompts, model))
        self._engine.use(
            Bot(
                knowledge=knowledge,
                complete=self._with_images if _sees(config) else self._completions.complete,
                prompts=prompts,
                model=onlookers.around(model, lambda inner: self._with_tools(inner, loaded)),
                outbox=self._outbox,
                passages=config.knowledge.passages,
                asks_for_person=self._phrases.only_asks_for_person,
                texts=config.texts,
                patience=config.turns.lease,
                settle=self._till.close,
            )
        )
        self.loaded = loaded

    async def _with_images(self, turn: Turn) -> Turn:
        """Return the turn with what its channel knows, and what models see of its images."""
        return await self._gallery.shown(await self._completions.complete(turn))

    def _with_tools(self, model: Model, loaded: Loaded) -> Model:
        """Let a model use the tools of bot.yaml, if there are any."""
        if not loaded.tools:
            return model
        return Steps(
            model,
            loaded.tools,
            self._store,
            agrees=self._phrases.agrees,
            confirm_text=loaded.config.texts.confirm,
            choices=_YES_OR_NO,
            confirm_within=loaded.config.turns.confirm_within,
            patience=loaded.config.turns.lease,
            counts=self._metrics,
        )

    def problems(self) -> dict[str, str]:
        """Return what is wrong with each model endpoint; empty where all is well. Answers come all the same,
        from the next one or the knowledge."""
        model = self._models[-1]
        found = dict(model.problems()) if isinstance(model, Reports) else {}
        found |= self._onlookers[-1].problems()
        problems = {f"model {name}": problem for name, problem in found.items()}
        capped = self._till.problem()
        return {**problems, "spending": capped} if capped else problems

    async def close(self) -> None:
        """Let go of the models' connections."""
        for model in self._models:
            await model.close()
        for onlookers in self._onlookers:
            await onlookers.close()


def make_prompts(config: Config) -> Prompts:
    """Make what turns conversations into the words a model reads.

    Raises:
        PromptError: the templates cannot be used.
    """
    return Prompts(
        config.prompts.path,
        system=config.prompts.system,
        history_tokens=config.prompts.history_tokens,
        history_messages=config.prompts.history_messages,
        keep=config.memory.keep,
        pin=config.memory.pin,
        summary_tokens=config.memory.summary_tokens,
        bot=config.bot.model_dump(),
    )


def _sees(config: Config) -> bool:
    return any(section.vision for section in config.model)


def _summariser(config: Config, prompts: Prompts, model: Model) -> Summariser | None:
    """Make what writes summaries; None without a language model, or when none are wanted."""
    tokens, model_alone = config.memory.summary_tokens, writers(model)
    if not tokens or model_alone is None:
        return None
    return Summariser(prompts=prompts, model=model_alone, tokens=tokens)
