"""Limits that hold for the whole service, however many processes it has.

quota   -> service -> ledger     what may be sent to a model: per process, arithmetic, the database
rates   -> bucket  -> ledger     how often somebody may do something: the same
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

from supportbot.limits.bucket import Rate
from supportbot.limits.ledger import Ledger
from supportbot.limits.quota import SharedQuota
from supportbot.limits.rates import OwnLimiter, SharedLimiter
from supportbot.model.allowance import MINUTE
from supportbot.model.client import own_quota, url_of

if TYPE_CHECKING:
    from supportbot.config.models import ModelSection
    from supportbot.host import Limiter
    from supportbot.model.quota import Quota
    from supportbot.store import Store

__all__ = ["Limits", "OwnLimiter", "Rate"]


class Counts(Protocol):
    """What limits tell of themselves."""

    def limit_denied(self, limit: str) -> None:
        """Something was refused by a limit."""

    def limits_unshared(self) -> None:
        """The database did not answer in time: this process went on by itself."""


class Limits:
    """All limits, as one process keeps them. Made inside a running event loop, used from it alone."""

    minute = MINUTE
    """Seconds in the minute of models' limits; tests have little time."""

    def __init__(self, store: Store, *, owner: str, alone: bool, counts: Counts) -> None:
        """Wire it.

        Args:
            store: where limits are shared.
            owner: names this process.
            alone: no other process works on this store, so that nothing need be shared.
            counts: the metrics.
        """
        self._alone = alone
        self._owner = owner
        self._counts = counts
        self._models = Ledger(store)
        self._rates = Ledger(store)  # of its own: no customer waits for the books of a model

    def quota(self, section: ModelSection) -> Quota:
        """Return what may be sent to the endpoint of a section of bot.yaml."""
        if self._alone:
            return own_quota(section)
        url = blake2b(url_of(section).encode(), digest_size=4).hexdigest()
        return SharedQuota(
            self._models,
            f"model {section.label} {url}",
            owner=self._owner,
            requests=section.requests_per_minute,
            tokens=section.tokens_per_minute,
            minute=self.minute,
            unshared=self._counts.limits_unshared,
        )

    def limiter(self, channel: str, name: str, *, per_minute: float, burst: int) -> Limiter:
        """Return a limit of a channel's. See ``MakeLimiter``."""
        rate = Rate(per_minute, burst)
        denied = partial(self._counts.limit_denied, f"{channel} {name}")
        if self._alone:
            return OwnLimiter(rate, denied=denied)
        return SharedLimiter(
            self._rates, f"{channel} {name}", rate, denied=denied, unshared=self._counts.limits_unshared
        )

    async def purge(self) -> None:
        """Forget the limits that nobody has come near lately.

        Raises:
            StoreUnavailable: it could not be done.
        """
        if not self._alone:
            await self._rates.purge()
