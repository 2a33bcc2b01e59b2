"""One turn, read like prose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.messages import Answer, Prompt
from supportbot.model.base import reads_words, room_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from supportbot.config.texts import TextsSection
    from supportbot.knowledge import Knowledge
    from supportbot.messages import Passage, Turn
    from supportbot.model.base import Model
    from supportbot.outbox import Outbox
    from supportbot.prompt import Prompts
    from supportbot.store import Tx


class Bot:
    """Answers turns."""

    def __init__(
        self,
        *,
        knowledge: Knowledge,
        complete: Callable[[Turn], Awaitable[Turn]],
        prompts: Prompts,
        model: Model,
        outbox: Outbox,
        passages: int,
        asks_for_person: Callable[[str], bool],
        texts: TextsSection,
        patience: float,
        settle: Callable[[Turn], None],
    ) -> None:
        """Wire the bot.

        Args:
            knowledge: where passages come from.
            complete: adds to a turn what its channel knows.
            prompts: turns a conversation into words.
            model: answers the words.
            outbox: records and delivers.
            passages: how many passages a model gets to read.
            asks_for_person: whether a customer's message is the wish for a person and nothing else.
            texts: what is said when the customer asked for a person, or a turn was put aside as dead.
            patience: seconds to go on trying to record an answer while the store cannot be written.
            settle: told at the end of each try: nothing more is asked of models for it.
        """
        self._knowledge = knowledge
        self._complete = complete
        self._prompts = prompts
        self._model = model
        self._model_reads = reads_words(model)
        self._outbox = outbox
        self._passages = passages
        self._asks_for_person = asks_for_person
        self._texts = texts
        self._patience = patience
        self._settle = settle

    async def answer(self, turn: Turn) -> None:
        """Answer a claimed turn and commit the answer."""
        turn = await self._complete(turn)
        passages = self._knowledge.search(turn.question, self._passages, context=_said_before(turn))
        try:
            answer = await self._ask(self._prompt(turn, passages))
            await self._outbox.commit(answer, patience=self._patience)
        finally:
            self._settle(turn)

    def _prompt(self, turn: Turn, passages: Sequence[Passage]) -> Prompt:
        """Render what the model reads; one that quotes the articles reads nothing."""
        if self._model_reads:
            return self._prompts.render(turn, passages, room=room_of(self._model))
        return Prompt(turn=turn, words=(), passages=tuple(passages), memory=turn.memory)

    async def _ask(self, prompt: Prompt) -> Answer:
        """A customer who pressed or wrote "talk to a person" gets one, whatever a model would say.

        Prompts and texts tell customers to write it."""
        if any(m.wants_person or self._asks_for_person(m.text) for m in prompt.turn.messages):
            text = self._texts.of(prompt.turn.contact.language).handoff
            return Answer(prompt=prompt, text=text, model="", handoff="customer_asked")
        return await self._model.complete(prompt, self._outbox.live(prompt.turn))

    def give_up(self, tx: Tx, turn: Turn) -> None:
        """Inside the transaction that buries a turn: leave the customer a word."""
        self._outbox.say(tx, turn, self._texts.of(turn.contact.language).failed)


def _said_before(turn: Turn) -> str:
    """Return the customer's previous words: a short follow-up makes sense only with them."""
    return next((m.text for m in reversed(turn.history) if m.author == "customer"), "")
