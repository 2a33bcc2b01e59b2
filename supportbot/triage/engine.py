"""Triages at work: beside the turn, and never in its way."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import structlog

from supportbot.errors import StoreUnavailable, SupportBotError
from supportbot.ids import now_ms
from supportbot.triage import ledger

if TYPE_CHECKING:
    from supportbot.messages import Turn
    from supportbot.model.structured import Structured
    from supportbot.store import Store
    from supportbot.triage.sorter import Sorter
    from supportbot.triage.values import Triage

log = structlog.get_logger(__name__)


class Counts(Protocol):
    """What triages tell of themselves."""

    def triaged(self, topic: str, sentiment: str, urgency: str, *, wants_person: bool) -> None:
        """A question was sorted."""

    def triage_failed(self) -> None:
        """A question could not be sorted."""


class Triages:
    """Sorts turns, each in a task of its own that outlives the turn's.

    A triage is a label, not a promise: it has no row that says it is due. A turn that is tried again is
    sorted again; only a process that dies between a turn's answer and its triage leaves one without.
    """

    def __init__(self, store: Store, counts: Counts) -> None:
        """``store``: where they are kept; ``counts``: the metrics."""
        self._store = store
        self._counts = counts
        self._work: set[asyncio.Task[Triage | None]] = set()

    def begin(self, turn: Turn, sorter: Sorter) -> asyncio.Task[Triage | None]:
        """Begin to sort a turn. The task never fails; it gives None when there is no triage."""
        task = asyncio.get_running_loop().create_task(self._sorted(turn, sorter))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def stop(self) -> None:
        """Give up what is not done, and say so with the turn."""
        tasks = set(self._work)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _sorted(self, turn: Turn, sorter: Sorter) -> Triage | None:
        try:
            async with asyncio.timeout(sorter.timeout):
                found = await sorter.sort(turn)
        except asyncio.CancelledError:
            await asyncio.shield(self._keep(turn, None, "the bot was stopped"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was: the turn goes on without
            log.warning("triage.failed", reason=_reason(error))
            await self._keep(turn, None, _reason(error))
            self._counts.triage_failed()
            return None
        await self._keep(turn, found)
        said = found.value
        self._counts.triaged(said.topic, said.sentiment, said.urgency, wants_person=said.wants_person)
        return said

    async def _keep(self, turn: Turn, found: Structured[Triage] | None, reason: str = "") -> None:
        with suppress(StoreUnavailable):  # the store says so itself, and loudly
            await self._store.write(lambda tx: ledger.keep(tx, turn, found, now=now_ms(), reason=reason))


def _reason(error: Exception) -> str:
    """Name a failure in one line, without the words of the customer it may hold."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    return (
        f"{type(error).__name__}: {error}"[:300]
        if isinstance(error, SupportBotError)
        else type(error).__name__
    )
