"""What this process may send to an endpoint that the whole service shares.

It takes permits for what waits, and a few more while there are plenty, uses them for a second or two, and
asks again. Nothing is asked while nothing waits. Should the database answer slowly, nobody waits for it: this
process goes on with its part of what is allowed, and tells later what it sent.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from supportbot.limits.ledger import Changed
from supportbot.limits.service import PARTS, Amounts, Ask, Granted, Service, Waiting
from supportbot.model.allowance import MINUTE, Standing, standing
from supportbot.model.quota import OwnQuota

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from supportbot.limits.ledger import Ledger
    from supportbot.model.quota import Look, Need, OwnPermit

PATIENCE = 0.25
"""Seconds after which a process goes on by itself, when the database has not answered."""

_MOST_NEEDS = 100
"""Requests that wait which one question names; the rest is asked for with the next."""

_SOONEST = 0.01
"""Seconds between two questions at least, while something waits."""

_NOTHING = Standing(None, None, None)


class SharedPermit:
    """A permit of the service's."""

    __slots__ = ("_booked", "_own", "_quota", "_tokens")

    def __init__(self, quota: SharedQuota, booked: float, tokens: float, own: OwnPermit) -> None:
        self._quota = quota
        self._booked = booked
        self._tokens = tokens
        self._own = own

    def used(self, tokens: int) -> None:
        """Tell how many tokens the request cost, once that is known."""
        self._own.used(tokens)
        self._quota.correct(self._booked, 0, tokens - self._tokens)
        self._tokens = tokens

    def unused(self) -> None:
        """Tell that no request was sent after all."""
        self._own.unused()
        self._quota.correct(self._booked, -1, -self._tokens)


class SharedQuota:
    """One process's hand in an endpoint's books. Made inside a running event loop, used from it alone."""

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        *,
        owner: str,
        requests: int | None = None,
        tokens: int | None = None,
        minute: float = MINUTE,
        unshared: Callable[[], None] | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            ledger: where the books lie.
            name: of the books.
            owner: names this process.
            requests, tokens: in a minute, of all processes; None is no limit until the endpoint names one.
            minute: how many seconds it has.
            unshared: called when this process goes on by itself.
        """
        self._unshared = unshared
        self._ledger = ledger
        self._name = name
        self._owner = owner
        self._terms: dict[str, Any] = {"requests": requests, "tokens": tokens, "minute": minute}
        self._part = minute / PARTS
        self._minute = minute
        self._loop = asyncio.get_running_loop()
        self._own = OwnQuota(requests=requests, tokens=tokens, minute=minute)  # all that was sent from here
        self._most = Amounts(_or_inf(requests), _or_inf(tokens))

        self._left = Amounts()  # of the permits that were granted last
        self._good_until = 0.0
        self._booked = 0.0
        self._waits: tuple[float, ...] = ()
        self._answered_at = self._asked_at = 0.0
        self._used = Amounts()  # since it was asked last
        self._closed_until = 0.0
        self._alone = False
        """The database is slow: this process keeps to its own part."""

        self._corrections: dict[float, Amounts] = {}
        self._unasked = Amounts()
        self._said: tuple[float, tuple[Standing, Standing]] | None = None
        self._pause_until = 0.0
        """What the others have not been told yet; 0 when they have."""

        self._needs: Callable[[], Sequence[Need]] = tuple
        self._look: Look = _look_at_nothing
        self._asking: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._open = True

    # -- the gate's side -------------------------------------------------------------------------

    def need(self, tokens: float) -> float:
        """A request larger than all that is allowed in a minute goes alone. See ``Quota``."""
        return min(tokens, self._most.tokens)

    def take(self, tokens: float) -> SharedPermit | None:
        """Take one of the permits at hand. See ``Quota``."""
        now = self._loop.time()
        need = self.need(tokens)
        if now < self._closed_until:
            return None
        if now < self._good_until and self._left.requests >= 1 and self._left.tokens >= need:
            self._left = self._left.plus(-1, -need)
            self._used = self._used.plus(1, need)
            return SharedPermit(self, self._booked, need, self._own.spend(tokens))
        return self._take_own(tokens, need) if self._alone else None

    def _take_own(self, tokens: float, need: float) -> SharedPermit | None:
        if self._again is None:
            self._ask()
        own = self._own.take(tokens)
        if own is None:
            return None
        self._unasked = self._unasked.plus(1, need)
        return SharedPermit(self, 0.0, need, own)

    def wait(self, requests: int, need: float) -> float:
        """Return for how long requests have to wait, by what was said last. See ``Quota``."""
        now = self._loop.time()
        wait = self._closed_until - now
        if requests and self._waits:
            known = self._waits[min(requests, len(self._waits)) - 1] - (now - self._answered_at)
            minutes = max(requests / self._most.requests, need / self._most.tokens) - 1
            wait = max(wait, known, minutes * self._minute if requests > len(self._waits) else 0.0)
        return max(wait, 0.0)

    def seek(self, needs: Callable[[], Sequence[Need]], look: Look) -> None:
        """Ask for what waits, unless it was asked for already. See ``Quota``."""
        self._needs, self._look = needs, look
        if self._alone:
            self._own.seek(needs, look)
        if self._again is None:
            self._ask()

    def heed(self, headers: Mapping[str, str]) -> None:
        """Take over what the endpoint says, and tell the others with the next question. See ``Quota``."""
        said = standing(headers, "requests"), standing(headers, "tokens")
        if all(one == _NOTHING for one in said):
            return
        self._said = self._loop.time(), said
        self._own.told(*_limits_of(said))
        for one, most in zip(said, (self._most.requests, self._most.tokens), strict=True):
            if one.remaining == 0 and one.limit is None and most == math.inf:
                self.pause(self._minute if one.reset is None else min(one.reset, self._minute))

    def pause(self, seconds: float) -> None:
        """Allow nothing for so long, in no process. See ``Quota``."""
        until = self._loop.time() + seconds
        self._closed_until = max(self._closed_until, until)
        self._pause_until = max(self._pause_until, until)
        self._ask()

    def close(self) -> None:
        """Ask nothing any more; a question that is on its way is let go on. See ``Quota``."""
        self._open = False
        self._own.close()
        self._ask_not_again()

    def correct(self, booked: float, requests: float, tokens: float) -> None:
        """Note that more was used than was granted, or less; with 0 for ``booked``, nothing was granted."""
        if booked:
            before = self._corrections.get(booked, Amounts())
            self._corrections[booked] = before.plus(requests, tokens)
        else:
            self._unasked = self._unasked.plus(requests, tokens)

    # -- the database's side ---------------------------------------------------------------------

    def _ask(self) -> None:
        """Ask now. A question that is on its way is followed by another, if need be."""
        if self._open and self._asking is None:
            self._asking = self._loop.create_task(self._asked())

    def _ask_in(self, seconds: float) -> None:
        self._again = self._loop.call_later(seconds, self._ask)

    def _ask_not_again(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None

    async def _asked(self) -> None:
        self._ask_not_again()
        sent_at = self._loop.time()
        pause_until = self._pause_until
        impatience = self._loop.call_later(PATIENCE, self._go_on_alone)
        ask = self._question(sent_at)
        try:
            granted = await self._ledger.exchange(
                self._name, lambda state, now: self._settled(state, ask, now)
            )
        except Exception:  # noqa: BLE001 - whatever it is, answers must not wait for it; the ledger tells of it
            self._set_alone()
            self._unasked = self._unasked.plus(ask.unasked.requests, ask.unasked.tokens)
            self._again = self._loop.call_later(self._part, self._try_again)
        else:
            self._alone = False
            if self._pause_until == pause_until:
                self._pause_until = 0.0
            self._take_over(granted, sent_at)
        finally:
            impatience.cancel()
            self._asking = None
        self._look(revised=True)

    def _try_again(self) -> None:
        """Ask again what got no answer, unless nobody wants to know any more."""
        self._again = None
        if self._needs() or self._unasked.requests or self._pause_until:
            self._ask()

    def _question(self, now: float) -> Ask:
        self._hand_back()
        said_at, said = self._said or (0.0, None)
        if said is not None and now - said_at > 2 * self._part:
            said = _limits_of(said)  # what remained then is no news any more
        brisk = now - self._asked_at <= 2 * self._part
        ask = Ask(
            owner=self._owner,
            needs=tuple(Waiting(need.tokens, now - need.since) for need in self._needs()[:_MOST_NEEDS]),
            more=self._used.plus(self._used.requests, self._used.tokens) if brisk else Amounts(),
            corrections=self._corrections,
            unasked=self._unasked,
            pause=max(0.0, self._pause_until - now),
            said=said,
        )
        # Should the question get lost, all that was granted counts as used.
        self._corrections, self._unasked, self._said, self._used = {}, Amounts(), None, Amounts()
        self._asked_at = now
        return ask

    def _hand_back(self) -> None:
        """Give back the permits that are left; those without a limit were booked nowhere."""
        requests, tokens = (n if math.isfinite(n) else 0.0 for n in (self._left.requests, self._left.tokens))
        if requests or tokens:
            self.correct(self._booked, -requests, -tokens)
        self._left = Amounts()

    def _settled(self, state: Mapping[str, Any], ask: Ask, now: float) -> Changed[Granted]:
        service = Service(**self._terms)
        service.load(state, now)
        granted = service.settle(ask, now)
        return Changed(service.dump(), service.until(now), granted)

    def _take_over(self, granted: Granted, sent_at: float) -> None:
        now = self._loop.time()
        self._left, self._booked = granted.permits, granted.booked
        self._good_until = sent_at + granted.lasts  # the database looked at its clock later: never too long
        self._waits, self._answered_at = granted.waits, now
        self._closed_until = max(self._closed_until, now + granted.closed)
        self._most = granted.most
        self._own.divide(granted.processes)
        if self._pause_until:
            self._ask_in(0)
        elif self._waits:
            self._ask_in(min(max(self._waits[0], _SOONEST), self._part))  # also to keep its turn

    def _go_on_alone(self) -> None:
        self._set_alone()
        self._look()

    def _set_alone(self) -> None:
        if not self._alone and self._unshared is not None:
            self._unshared()
        self._alone = True


def _limits_of(said: tuple[Standing, Standing]) -> tuple[Standing, Standing]:
    requests, tokens = (Standing(one.limit, None, None) for one in said)
    return requests, tokens


def _or_inf(limit: int | None) -> float:
    return math.inf if limit is None else limit


def _look_at_nothing(*, revised: bool = False) -> None:
    """Nobody has waited yet."""
