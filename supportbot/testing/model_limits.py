"""The rate limits of the fake model server, counted as the Llama API describes them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True, kw_only=True)
class RateLimits:
    """So many requests and tokens in any minute, for all clients together; None is no limit.

    Over a limit every request is refused with 429 until what was used falls below it. All answers say in
    ``x-ratelimit-*`` what is left.
    """

    requests: int | None = None
    tokens: int | None = None
    """Of prompts and answers; what the reply's ``usage`` says, once it was sent."""
    retry_after: bool = False
    """Say in a 429 how many seconds are to be waited; the Llama API does not."""
    minute: float = 60.0
    """How many seconds it has: tests have little time."""
    clock: Callable[[], float] = time.monotonic
    _used: list[tuple[float, str, int]] = field(default_factory=list)

    def admit(self) -> float:
        """Count a request. Returns the seconds until it would be admitted; 0 when it is."""
        now = self.clock()
        if self._left("requests", self.requests) > 0 and self._left("tokens", self.tokens) > 0:
            self._used.append((now, "requests", 1))
            return 0.0
        full = [kind for kind, limit in self._limits() if self._left(kind, limit) <= 0]
        return max(self.minute - (now - at) for at, kind, _ in self._used if kind in full)

    def spend(self, tokens: int) -> None:
        """Count the tokens of a request."""
        self._used.append((self.clock(), "tokens", tokens))

    def headers(self) -> dict[str, str]:
        """Return what stands in an answer."""
        return {
            f"x-ratelimit-{what}-{kind}": str(value)
            for kind, limit in self._limits()
            for what, value in (("limit", limit), ("remaining", max(0, int(self._left(kind, limit)))))
        }

    def _limits(self) -> list[tuple[str, int]]:
        both = (("requests", self.requests), ("tokens", self.tokens))
        return [(kind, limit) for kind, limit in both if limit is not None]

    def _left(self, kind: str, limit: int | None) -> float:
        since = self.clock() - self.minute
        self._used = [entry for entry in self._used if entry[0] > since]
        return (float("inf") if limit is None else limit) - sum(n for _, k, n in self._used if k == kind)
