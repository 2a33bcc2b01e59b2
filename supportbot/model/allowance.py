"""How much of something an endpoint allows in any minute, and how much of it was spent."""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass
from heapq import merge
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE = 60.0
"""Seconds; what the limits are counted over."""

LONGEST_PAUSE = 600.0
"""Seconds for which nobody is let through at most, whatever an endpoint asks for."""

_LONGEST_RESET = (
    3600.0  # seconds; beyond it the header is a date, or a day's limit that a minute cannot wait for
)
_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_PARTS = (3600.0, 60.0, 1.0, 0.001)  # seconds of what the groups of _SPAN count


@dataclass(slots=True)
class Spent:
    """One entry of the books."""

    amount: float
    until: float
    """When it no longer counts."""
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """What the endpoint says of one allowance in an answer's headers; None where it says nothing."""

    limit: float | None
    remaining: float | None
    reset: float | None
    """Seconds until all of it is there again."""


def standing(headers: Mapping[str, str], kind: str) -> Standing:
    """Read the ``x-ratelimit-*`` headers about ``requests`` or ``tokens``.

    The Llama API sends limit and remaining; OpenAI and most compatible hosts add reset, as ``6m0s``,
    ``120ms`` or plain seconds.
    """
    limit = _number(headers.get(f"x-ratelimit-limit-{kind}", ""))
    return Standing(
        limit=limit or None,  # some write 0 for "no limit"
        remaining=_number(headers.get(f"x-ratelimit-remaining-{kind}", "")),
        reset=_span(headers.get(f"x-ratelimit-reset-{kind}", "")),
    )


class Allowance:
    """The books of one allowance: never more than ``limit`` is spent within any ``window`` seconds.

    That is within the rules however the endpoint counts: by the clock's minute, by the last sixty seconds, or
    with a bucket that refills. What others spend with the same key is known from the endpoint's own words.
    """

    def __init__(self, limit: float | None, *, window: float = MINUTE) -> None:
        """``limit``: None for as much as the endpoint does not say is too much."""
        self._own_limit = math.inf if limit is None else float(limit)
        self._told_limit = math.inf
        self.part = 1.0
        """Which part of the limits may be spent here, while others spend the rest."""
        self._window = window
        self._entries: deque[Spent] = deque()
        self._spent = 0.0
        self._others = Spent(0.0, 0.0)  # what the endpoint counts beyond our own

    @property
    def limit(self) -> float:
        """What may be spent within a window; infinite while nobody has set a limit."""
        return min(self._own_limit, self._told_limit) * self.part

    def wait(self, amount: float, now: float) -> float:
        """Return in how many seconds ``amount`` can be spent; 0 when it can at once.

        More than the limit takes several windows: that is for adding up a queue.
        """
        limit = self.limit
        if limit == math.inf:
            return 0.0
        self._forget(now)
        windows = max(0, math.ceil(amount / limit) - 1)
        over = self._spent + self._others.amount + amount - windows * limit - limit
        until = now
        for entry in merge(self._entries, (self._others,), key=lambda entry: entry.until):
            if over <= 0:
                break
            over -= entry.amount
            until = entry.until
        return until - now + windows * self._window

    def free(self, now: float) -> float:
        """Return how much could be spent at once."""
        self._forget(now)
        return max(0.0, self.limit - self._spent - self._others.amount)

    def spend(self, amount: float, now: float) -> Spent:
        """Note that ``amount`` is spent, and return the entry."""
        entry = Spent(amount, now + self._window, counts=self.limit != math.inf)
        if entry.counts:
            self._entries.append(entry)
            self._spent += amount
        return entry

    def correct(self, entry: Spent, amount: float) -> None:
        """Note that an entry was for another amount, as was found out later."""
        if entry.counts:
            self._spent += amount - entry.amount
            entry.amount = amount

    def told(self, said: Standing, now: float) -> None:
        """Take over what the endpoint says; where it counts more than we do, it is right."""
        if said.limit is not None:
            self._told_limit = said.limit
        if said.remaining is None or self.limit == math.inf:
            return
        self._forget(now)
        reset = said.reset if said.reset is not None and said.reset <= _LONGEST_RESET else self._window
        beyond = (said.limit or self.limit) - said.remaining - self._spent
        self._others = Spent(max(0.0, beyond), now + reset)

    # -- kept elsewhere ------------------------------------------------------------------------------

    def book(self, amount: float, until: float) -> None:
        """Note that ``amount`` is spent and counts until then, as ``amend`` may find it."""
        if not amount:
            return
        if self._entries and until <= self._entries[-1].until:
            self._entries[-1].amount += amount
        else:
            self._entries.append(Spent(amount, until))
        self._spent += amount

    def grant(self, amount: float, until: float) -> float:
        """Book an amount and return it; without a limit nothing is booked, and there is no end to it."""
        if self.limit == math.inf:
            return math.inf
        self.book(amount, until)
        return amount

    def amend(self, until: float, amount: float) -> None:
        """Add an amount, which may be negative, to what was booked until then; not if it counts no more."""
        for entry in self._entries:
            if entry.until == until:
                amount = max(amount, -entry.amount)
                entry.amount += amount
                self._spent += amount

    def dump(self) -> dict[str, Any]:
        """Return the books as JSON."""
        return {
            "spent": [[entry.until, entry.amount] for entry in self._entries if entry.amount],
            "others": [self._others.until, self._others.amount],
            "told": None if self._told_limit == math.inf else self._told_limit,
        }

    def load(self, books: Mapping[str, Any], now: float, longest: float) -> None:
        """Take over what ``dump`` returned.

        Nothing counts for longer than ``longest`` seconds from now: more would be another clock's time.
        """
        for until, amount in books.get("spent", ()):
            self.book(amount, min(until, now + longest))
        until, amount = books.get("others", (0.0, 0.0))
        self._others = Spent(amount, min(until, now + _LONGEST_RESET))
        self._told_limit = books.get("told") or math.inf
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._entries and self._entries[0].until <= now:
            entry = self._entries.popleft()
            entry.counts = False
            self._spent -= entry.amount
        if self._others.until <= now:
            self._others.amount = 0.0


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e12 else None


def _span(text: str) -> float | None:
    text = text.strip()
    if (seconds := _number(text)) is not None:
        return seconds
    match = _SPAN.fullmatch(text)
    if not match or not text:
        return None
    return sum(float(group) * part for group, part in zip(match.groups(), _PARTS, strict=True) if group)
