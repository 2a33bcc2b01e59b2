"""When something befell the bot, and which of its processes: what a repeated post may be excused with."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from supportbot.chaos.receiver import Posted

WRITTEN_DOWN_WITHIN = 1.0
"""Seconds after a post was taken in which the bot, on a machine that has time for it, has surely written that
down; and in which a post that a process made before its end, or after its thaw, has surely been seen."""

_MOST = 5.0
"""Seconds in which it is surely written down on any machine."""

LOCKS_KEPT = 3.0
"""Seconds after which the database takes a process that stands still its locks away
(``idle_in_transaction_session_timeout``)."""

STALL = 0.5
"""Seconds without the processor after which all of the machine's processes may have stood still."""

_FEEL = 0.1
"""Seconds between two looks whether it does."""

_ABOUT = 10.0
"""Seconds before and after a moment that say how busy the machine was then."""


class Pace:
    """How long it took the bot at which time to write down that a post was taken.

    A machine that has other work lets it wait, and a process that is killed meanwhile has not written it down
    yet. How long that may have been is not guessed: what was written down just before and after says it.
    """

    def __init__(self, seen: Iterable[tuple[float, float]]) -> None:
        """Take when posts were taken, by the event loop's clock, and how long each then took, in seconds."""
        self._seen = sorted(seen)
        self.slowest = max((took for _, took in self._seen), default=0.0)
        """The longest, in seconds."""

    def about(self, moment: float) -> float:
        """Return within how many seconds a post that was taken at a moment was surely written down.

        Whatever took longest may have been lost with its process; so twice as long as what was seen. But no
        machine is so busy that this takes for ever: then it is the bot that is slow.
        """
        first = bisect_left(self._seen, (moment - _ABOUT,))
        last = bisect_left(self._seen, (moment + _ABOUT,))
        seen = max((took for _, took in self._seen[first:last]), default=0.0)
        return min(max(WRITTEN_DOWN_WITHIN, 2 * seen), _MOST)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that befell the bot."""

    begun: float
    ended: float
    """In seconds of the event loop's clock."""
    of: str = ""
    """The process that it befell (``Program.who``); empty when it was the database, and so all of them."""
    slept: bool = False
    """The process went on afterwards, as if nothing had been."""
    stall: bool = False
    """Nobody did anything to it: the machine gave the processor to others."""

    def excuses(self, taken: Posted, again: Posted, within: float = WRITTEN_DOWN_WITHIN) -> bool:
        """Say whether because of it a reply that the platform had taken may have been posted again.

        Whoever posted it was kept from writing that down; or whoever posts it again was about to, slept
        meanwhile, and does not know of the other. Where it cannot be told who posted, it may have been them.

        Args:
            taken: the post that the platform took.
            again: the one that came later.
            within: seconds in which it was surely written down that the first was taken (``Pace``).
        """
        if self.ended < taken.at - WRITTEN_DOWN_WITHIN:
            return False
        if self.begun > taken.answered_at + within:
            return False
        return self.befell(taken, again) or not taken.by or (self.slept and not again.by)

    def delayed(self, taken: Posted, took: float) -> bool:
        """Say whether because of it a post that was taken was written down only after so many seconds."""
        meanwhile = self.begun <= taken.answered_at + took and self.ended >= taken.at - WRITTEN_DOWN_WITHIN
        return meanwhile and self.of in {"", taken.by}

    def befell(self, taken: Posted, again: Posted) -> bool:
        """Say whether it is known to have befallen one of those who posted."""
        return not self.of or taken.by == self.of or (self.slept and again.by == self.of)


def held_up(taken: Posted, within: float, troubles: Iterable[Trouble]) -> float:
    """Return within how many seconds a post was surely written down, if any process stood still meanwhile.

    One that is stopped in mid-transaction keeps its locks in the database until they are taken away, and
    whoever wants to write into the same conversation waits. What was taken until then may wait as long.

    Args:
        taken: the post.
        within: the seconds if none did.
        troubles: what befell the bot.
    """
    until = taken.answered_at + within
    stills = [(one.begun, min(one.ended, one.begun + LOCKS_KEPT)) for one in troubles if one.slept]
    freed = [end + within for begun, end in stills if begun <= until and end >= taken.at]
    return max([until, *freed]) - taken.answered_at


class Troubles:
    """Remembers them."""

    def __init__(self) -> None:
        self.seen: list[Trouble] = []

    async def feel(self) -> None:
        """Notice, until it is cancelled, when this machine stands still: then the bot's processes do, too.

        A post may then be taken and the answer come later than its sender waits, or the sender look at the
        clock before it looks at the answer.
        """
        clock = asyncio.get_running_loop().time
        while True:
            looked = clock()
            await asyncio.sleep(_FEEL)
            if clock() - looked > _FEEL + STALL:
                self.seen.append(Trouble(looked, clock(), stall=True, slept=True))

    @property
    def stalls(self) -> int:
        """How often it did."""
        return sum(trouble.stall for trouble in self.seen)

    @contextmanager
    def last(self, of: str = "", *, slept: bool = False) -> Iterator[None]:
        """Something befalls a process, or all of them, as long as this block takes; see ``Trouble``."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            yield
        finally:
            self.seen.append(Trouble(begun, clock(), of, slept))


def holder(pids: Iterable[int], connection: tuple[int, int]) -> int | None:
    """Return which process has a connection of the loopback address; None where there is no /proc.

    The kernel is asked at once, for milliseconds in which nothing else happens here: whoever ends a process
    runs on the same event loop, and must not do so between its post and this look.

    Args:
        pids: the processes.
        connection: its port, and the port at the other end: the first alone may be that of others too.
    """
    sockets = {f"socket:[{inode}]" for inode in _inodes(connection)}
    return next((pid for pid in pids if _has_any(pid, sockets)), None) if sockets else None


def _has_any(pid: int, sockets: set[str]) -> bool:
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                if str(descriptor.readlink()) in sockets:
                    return True
    return False


def _inodes(connection: tuple[int, int]) -> list[str]:
    """Return the number of the socket at the first end of a connection, if there is one."""
    here, there = (f":{port:04X}" for port in connection)
    with suppress(OSError):
        table = Path("/proc/net/tcp").read_text("ascii").splitlines()
        lines = [line.split() for line in table if here in line and there in line]
        return [line[9] for line in lines if line[1].endswith(here) and line[2].endswith(there)]
    return []
