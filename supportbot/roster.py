"""Who works on a store: each of several processes says so, and sees whether somebody has each role.

A role that nobody has makes no noise by itself. Without a worker every message is accepted, and none is
answered; without ``mail`` the mailbox fills up in silence. So each process writes down every few seconds what
it does, reads what the others do, and tells the operator of what nobody does.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from supportbot import __version__
from supportbot.errors import StoreUnavailable
from supportbot.ids import now_ms
from supportbot.log import in_one_line
from supportbot.records import ChannelRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from supportbot.store import Store

BEAT = 10.0
"""Seconds between two signs of life."""

LIVES = 30_000
"""Milliseconds after the last sign of life for which a process counts."""

_OURS = ""  # no channel is called that
_PREFIX = "process:"
_WITHIN = 3.0
"""Seconds that a sign of life may take: who waits for a database that hangs sees nothing of the next ones."""

_LOOKS = 2
"""Looks in a row that miss a role before the log says so: at a start the others may be a moment late."""

_MEANS = {
    "worker": "what is accepted is not answered, and nothing is delivered",
    "web": "nothing is taken in over HTTP",
    "mail": "no mailbox is read",
    "slack": "nothing is heard of Slack's sockets",
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process at work on the store."""

    id: str
    """Host, process id, and what tells it from one before it."""
    roles: tuple[str, ...]
    version: str
    """Of SupportBot; a question mark where it says so in a way that this release does not understand."""
    started_at: int
    seen_at: int
    """Its last sign of life; both in Unix milliseconds."""


class Roster:
    """One process's place in the list, and its look at the others."""

    def __init__(
        self,
        store: Store,
        owner: str,
        roles: Iterable[str],
        needed: Iterable[str],
        *,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """Take who this is, what it does, and which roles somebody must have."""
        self._store = store
        self._records = ChannelRecords(store, _OURS, clock=clock)
        self._owner = owner
        self._roles = sorted(roles)
        self._needed = frozenset(needed)
        self._clock = clock
        self._started_at = clock()
        self._missing: dict[str, int] = {}  # role -> looks in a row
        self._told: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Sign in, look, and go on doing so; fails never."""
        await self._look_if_it_can()
        self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """Sign out: whoever looks sees at once that this process is gone."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        with suppress(StoreUnavailable):  # it is forgotten by itself
            await self._records.delete(_PREFIX + self._owner)

    def problems(self) -> dict[str, str]:
        """Return the roles that nobody has, as ``/readyz`` shows them, each with what that means."""
        return {f"role {role}": _told_of(role) for role in sorted(self._missing)}

    async def look(self) -> None:
        """Give a sign of life and look who else is there; what was seen last stands where that fails."""
        try:
            async with asyncio.timeout(_WITHIN):
                await self._sign()
                present = await processes(self._store, clock=self._clock)
        except (StoreUnavailable, TimeoutError):
            return  # the store tells of that itself
        missing = missing_roles(present, self._needed)
        self._missing = {role: self._missing.get(role, 0) + 1 for role in missing}
        self._tell(frozenset(role for role, looks in self._missing.items() if looks >= _LOOKS))

    async def _sign(self) -> None:
        now = self._clock()
        about = {
            "roles": self._roles,
            "version": __version__,
            "started_at": self._started_at,
            "seen_at": now,
        }
        await self._records.put(_PREFIX + self._owner, about, expires_at=now + LIVES)

    def _tell(self, missing: frozenset[str]) -> None:
        for role in sorted(missing - self._told):
            log.warning("role.missing", role=role, problem=_told_of(role))
        for role in sorted(self._told - self._missing.keys()):
            log.info("role.found", role=role)
        self._told = missing

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            await self._look_if_it_can()

    async def _look_if_it_can(self) -> None:
        try:
            await self.look()
        except Exception as error:  # noqa: BLE001 - whatever it was, others must go on seeing this process
            log.warning("roster.failed", error=in_one_line(error))


async def processes(store: Store, *, clock: Callable[[], int] = now_ms) -> list[Process]:
    """Return the processes that gave a sign of life lately, in the order of their ids.

    Raises:
        StoreUnavailable: the store cannot be read.
    """
    records = ChannelRecords(store, _OURS, clock=clock)
    return [
        _understood(key.removeprefix(_PREFIX), about, clock()) async for key, about in records.scan(_PREFIX)
    ]


def _understood(name: str, about: Any, now: int) -> Process:
    """Return what is understood of a sign of life: a release to come may give it another shape.

    It is there, so it was seen lately.
    """
    said = about if isinstance(about, dict) else {}
    roles, version = said.get("roles"), said.get("version")
    started_at, seen_at = said.get("started_at"), said.get("seen_at")
    seen_at = seen_at if isinstance(seen_at, int) else now
    return Process(
        id=name,
        roles=tuple(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else (),
        version=version if isinstance(version, str) else "?",
        started_at=started_at if isinstance(started_at, int) else seen_at,
        seen_at=seen_at,
    )


def missing_roles(present: Iterable[Process], needed: Iterable[str]) -> dict[str, str]:
    """Return which of the roles that are needed no process has, each with what that means and what to do."""
    missing = frozenset(needed).difference(*(process.roles for process in present))
    return {role: _told_of(role) for role in sorted(missing)}


def _told_of(role: str) -> str:
    return f"no process has this role, so {_MEANS[role]}: start one with supportbot serve --roles {role}"
