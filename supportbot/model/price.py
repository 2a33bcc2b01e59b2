"""What one request used, and what that costs. Amounts of money are whole billionths of the currency."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from supportbot.history import cost as words_cost
from supportbot.tokens import estimate
from supportbot.usage import Spent

if TYPE_CHECKING:
    from supportbot.config.models import ModelSection
    from supportbot.config.spending import PriceSection
    from supportbot.messages import Prompt
    from supportbot.model.wire import Reply

_NANO = 1_000_000_000
_PER = 1_000_000  # prices are for a million tokens
_ODD = 8  # so many times more than fits the model's window, no request can have used


def nano(amount: float) -> int:
    """Return an amount of money as billionths, as it is written in bot.yaml: 0.15 is 150,000,000."""
    return int(Decimal(str(amount)) * _NANO)


def cost(price: PriceSection, *, prompt: int, cached: int, completion: int) -> int:
    """Return what tokens cost, rounded up to a billionth; ``cached`` ones are a part of ``prompt``."""
    of_cached = price.input if price.cached_input is None else price.cached_input
    total = (prompt - cached) * nano(price.input) + cached * nano(of_cached) + completion * nano(price.output)
    return -(-total // _PER)


def used(section: ModelSection, prompt: Prompt, reply: Reply, shown: str) -> Spent | None:
    """Return what a request used, however it ended; None when the endpoint did nothing for it.

    What an endpoint does not say, or cannot mean (a prompt of nothing, more than any window holds), is
    estimated from the words that went and came.
    """
    told = reply.usage
    prompt_tokens = _possible(told.prompt_tokens, _ODD * section.context_tokens)
    completion_tokens = _possible(told.completion_tokens, _ODD * section.max_tokens)
    began = bool(reply.length or reply.asked)
    if not began and prompt_tokens is None:
        return None
    guessed = prompt_tokens is None or (began and completion_tokens is None)
    size = prompt_tokens or prompt.tokens or words_cost(prompt.words)
    written = completion_tokens or (_written(reply, shown) if began else 0)
    cached = min(told.cached_tokens or 0, size)
    priced = section.price
    return Spent(
        model=section.label,
        estimated=int(guessed),
        prompt_tokens=size,
        cached_tokens=cached,
        completion_tokens=written,
        cost=None if priced is None else cost(priced, prompt=size, cached=cached, completion=written),
    )


def _possible(tokens: int | None, most: int) -> int | None:
    return tokens if tokens and tokens <= most else None


def _written(reply: Reply, shown: str) -> int:
    return estimate(shown) + sum(estimate(call.name) + estimate(call.arguments) for call in reply.tool_calls)
