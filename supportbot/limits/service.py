"""What all processes together send to one endpoint, and whose turn it is: arithmetic, and nothing else.

A process asks for what waits in it, and is granted permits to be used within a second or two. They count as
spent from then on, and are history a minute after the last moment at which they can have been used: so never
more is sent in any minute than is allowed, however the clocks of processes differ. Whoever dies with permits
in hand gives them back by that. Of those who wait the one that has waited longest is next, in whichever
process: each says since when its first one has been waiting, and no younger one takes the room it needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from supportbot.model.allowance import LONGEST_PAUSE, MINUTE, Allowance, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTS = 60
"""In so many parts a minute is divided: for one of them permits are granted, to one of them they are booked.

So much of what is allowed may be left unused, for each of the two."""

_SILENT = 4
"""Parts of a minute after which a process that waits, and does not ask again, no longer keeps its turn."""

_GENEROUS = 0.25
"""Part of what is free that a process may have beyond its needs."""

_KEPT = 3600.0
"""Seconds for which it is known what the endpoint said of its limits."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Requests, and the tokens in them."""

    requests: float = 0.0
    tokens: float = 0.0

    def plus(self, requests: float, tokens: float) -> Amounts:
        """Return the sum."""
        return Amounts(self.requests + requests, self.tokens + tokens)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits."""

    tokens: float
    seconds: float
    """For which it has been waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a process tells, and wants to know."""

    owner: str
    """Names the process."""
    needs: tuple[Waiting, ...] = ()
    """What waits there, in its order."""
    more: Amounts = Amounts()
    """What it would like beside, as far as nobody needs it."""
    corrections: Mapping[float, Amounts] = field(default_factory=dict)
    """What was used beyond what was granted, or less than that (negative), by ``Granted.booked``."""
    unasked: Amounts = Amounts()
    """What was sent without having been granted."""
    pause: float = 0.0
    """For so many seconds more nothing is to be sent: the endpoint asked for it."""
    said: tuple[Standing, Standing] | None = None
    """What the endpoint has just said of requests, and of tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a process may send now. Infinite where there is no limit."""

    permits: Amounts
    lasts: float
    """Seconds for which they are good, from the database's answer on."""
    booked: float
    """To be named when they are corrected."""
    waits: tuple[float, ...]
    """Seconds that what was not granted has to wait at least, in its order."""
    closed: float
    """Seconds for which nothing may be sent: the endpoint asked for it."""
    most: Amounts
    """What all may send in a minute."""
    processes: int
    """That asked within the last minute, with this one."""


@dataclass(frozen=True, slots=True)
class _First:
    """The first that waits in a process."""

    since: float
    tokens: float
    seen: float
    """When the process said so."""


class Service:
    """One endpoint's books. All times are seconds of the database's clock."""

    def __init__(self, *, requests: float | None, tokens: float | None, minute: float = MINUTE) -> None:
        """``requests`` and ``tokens``: in a minute, None is no limit. ``minute``: how many seconds it has."""
        self._minute = minute
        self._part = minute / PARTS
        self._requests = Allowance(requests, window=minute)
        self._tokens = Allowance(tokens, window=minute)
        self._closed_until = 0.0
        self._first: dict[str, _First] = {}
        self._seen: dict[str, float] = {}

    def load(self, state: Mapping[str, Any], now: float) -> None:
        """Take over what ``dump`` returned, without what is over."""
        longest = self._minute + 3 * self._part
        self._requests.load(state.get("requests", {}), now, longest)
        self._tokens.load(state.get("tokens", {}), now, longest)
        self._closed_until = min(state.get("closed", 0.0), now + LONGEST_PAUSE)
        silent = _SILENT * self._part
        self._first = {
            owner: first
            for owner, values in state.get("first", {}).items()
            if abs(now - (first := _First(*values)).seen) <= silent
        }
        self._seen = {o: at for o, at in state.get("seen", {}).items() if abs(now - at) <= self._minute}

    def dump(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return {
            "requests": self._requests.dump(),
            "tokens": self._tokens.dump(),
            "closed": self._closed_until,
            "first": {o: [first.since, first.tokens, first.seen] for o, first in self._first.items()},
            "seen": self._seen,
        }

    def until(self, now: float) -> float:
        """Return when it will say nothing any more."""
        return max(now, self._closed_until) + _KEPT

    def settle(self, ask: Ask, now: float) -> Granted:
        """Put down what a process tells, and grant it what it may have."""
        self._note(ask, now)
        booked = math.ceil((now + self._part + self._minute) / self._part) * self._part
        granted = Amounts()
        waits: list[float] = []
        ahead = granted
        for need in ask.needs:
            elders = self._elders(ask.owner, now - need.seconds)
            ahead = ahead.plus(1, self._need(need.tokens))
            wait = self._wait(ahead.plus(elders.requests, elders.tokens), now)
            if not waits and wait <= 0:
                granted = ahead
                continue
            if not waits:
                self._first[ask.owner] = _First(now - need.seconds, self._need(need.tokens), now)
            waits.append(wait)
        if not waits:
            self._first.pop(ask.owner, None)
        if not self._first and not self._closed(now):
            granted = granted.plus(*self._more(ask.more, granted, now))
        return Granted(
            permits=Amounts(
                self._requests.grant(granted.requests, booked), self._tokens.grant(granted.tokens, booked)
            ),
            lasts=booked - self._minute - now,
            booked=booked,
            waits=tuple(waits),
            closed=self._closed(now),
            most=Amounts(self._requests.limit, self._tokens.limit),
            processes=len(self._seen),
        )

    def _note(self, ask: Ask, now: float) -> None:
        self._seen[ask.owner] = now
        for booked, amounts in ask.corrections.items():
            self._requests.amend(booked, amounts.requests)
            self._tokens.amend(booked, amounts.tokens)
        self._requests.book(max(0.0, ask.unasked.requests), now + self._minute)
        self._tokens.book(max(0.0, ask.unasked.tokens), now + self._minute)
        if ask.said is not None:
            for allowance, said in zip((self._requests, self._tokens), ask.said, strict=True):
                allowance.told(said, now)
        if ask.pause:
            self._closed_until = max(self._closed_until, now + ask.pause)

    def _elders(self, owner: str, since: float) -> Amounts:
        """Return what those need who have waited longer, each as the first of another process."""
        elders = [
            first
            for other, first in self._first.items()
            if other != owner and (first.since, other) < (since, owner)
        ]
        return Amounts(len(elders), sum(first.tokens for first in elders))

    def _more(self, wanted: Amounts, granted: Amounts, now: float) -> tuple[float, float]:
        """Return what is granted beyond needs: little of what is free, and of what is used in this time."""
        requests = min(wanted.requests, _GENEROUS * (self._requests.free(now) - granted.requests))
        tokens = min(wanted.tokens, _GENEROUS * (self._tokens.free(now) - granted.tokens))
        if requests < 1 or tokens <= 0:
            return 0.0, 0.0
        return math.floor(requests), math.floor(tokens)

    def _wait(self, ahead: Amounts, now: float) -> float:
        return max(
            self._closed(now),
            self._requests.wait(ahead.requests, now),
            self._tokens.wait(ahead.tokens, now),
        )

    def _closed(self, now: float) -> float:
        return max(0.0, self._closed_until - now)

    def _need(self, tokens: float) -> float:
        """A request larger than all that is allowed in a minute goes alone, or it would never go."""
        return min(tokens, self._tokens.limit)
