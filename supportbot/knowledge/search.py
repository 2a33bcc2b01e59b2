"""What the articles say about a question, with a score that is honest enough to say "I do not know"."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Self

from supportbot.knowledge import parts
from supportbot.knowledge.articles import Article, Section, read_articles, split
from supportbot.knowledge.index import Index
from supportbot.knowledge.language import Language, words
from supportbot.knowledge.terms import Reader, Term
from supportbot.messages import Passage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MAX_QUESTION = 2000  # characters that are read
_MAX_PARTS = 12  # sentences, and questions in a sentence
_SHORT = 2  # a question of so few terms may lean on what was said before
_CONTEXT = 0.5  # how much that counts
_SENTENCE = 0.9  # one sentence out of several, against the whole message
_LEAST_SENTENCE = 0.91  # what must be expected of a sentence to take it by itself
_LEAST = 0.49  # what is expected of any question: a word that many articles have is no question by itself
_FULL = 0.95  # the part of the highest possible BM25 that counts as a perfect fit
_PER_ARTICLE = 2  # passages
_CANDIDATES = 5  # passages among which the answer to "what does IT cost" may stay with the subject
_SAME_SUBJECT = 0.8  # how well it must fit, against the best
_LATER = 0.97  # for each section further down: writers put the general before the special


class Knowledge:
    """A folder of articles, ready to be searched. Nothing of it changes after loading."""

    def __init__(self, articles: Sequence[Article], language: Language, version: str) -> None:
        """Index the articles.

        Raises:
            FullTextSearchMissing: SQLite was built without FTS5.
        """
        self.version = version
        """SHA-256 (first 16 hex digits) over the names and texts of all articles."""
        self._sections: list[Section] = []
        self._articles: list[int] = []
        for number, article in enumerate(articles):
            sections = list(split(article))
            self._sections += sections
            self._articles += [number] * len(sections)
        self._language = language
        index = Index((_row(section) for section in self._sections), language.fillers)
        self._reader = Reader(index, language, self._articles)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read every ``*.md`` file below a folder.

        Raises:
            ConfigError: the folder is missing, or a file in it is broken; every problem is listed.
            FullTextSearchMissing: SQLite was built without FTS5.
        """
        articles, version = read_articles(folder)
        return cls(articles, Language.load(folder), version)

    def __len__(self) -> int:
        """How many passages can be found."""
        return len(self._sections)

    def search(self, question: str, limit: int = 3, *, context: str = "") -> list[Passage]:
        """Find the passages that fit a question, best first, at most two of one article.

        A synchronous call of about a millisecond, safe from several threads and on the event loop. Any
        text may be given; what is too long is cut.

        Args:
            question: What the customer wrote.
            limit: At most so many passages.
            context: What the customer had written before; read only when the question is very short.
        """
        if not self._sections:
            return []
        readings = self._readings(question[:_MAX_QUESTION], context[:_MAX_QUESTION])
        whole, *sentences = readings
        scores = _scores(whole)
        for terms in sentences:
            for section, score in _scores(terms).items():
                scores[section] = max(scores.get(section, 0.0), score * _SENTENCE)
        best = sorted(self._candidates(scores, whole, limit), key=lambda c: (-c[0], c[1]))
        return [self._passage(section, score) for score, section in best[:limit]]

    def search_each(self, message: str) -> list[Passage]:
        """Find the best passage for each question of a message that asks several: *What does it cost, and how
        long does it take?*

        Empty when the message asks one thing only, or tells a story besides: then `search` understands more.
        """
        texts = parts.split(message[:_MAX_QUESTION], self._language, _MAX_PARTS)
        asked = [text for text in texts if self._reader.read(text)]
        if len(asked) < 2 or not all(parts.opens(text, self._language) for text in asked):
            return []
        best: dict[str, Passage] = {}
        subject, before = "", ""
        for text in asked:
            found = self.search(text, _CANDIDATES, context=before if self._leans(text) else "")
            if found:
                passage = _about(subject, found) if self._leans(text) else found[0]
                best[passage.source] = passage
                subject = _article(passage)
            before = text
        return list(best.values())

    def _leans(self, text: str) -> bool:
        """Whether a part cannot be understood alone: *what does IT cost*."""
        return not self._language.fillers.isdisjoint(words(text))

    def _readings(self, question: str, context: str) -> list[list[Term]]:
        """The ways to read a message: as a whole, and by each sentence that could be the question."""
        texts = parts.split(question, self._language, _MAX_PARTS)
        sentences = [terms for text in texts if (terms := self._reader.read(text))]
        whole = {key: term for terms in sentences for key, term in terms.items()}
        if len(whole) <= _SHORT and context:
            before = self._reader.read(context)
            whole = {key: term.fainter(_CONTEXT) for key, term in before.items()} | whole
        readings = [list(terms.values()) for terms in sentences] if len(sentences) > 1 else []
        telling = [terms for terms in readings if sum(term.expected for term in terms) >= _LEAST_SENTENCE]
        return [list(whole.values()), *telling]

    def _candidates(
        self, scores: dict[int, float], whole: Sequence[Term], limit: int
    ) -> Iterator[tuple[float, int]]:
        """The passages worth showing, with their scores: at most two of each of the ``limit`` best articles.

        The article is found by all of its words, the section to quote by its own. So that section gets
        the score of the article's best one.
        """
        articles: dict[int, list[int]] = {}
        for section in scores:
            articles.setdefault(self._articles[section], []).append(section)
        best = {article: max(map(scores.__getitem__, found)) for article, found in articles.items()}
        for article in heapq.nsmallest(limit, best, key=lambda article: (-best[article], article)):
            first, *others = _by_own(sorted(articles[article]), whole)
            yield best[article], first
            for section in others[: _PER_ARTICLE - 1]:
                yield scores[section], section

    def _passage(self, number: int, score: float) -> Passage:
        section = self._sections[number]
        return Passage(
            title=section.title, source=section.source, text=section.text, score=round(min(1.0, score), 3)
        )


def _about(subject: str, found: list[Passage]) -> Passage:
    """The best passage, or one that fits almost as well and stays with the subject, an article's path."""
    enough = found[0].score * _SAME_SUBJECT
    return next((p for p in found if p.score >= enough and _article(p) == subject), found[0])


def _article(passage: Passage) -> str:
    return passage.source.partition("#")[0]


def _scores(terms: Sequence[Term]) -> dict[int, float]:
    """BM25 of each section, as a part of the highest that any section could reach."""
    most = max(_LEAST, sum(term.expected for term in terms)) * _FULL
    scores: dict[int, float] = {}
    for term in terms:
        for section, gain in term.gained.items():
            scores[section] = scores.get(section, 0.0) + gain / most
    return scores


def _by_own(sections: Sequence[int], terms: Sequence[Term]) -> list[int]:
    """An article's sections by what each has by itself, apart from its article's title and ``also``."""
    own = {
        section: sum(term.own.get(section, 0.0) for term in terms) * _LATER**place
        for place, section in enumerate(sections)
    }
    return sorted(sections, key=lambda section: (-own[section], section))


def _row(section: Section) -> tuple[str, str, str, str]:
    """What of a section is searched: title, also, heading, body."""
    article = section.article
    return article.title, " . ".join((article.topic, *article.also)), section.heading, section.text
