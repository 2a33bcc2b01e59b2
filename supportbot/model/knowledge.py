"""The model that is no language model: it quotes the knowledge, asks back, or says that it does not know.

It answers when no model is configured, and when all of them are down. The same prompt gives the same
answer, word for word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot.authorship import KNOWLEDGE
from supportbot.knowledge.phrases import Phrases
from supportbot.messages import Answer, Citation
from supportbot.model.excerpt import excerpt

if TYPE_CHECKING:
    from supportbot.config.texts import TextsSection
    from supportbot.knowledge import Knowledge
    from supportbot.messages import Passage, Prompt, Turn
    from supportbot.model.base import Sink

_LONGEST = 600  # characters of an answer
_LONGEST_TOGETHER = 900  # characters of one that quotes several passages
_MOST_QUOTES = 3  # for a message that asks several things
_CLOSE = 0.95  # a second passage that fits so nearly as well may as well be the right one
_UNSURE = 0.8  # how near to the threshold a passage must come to ask whether it is meant
_OFFERED = 3  # titles to choose from
_CANDIDATES = 5  # passages, of which at most two belong to one article
_QUOTE = 200  # characters of a citation's quote
_PIECES = 6  # in which an answer is streamed
_UNKNOWN_IN_A_ROW = 2  # after so many, the next question without an answer goes to a person


class KnowledgeModel:
    """Answers with the passage that fits best and cites it.

    A message that asks two things gets two passages, and so does one that two articles fit alike. What nearly
    fits is not quoted: its titles are offered to choose from.
    """

    unprompted = True

    def __init__(
        self, knowledge: Knowledge, texts: TextsSection, *, threshold: float, name: str = KNOWLEDGE
    ) -> None:
        """Take the articles, the fixed texts, and how well a passage must fit (0 to 1) to be an answer."""
        self.name = name
        self._knowledge = knowledge
        self._texts = texts
        self._unknown = texts.all_of("unknown")
        self._threshold = threshold
        self._phrases = Phrases.load()

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer from ``prompt.passages``, or from a search of its own when none of them fits.

        Never fails: what is not known is answered with ``texts.unknown``, what may be meant with
        ``texts.unsure``. Citations stand in ``Answer.citations`` only; channels show them in their own way.
        """
        answer = self._answer(prompt)
        for piece in _pieces(answer.text):
            await live.append(piece)
        return answer

    async def close(self) -> None:
        """Nothing to let go of: the knowledge belongs to whoever loaded it."""

    def _answer(self, prompt: Prompt) -> Answer:
        question, texts = prompt.turn.question, self._texts.of(prompt.turn.contact.language)
        if reason := self._needs_person(prompt):
            return self._said(prompt, texts.handoff, handoff=reason)
        kind = self._phrases.small_talk(question)
        if kind:
            return self._said(prompt, getattr(texts, kind))
        found = self._found(prompt)
        quotes = self._quotes(question, found)
        if quotes:
            return self._quoted(prompt, quotes)
        titles = self._titles(found)
        if titles:
            return self._said(prompt, "\n".join((texts.unsure, "", *(f"- {title}" for title in titles))))
        if _was_lost(prompt.turn, self._unknown):
            return self._said(prompt, texts.handoff, handoff="no_answer")
        return self._said(prompt, texts.unknown)

    def _needs_person(self, prompt: Prompt) -> str:
        """Return why no article can be the answer; empty when one can."""
        if any(entry.role == "tool" for entry in prompt.words):
            return "no_answer"  # something was looked up or done, and only a language model could tell of it
        return "customer_asked" if self._phrases.asks_for_person(prompt.turn.question) else ""

    def _found(self, prompt: Prompt) -> list[Passage]:
        """The passages given, when one fits well enough; or those of our own search, which also reads the
        customer's message before (*and to France?*). Best first."""
        given = sorted(prompt.passages, key=lambda passage: -passage.score)
        if given and given[0].score >= self._threshold:
            return given
        context = _said_before(prompt.turn)
        return self._knowledge.search(prompt.turn.question, _CANDIDATES, context=context)

    def _quotes(self, question: str, found: list[Passage]) -> list[Passage]:
        """The passages that answer: one for each question of a message, or the best and one as good."""
        each = [p for p in self._knowledge.search_each(question) if p.score >= self._threshold]
        if len(each) > 1:
            return each[:_MOST_QUOTES]
        fitting = [p for p in _one_per_article(found) if p.score >= self._threshold]
        return fitting[:1] + [p for p in fitting[1:2] if p.score >= fitting[0].score * _CLOSE]

    def _titles(self, found: list[Passage]) -> list[str]:
        near = [p for p in _one_per_article(found) if p.score >= self._threshold * _UNSURE]
        return [passage.title for passage in near[:_OFFERED]]

    def _quoted(self, prompt: Prompt, passages: list[Passage]) -> Answer:
        question = prompt.turn.question
        if len(passages) == 1:
            text = excerpt(passages[0].text, question, _LONGEST)
        else:
            size = _LONGEST_TOGETHER // len(passages)
            text = "\n\n".join(f"**{p.title}**\n\n{excerpt(p.text, question, size)}" for p in passages)
        citations = tuple(
            Citation(title=p.title, source=p.source, quote=excerpt(p.text, question, _QUOTE))
            for p in passages
        )
        return Answer(prompt=prompt, text=text, model=self.name, citations=citations)

    def _said(self, prompt: Prompt, text: str, *, handoff: str = "") -> Answer:
        return Answer(prompt=prompt, text=text, model=self.name, handoff=handoff)


def _was_lost(turn: Turn, unknown: frozenset[str]) -> bool:
    """Whether the bot's last two replies were that it does not know: a third helps nobody.

    ``unknown`` is how it says so, in any language: the customer's may have become known only since.
    """
    replies = [message.text for message in turn.history if message.author == "bot"]
    last = replies[-_UNKNOWN_IN_A_ROW:]
    return len(last) == _UNKNOWN_IN_A_ROW and unknown.issuperset(last)


def _said_before(turn: Turn) -> str:
    return next((m.text for m in reversed(turn.history) if m.author == "customer"), "")


def _one_per_article(passages: list[Passage]) -> list[Passage]:
    """The first passage of each article."""
    first: dict[str, Passage] = {}
    for passage in passages:
        first.setdefault(passage.source.partition("#")[0], passage)
    return list(first.values())


def _pieces(text: str) -> list[str]:
    """The text in a few pieces, cut between words; together they are the text."""
    spoken = re.findall(r"\s*\S+\s*", text)
    size = -(-len(spoken) // _PIECES)
    return ["".join(spoken[at : at + size]) for at in range(0, len(spoken), size)] if spoken else []
