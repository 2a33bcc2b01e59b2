"""What requests to models used."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a model call cost, in tokens; None where the endpoint did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    """So many of the prompt's were in the endpoint's cache."""

    def plus(self, more: Usage) -> Usage:
        """Return what both cost; what only one of them says counts alone."""
        return Usage(
            prompt_tokens=_sum(self.prompt_tokens, more.prompt_tokens),
            completion_tokens=_sum(self.completion_tokens, more.completion_tokens),
            cached_tokens=_sum(self.cached_tokens, more.cached_tokens),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What requests to one model used."""

    model: str
    """As named in bot.yaml."""
    requests: int = 1
    estimated: int = 0
    """How many of the requests' tokens are our estimate, because the endpoint did not say."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Part of ``prompt_tokens``."""
    completion_tokens: int = 0
    cost: int | None = None
    """In billionths of the currency; None when the model has no price."""

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.prompt_tokens + self.completion_tokens

    def plus(self, more: Spent) -> Spent:
        """Return the sum; it keeps this one's model."""
        costs = [cost for cost in (self.cost, more.cost) if cost is not None]
        return replace(
            self,
            requests=self.requests + more.requests,
            estimated=self.estimated + more.estimated,
            prompt_tokens=self.prompt_tokens + more.prompt_tokens,
            cached_tokens=self.cached_tokens + more.cached_tokens,
            completion_tokens=self.completion_tokens + more.completion_tokens,
            cost=sum(costs) if costs else None,
        )


def _sum(before: int | None, more: int | None) -> int | None:
    return more if before is None else before + (more or 0)
