"""Where every request to a model is put down: in memory at once, on disk with the answer it was made for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import structlog

from supportbot.errors import StoreUnavailable
from supportbot.ids import now_ms
from supportbot.journal import note
from supportbot.spending import ledger

if TYPE_CHECKING:
    from supportbot.messages import Prompt, Purpose, Turn
    from supportbot.spending.caps import Caps, Day
    from supportbot.store import Store, Tx
    from supportbot.usage import Spent

_REFRESH = 5.0
"""Seconds between two looks at what other processes have spent, and until a failed writing is tried again."""

_MOST_TOLD = 10_000
"""Conversations of which it is remembered that they have reached their cap."""

log = structlog.get_logger(__name__)


class Counts(Protocol):
    """What the till tells of itself."""

    def model_spent(self, spent: Spent, currency: str) -> None:
        """A request used something."""

    def spending_refused(self, cap: str) -> None:
        """A model was not asked: the ``conversation`` or the ``day`` has reached its cap."""


@dataclass(slots=True)
class _Tab:
    """What one try at a turn, or one summary, has used so far."""

    turn: Turn
    day: str
    purpose: Purpose = "answer"
    by_model: dict[str, Spent] = field(default_factory=dict)
    refused: str = ""
    """Which cap kept it from a model."""

    def add(self, spent: Spent) -> None:
        before = self.by_model.get(spent.model)
        self.by_model[spent.model] = spent if before is None else before.plus(spent)

    @property
    def total(self) -> Spent | None:
        total: Spent | None = None
        for spent in self.by_model.values():
            total = spent if total is None else total.plus(spent)
        return total


class Till:
    """The ``Purse`` of all models.

    What a turn uses is recorded in the transaction of its answer; when there is none, and for summaries, in a
    transaction of its own soon after. What is in flight when a cap is reached is not called back, so that a
    cap is overshot a little: by that, and by what other processes spend within five seconds.
    """

    def __init__(self, store: Store, caps: Caps, *, alone: bool, counts: Counts) -> None:
        """Wire it.

        Args:
            store: where spending is recorded.
            caps: how much may be spent.
            alone: no other process works on this store.
            counts: the metrics.
        """
        self._store = store
        self._caps = caps
        self._alone = alone
        self._counts = counts
        self._tabs: dict[tuple[str, str, int], _Tab] = {}
        self._unrecorded: list[_Tab] = []
        self._day: Day = caps.day_of(now_ms())
        self._day_tokens = self._day_cost = 0
        self._told: set[str] = set()  # the day's name, conversations' ids
        self._wake = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    # -- start and stop --------------------------------------------------------------------------

    async def start(self) -> None:
        """See what the day has used so far, and begin to record."""
        if self._caps.day is not None:
            await self._look()
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """Record what is left."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        self._unrecorded += self._tabs.values()
        self._tabs.clear()
        try:
            await self._record()
        except StoreUnavailable as error:
            log.warning("spending.not_recorded", error=str(error))

    # -- the purse -------------------------------------------------------------------------------

    def refusal(self, prompt: Prompt, *, priced: bool) -> str:
        """Return why nothing more may be asked for; empty when it may. See ``Purse``."""
        turn = prompt.turn
        if prompt.purpose == "moderation":
            return ""  # without a guard nothing could be answered at all
        if self._day_is_over(priced):
            return self._refused(prompt, "day", "the day's cap is reached")
        if self._conversation_is_over(turn, priced):
            return self._refused(prompt, "conversation", "the conversation's cap is reached")
        return ""

    def spent(self, prompt: Prompt, spent: Spent) -> None:
        """Put down what a request used. See ``Purse``."""
        self._today()
        self._day_tokens += spent.tokens
        self._day_cost += spent.cost or 0
        self._counts.model_spent(spent, self._caps.currency)
        if prompt.purpose == "answer":
            self._tab(prompt.turn).add(spent)
            return
        tab = _Tab(prompt.turn, self._day.name, prompt.purpose)  # it has no answer to be recorded with
        tab.add(spent)
        self._unrecorded.append(tab)
        self._wake.set()

    def charge(self, tx: Tx, turn: Turn) -> Spent | None:
        """In the transaction that records a turn's answer: record what it used, and return the sum."""
        tab = self._tabs.get(_key(turn))
        if tab is None:
            return None
        self._write(tx, tab)
        if tab.refused:
            note(tx, turn.conversation_id, "turn.capped", at=now_ms(), turn_id=turn.id, cap=tab.refused)
        tx.after_commit(lambda: self._forget(turn))
        return tab.total

    def _forget(self, turn: Turn) -> None:
        self._tabs.pop(_key(turn), None)

    def close(self, turn: Turn) -> None:
        """Nothing more will be asked for this try; what no answer was charged with is recorded now."""
        tab = self._tabs.pop(_key(turn), None)
        if tab is not None and tab.by_model:
            self._unrecorded.append(tab)
            self._wake.set()

    def problem(self) -> str:
        """Return that the day's cap is reached, in one line; empty while it is not."""
        if not self._day_is_over(priced=True):
            return ""
        until = datetime.fromtimestamp(self._day.ends_at / 1000, self._caps.zone)
        return f"the day's cap is reached, models are not asked until {until:%Y-%m-%d %H:%M %Z}"

    # -- caps ------------------------------------------------------------------------------------

    def _day_is_over(self, priced: bool) -> bool:
        cap = self._caps.day
        if cap is None:
            return False
        self._today()
        return cap.reached(self._day_tokens, self._day_cost, priced=priced)

    def _conversation_is_over(self, turn: Turn, priced: bool) -> bool:
        cap = self._caps.conversation
        if cap is None:
            return False
        if not turn.id:  # whoever writes a summary does not know what was spent
            return turn.conversation_id in self._told
        tab = self._tabs.get(_key(turn))
        now = tab.total if tab else None
        tokens = turn.spent_tokens + (now.tokens if now else 0)
        return cap.reached(tokens, turn.spent_cost + ((now.cost or 0) if now else 0), priced=priced)

    def _refused(self, prompt: Prompt, cap: str, cause: str) -> str:
        self._counts.spending_refused(cap)
        if prompt.purpose == "answer":  # what outlives the turn has no tab
            self._tab(prompt.turn).refused = cap
        self._tell(cap, self._day.name if cap == "day" else prompt.turn.conversation_id)
        return cause

    def _tell(self, cap: str, which: str) -> None:
        """Log that a cap is reached, once."""
        if which in self._told:
            return
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told.add(which)
        log.warning("spending.cap_reached", cap=cap, **{cap: which})

    def _today(self) -> None:
        """Begin anew when the day is over."""
        now = now_ms()
        if now >= self._day.ends_at:
            self._day = self._caps.day_of(now)
            self._day_tokens = self._day_cost = 0

    def _tab(self, turn: Turn) -> _Tab:
        tab = self._tabs.get(_key(turn))
        if tab is None:
            tab = self._tabs[_key(turn)] = _Tab(turn, self._day.name)
        return tab

    # -- on disk ---------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Record what no answer was charged with, and look at what others spend."""
        looks = self._caps.day is not None and not self._alone
        while True:
            try:
                async with asyncio.timeout(_REFRESH if looks or self._unrecorded else None):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self._record()
                if looks:
                    await self._look()
            except StoreUnavailable as error:
                log.warning("spending.not_recorded", error=str(error))

    async def _record(self) -> None:
        tabs, self._unrecorded = tuple(self._unrecorded), []  # taken first: a stop must not write them twice
        if not tabs:
            return
        try:
            await asyncio.shield(self._store.write(lambda tx: self._write_all(tx, tabs)))
        except StoreUnavailable:
            self._unrecorded[:0] = tabs
            raise

    def _write_all(self, tx: Tx, tabs: tuple[_Tab, ...]) -> None:
        for tab in tabs:
            of_answer = tab.purpose == "answer"
            if of_answer and ledger.is_charged(tx, tab.turn):
                continue
            self._write(tx, tab)
            if of_answer and (total := tab.total):
                ledger.add_to_turn(tx, tab.turn.id, self._currency(total), total)

    def _write(self, tx: Tx, tab: _Tab) -> None:
        for spent in tab.by_model.values():
            ledger.add(
                tx,
                spent,
                conversation_id=tab.turn.conversation_id,
                day=tab.day,
                purpose=tab.purpose,
                currency=self._currency(spent),
            )

    async def _look(self) -> None:
        """Take over what the day has used by everybody, and add what is put down and not yet on disk."""
        self._today()
        day = self._day
        tokens, cost = await self._store.read(lambda tx: ledger.of_day(tx, day.name))
        if day != self._day:
            return
        tabs = [*self._tabs.values(), *self._unrecorded]
        open_ = [total for tab in tabs if tab.day == day.name and (total := tab.total)]
        self._day_tokens = tokens + sum(spent.tokens for spent in open_)
        self._day_cost = cost + sum(spent.cost or 0 for spent in open_)

    def _currency(self, spent: Spent) -> str:
        return "" if spent.cost is None else self._caps.currency


def _key(turn: Turn) -> tuple[str, str, int]:
    return turn.conversation_id, turn.id, turn.fence
