"""One conversation -> one example: a system message if wanted, then customer and assistant in turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supportbot.history import FRAME
from supportbot.messages import Words
from supportbot.readable import visible
from supportbot.tokens import estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from supportbot.examples.personal import Redactor
    from supportbot.reports import Exchange

LARGEST = 6144
"""Tokens of an example by our estimate, which natural text exceeds by a third at most: Llama's fine-tuning
takes 8,192."""


@dataclass(frozen=True, slots=True)
class Example:
    """What is written as one line."""

    messages: tuple[Words, ...]
    tokens: int
    """By our estimate."""

    def line(self) -> dict[str, list[dict[str, str]]]:
        """Return it in the form of Llama's fine-tuning data."""
        return {"messages": [{"role": m.role, "content": m.content} for m in self.messages]}


def example(
    newest_first: Iterable[Exchange], redactor: Redactor, *, system: str = "", most: int = LARGEST
) -> Example | None:
    """Make an example of a conversation's exchanges; None when none of them may teach, or fits.

    It is cut at the front, before a customer's words, so that it costs ``most`` tokens; reads no further
    back than that.
    """
    head = (Words(role="system", content=system),) if system else ()
    tokens = _tokens(head)
    kept: list[tuple[Words, ...]] = []
    for exchange in newest_first:
        words = _words(exchange, redactor)
        if not words:
            continue
        tokens += _tokens(words)
        if tokens > most:
            tokens -= _tokens(words)
            break
        kept.append(words)
    if not kept:
        return None
    return Example((*head, *(entry for words in reversed(kept) for entry in words)), tokens)


def _words(exchange: Exchange, redactor: Redactor) -> tuple[Words, ...]:
    """Return an exchange as two entries, neighbours of one role merged; nothing when it may not teach."""
    asked, answered = _text(exchange.asked, redactor), _text(exchange.answered, redactor)
    if not (exchange.teaches and asked and answered):
        return ()
    return (Words(role="user", content=asked), Words(role="assistant", content=answered))


def _text(texts: Sequence[str], redactor: Redactor) -> str:
    cleaned = (redactor.clean(visible(text)).strip() for text in texts)
    return "\n\n".join(filter(None, cleaned))


def _tokens(words: Iterable[Words]) -> int:
    return sum(estimate(entry.content) + FRAME for entry in words)
