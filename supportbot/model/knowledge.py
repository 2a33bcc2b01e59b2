"""The model that is no language model: it quotes the knowledge, or says that it does not know.

It answers when no model is configured, and when all of them are down. The same prompt gives the same
answer, word for word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot.knowledge.phrases import Phrases
from supportbot.messages import Answer, Citation
from supportbot.model.excerpt import excerpt

if TYPE_CHECKING:
    from supportbot.config.models import TextsSection
    from supportbot.knowledge import Knowledge
    from supportbot.messages import Passage, Prompt, Turn
    from supportbot.model.base import Sink

_LONGEST = 600  # characters of an answer
_QUOTE = 200  # characters of a citation's quote
_PIECES = 6  # in which an answer is streamed
_UNKNOWN_IN_A_ROW = 2  # after so many, the next question without an answer goes to a person


class KnowledgeModel:
    """Answers with the passage that fits best and cites it."""

    def __init__(
        self, knowledge: Knowledge, texts: TextsSection, *, threshold: float, name: str = "knowledge"
    ) -> None:
        """Take the articles, the fixed texts, and how well a passage must fit (0 to 1) to be an answer."""
        self.name = name
        self._knowledge = knowledge
        self._texts = texts
        self._threshold = threshold
        self._phrases = Phrases.load()

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer from ``prompt.passages``, or from a search of its own when none of them fits.

        Never fails: what is not known is answered with ``texts.unknown``. The citation stands in
        ``Answer.citations`` only; channels show it in their own way.
        """
        answer = self._answer(prompt)
        for piece in _pieces(answer.text):
            await live.append(piece)
        return answer

    async def close(self) -> None:
        """Nothing to let go of: the knowledge belongs to whoever loaded it."""

    def _answer(self, prompt: Prompt) -> Answer:
        question = prompt.turn.question
        if self._phrases.asks_for_person(question):
            return self._said(prompt, self._texts.handoff, handoff="customer_asked")
        kind = self._phrases.small_talk(question)
        if kind:
            return self._said(prompt, getattr(self._texts, kind))
        passage = self._passage(prompt)
        if passage:
            return self._quoted(prompt, passage)
        if self._was_lost(prompt.turn):
            return self._said(prompt, self._texts.handoff, handoff="no_answer")
        return self._said(prompt, self._texts.unknown)

    def _passage(self, prompt: Prompt) -> Passage | None:
        """The best passage that fits well enough: of those given, or of our own search, which also reads the
        customer's message before (*and to France?*)."""
        found = max(prompt.passages, key=lambda passage: passage.score, default=None)
        if found is None or found.score < self._threshold:
            context = _said_before(prompt.turn)
            found = next(iter(self._knowledge.search(prompt.turn.question, 1, context=context)), None)
        return found if found and found.score >= self._threshold else None

    def _quoted(self, prompt: Prompt, passage: Passage) -> Answer:
        text = excerpt(passage.text, prompt.turn.question, _LONGEST)
        quote = excerpt(passage.text, prompt.turn.question, _QUOTE)
        citation = Citation(title=passage.title, source=passage.source, quote=quote)
        return Answer(prompt=prompt, text=text, model=self.name, citations=(citation,))

    def _said(self, prompt: Prompt, text: str, *, handoff: str = "") -> Answer:
        return Answer(prompt=prompt, text=text, model=self.name, handoff=handoff)

    def _was_lost(self, turn: Turn) -> bool:
        """Whether the bot's last two replies were that it does not know: a third helps nobody."""
        replies = [message.text for message in turn.history if message.author == "bot"]
        return replies[-_UNKNOWN_IN_A_ROW:] == [self._texts.unknown] * _UNKNOWN_IN_A_ROW


def _said_before(turn: Turn) -> str:
    return next((m.text for m in reversed(turn.history) if m.author == "customer"), "")


def _pieces(text: str) -> list[str]:
    """The text in a few pieces, cut between words; together they are the text."""
    spoken = re.findall(r"\s*\S+\s*", text)
    size = -(-len(spoken) // _PIECES)
    return ["".join(spoken[at : at + size]) for at in range(0, len(spoken), size)] if spoken else []
