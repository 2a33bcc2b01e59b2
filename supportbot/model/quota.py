"""What an endpoint allows in a minute: the port through which the gate asks for it, and this process's own.

Where several processes ask the same endpoint, they share what it allows: ``supportbot.limits``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from supportbot.model.allowance import MINUTE, Allowance, Spent, Standing, standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supportbot.config.models import ModelSection

_SOONEST = 0.001  # seconds; a timer that rounds down must not look again for nothing


@dataclass(frozen=True, slots=True)
class Need:
    """A request that waits."""

    tokens: float
    """What it will cost, about."""
    since: float
    """When it came, by the event loop's clock."""


class Look(Protocol):
    """Looks who can go."""

    def __call__(self, *, revised: bool = False) -> None:
        """``revised``: what ``wait`` returns has changed by more than the time that passed."""


class Permit(Protocol):
    """The right to send one request."""

    def used(self, tokens: int) -> None:
        """Tell how many tokens the request cost, once that is known."""

    def unused(self) -> None:
        """Tell that no request was sent after all."""


class Quota(Protocol):
    """What may be sent to one endpoint. All times are seconds, those of the event loop's clock."""

    def take(self, tokens: float) -> Permit | None:
        """Take the right to send a request of about so many tokens at once, if there is one at hand."""

    def need(self, tokens: float) -> float:
        """Return what such a request takes of the allowance: all of it, if its tokens are more than that."""

    def wait(self, requests: int, need: float) -> float:
        """Return for how long at least the last of so many requests, which need so much together, waits.

        Of none, it is for how long nothing is allowed at all.
        """

    def seek(self, needs: Callable[[], Sequence[Need]], look: Look) -> None:
        """See to it that what waits goes on: call ``look`` as soon as the first may go."""

    def heed(self, headers: Mapping[str, str]) -> None:
        """Take over what an answer of the endpoint says about its limits."""

    def pause(self, seconds: float) -> None:
        """Allow nothing for so long: the endpoint asked for it."""

    def close(self) -> None:
        """Stop: nobody asks the endpoint any more."""


MakeQuota = Callable[["ModelSection"], Quota]
"""Returns what may be sent to the endpoint of a section of bot.yaml."""


class OwnPermit:
    """A place in the books of this process."""

    __slots__ = ("_requests", "_tokens")

    def __init__(self, requests: tuple[Allowance, Spent], tokens: tuple[Allowance, Spent]) -> None:
        self._requests = requests
        self._tokens = tokens

    def used(self, tokens: int) -> None:
        """Tell how many tokens the request cost, once that is known."""
        allowance, spent = self._tokens
        allowance.correct(spent, tokens)

    def unused(self) -> None:
        """Tell that no request was sent after all."""
        for allowance, spent in (self._requests, self._tokens):
            allowance.correct(spent, 0)


class OwnQuota:
    """What this process may send, when nobody else asks the endpoint."""

    def __init__(
        self, *, requests: int | None = None, tokens: int | None = None, minute: float = MINUTE
    ) -> None:
        """``requests`` and ``tokens``: in a minute; None is no limit until the endpoint names one.

        ``minute``: how many seconds it has.
        """
        self._requests = Allowance(requests, window=minute)
        self._tokens = Allowance(tokens, window=minute)
        self._minute = minute
        self._closed_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def take(self, tokens: float) -> OwnPermit | None:
        """Take the right to send a request. See ``Quota``."""
        return None if self.wait(1, self.need(tokens)) > 0 else self.spend(tokens)

    def spend(self, tokens: float) -> OwnPermit:
        """Note that a request is sent, whatever the books say."""
        now = _now()
        return OwnPermit(
            (self._requests, self._requests.spend(1, now)),
            (self._tokens, self._tokens.spend(self.need(tokens), now)),
        )

    def need(self, tokens: float) -> float:
        """A request larger than all that is allowed in a minute goes alone, or it would never go."""
        return min(tokens, self._tokens.limit)

    def wait(self, requests: int, need: float) -> float:
        """Return for how long requests have to wait. See ``Quota``."""
        now = _now()
        return max(
            self._closed_until - now, self._requests.wait(requests, now), self._tokens.wait(need, now), 0.0
        )

    def seek(self, needs: Callable[[], Sequence[Need]], look: Look) -> None:
        """Look again when the first may go. See ``Quota``."""
        self.close()
        if first := needs()[:1]:
            wait = self.wait(1, self.need(first[0].tokens))
            self._timer = asyncio.get_running_loop().call_later(wait + _SOONEST, look)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Take over what the endpoint says. See ``Quota``."""
        self.told(standing(headers, "requests"), standing(headers, "tokens"))

    def pause(self, seconds: float) -> None:
        """Allow nothing for so long. See ``Quota``."""
        self._closed_until = max(self._closed_until, _now() + seconds)

    def close(self) -> None:
        """Look no more. See ``Quota``."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def told(self, requests: Standing, tokens: Standing) -> None:
        """Take over what the endpoint says of either."""
        now = _now()
        for allowance, said in ((self._requests, requests), (self._tokens, tokens)):
            allowance.told(said, now)
            if said.remaining == 0 and allowance.limit == math.inf:
                self.pause(self._minute if said.reset is None else min(said.reset, self._minute))

    def divide(self, processes: int) -> None:
        """Keep to this process's part of the limits; so many share them."""
        self._requests.part = self._tokens.part = 1 / processes


def _now() -> float:
    return asyncio.get_running_loop().time()
