"""Who looks at what is written before it is passed on: the customer's words, the model's answer.

``InputCheck`` is a ``Screen``: it looks while the answer is being written. ``CheckedOutput`` is a model
around a model: nothing of the answer is shown before the verdict on all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import structlog

from supportbot.authorship import KNOWLEDGE
from supportbot.config.models import ModelSection
from supportbot.errors import ModelError
from supportbot.messages import Answer, Words
from supportbot.model import Endpoint
from supportbot.model.base import room_of
from supportbot.model.client import codec_of
from supportbot.model.moderations import ModerationsCodec, read_verdict
from supportbot.model.structured import Unheard
from supportbot.objections import Objection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.config.moderation import CheckSection, GuardSection
    from supportbot.config.texts import TextsSection
    from supportbot.messages import Prompt
    from supportbot.model.base import Counts as ModelCounts
    from supportbot.model.base import Model, Purse, Sink
    from supportbot.model.quota import MakeQuota

    Of = Literal["input", "output"]


log = structlog.get_logger(__name__)


class Counts(Protocol):
    """What moderation tells of itself."""

    def moderated(self, of: str, outcome: str) -> None:
        """Something was judged."""


class Moderator:
    """Judges words."""

    def __init__(
        self,
        section: GuardSection,
        counts: Counts,
        model_counts: ModelCounts | None = None,
        *,
        purse: Purse | None = None,
        quotas: MakeQuota | None = None,
    ) -> None:
        """Prepare to ask; nothing is connected yet. ``model_counts`` and ``purse`` hear of every request.

        ``quotas`` says what may be sent; by default what the section allows this process.
        """
        as_model = _as_model(section)
        by_chat = section.call == "chat"
        codec = (
            codec_of(as_model)
            if by_chat
            else ModerationsCodec(codec_of(as_model), llama=section.dialect == "llama")
        )
        self._endpoint = Endpoint(
            as_model,
            counts=model_counts,
            codec=codec,
            purse=purse if by_chat else None,
            quota=quotas(as_model) if quotas else None,
        )
        self._counts = counts

    async def objection(self, prompt: Prompt, of: Of, *words: Words) -> Objection | None:
        """Judge the last of some words; the others are what they answer. None when nothing stands against it.

        Never fails: a verdict that is not to be had is an objection with an ``error``.
        """
        found = await self._judged(prompt, of, *words)
        outcome = "passed" if found is None else "error" if found.error else "flagged"
        self._counts.moderated(of, outcome)
        if found is not None:
            log.warning(
                "moderation.objects", of=of, categories=", ".join(found.categories), error=found.error
            )
        return found

    async def _judged(self, prompt: Prompt, of: Of, *words: Words) -> Objection | None:
        try:
            answer = await self._endpoint.complete(
                prompt.evolve(words=words, purpose="moderation", tokens=0, tools=(), whole=True), Unheard()
            )
        except ModelError as error:
            return Objection(of=of, error=str(error.details.get("cause", "")) or type(error).__name__)
        categories = read_verdict(answer.text)
        if categories is None:
            return Objection(of=of, error="its verdict is neither safe nor unsafe")
        return Objection(of=of, categories=categories) if categories else None

    def problems(self) -> Mapping[str, str]:
        """Return what keeps it from judging, by its name; empty where all is well."""
        return self._endpoint.problems()

    async def close(self) -> None:
        """Let go of connections."""
        await self._endpoint.close()


class _Consequence:
    """What is said when there is an objection."""

    def __init__(self, section: CheckSection, texts: TextsSection) -> None:
        self._section = section
        self._texts = texts

    def answer(self, prompt: Prompt, objection: Objection) -> Answer:
        failed = bool(objection.error)
        texts = self._texts.of(prompt.turn.contact.language)
        said = Answer(prompt=prompt, text=texts.moderated, model="", objection=objection)
        if (self._section.on_error if failed else self._section.on_flagged) == "reply":
            return said
        return said.evolve(text=texts.handoff, handoff="unchecked" if failed else "flagged")


class InputCheck:
    """Looks at what the customer wrote."""

    def __init__(self, moderator: Moderator, section: CheckSection, texts: TextsSection) -> None:
        """``section``: what follows; ``texts``: in which words."""
        self._moderator = moderator
        self._consequence = _Consequence(section, texts)

    async def instead(self, prompt: Prompt) -> Answer | None:
        """See ``Screen``."""
        question = Words(role="user", content=prompt.turn.question)
        objection = await self._moderator.objection(prompt, "input", question)
        return self._consequence.answer(prompt, objection) if objection else None


class CheckedOutput:
    """A model whose answers are judged before anybody sees them; itself a ``Model``."""

    def __init__(
        self, model: Model, moderator: Moderator, section: CheckSection, texts: TextsSection
    ) -> None:
        """``model`` is whose answers are judged; ``section``: what follows; ``texts``: in which words."""
        self.name = model.name
        self._model = model
        self._moderator = moderator
        self._consequence = _Consequence(section, texts)

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer as the model does, if nothing stands against it; ``live`` gets it whole, or not at all."""
        answer = await self._model.complete(prompt, Unheard())
        if answer.model == KNOWLEDGE or answer.objection is not None:
            return answer
        exchange = (
            Words(role="user", content=prompt.turn.question),
            Words(role="assistant", content=answer.text),
        )
        objection = await self._moderator.objection(prompt, "output", *exchange)
        if objection is None:
            await live.append(answer.text)
            return answer
        return self._consequence.answer(answer.prompt, objection).evolve(
            usage=answer.usage, **({"handoff": answer.handoff} if answer.handoff else {})
        )

    @property
    def room(self) -> int | None:
        """What a prompt may cost: as much as the model's."""
        return room_of(self._model)

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()


def _as_model(section: GuardSection) -> ModelSection:
    """Return a guard as an entry of ``model`` that is asked for a verdict: a few words."""
    return ModelSection(
        **section.model_dump(include={"dialect", "model", "base_url", "requests_per_minute", "concurrency"}),
        api_key=section.api_key,
        name=section.label,
        max_tokens=64,
        temperature=0.0 if section.call == "chat" else None,
        stream=False,
        attempts=2,
        connect_timeout=min(5.0, section.timeout),
        total_timeout=section.timeout,
    )
