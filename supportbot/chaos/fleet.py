"""Several processes of one bot, and whoever starts them again: what an orchestrator does."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from supportbot.chaos.program import Program
from supportbot.chaos.troubles import holder
from supportbot.errors import BotDidNotStart

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator

    from supportbot.chaos.folder import BotFolder

_START_WITHIN = 300.0
"""Seconds in which a process must have started, its database being down every now and then."""

_LOOK = 0.02
"""Seconds between two looks for a process that can be ended."""

_PAUSE = 0.2
"""Seconds before a process that did not start is started again."""


class Fleet:
    """The processes. To their clients they are one bot: each request goes to any that is up."""

    def __init__(self, folder: BotFolder, processes: int, chance: random.Random) -> None:
        self.folder = folder
        self.programs = [Program(folder, name=f"process {n + 1}") for n in range(processes)]
        self.failed_starts = 0
        """How often a process ended instead of starting: its database was down, for example."""
        self._chance = chance

    @property
    def url(self) -> str:
        """Where one of the processes that are up listens; a frozen one is up, too."""
        return self._chance.choice([p for p in self.programs if p.is_up] or self.programs).url

    async def up(self) -> None:
        """Wait until a process is up."""
        if not any(program.is_up for program in self.programs):
            waiting = [asyncio.create_task(program.up()) for program in self.programs]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()

    def who(self, connection: tuple[int, int]) -> str:
        """Return whose a connection is (``holder``), as ``Program.who``; empty if that cannot be told."""
        running = {program.pid: program.who for program in self.programs if program.is_running}
        pid = holder(running, connection)
        return "" if pid is None else running[pid]

    async def victim(self) -> Program:
        """Return one of the processes that are up and not frozen, as soon as there is one."""
        while not (awake := self._awake()):  # noqa: ASYNC110 - processes end without telling
            await asyncio.sleep(_LOOK)
        return self._chance.choice(awake)

    def _awake(self) -> list[Program]:
        return [p for p in self.programs if p.is_up and p.is_running and not p.is_frozen]

    def fallen(self) -> list[Program]:
        """Return the processes that ended although nobody ended them."""
        return [program for program in self.programs if program.is_up and not program.is_running]

    async def start(self) -> None:
        """Start all of them.

        Raises:
            BotDidNotStart: one ended instead.
        """
        await self.programs[0].start()  # the first fills the database
        await asyncio.gather(*(program.start() for program in self.programs[1:]))

    async def revive(self, program: Program) -> None:
        """Start a process again, as often as it takes.

        Raises:
            BotDidNotStart: it takes too long.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + _START_WITHIN
        while True:
            try:
                await program.start()
            except BotDidNotStart:
                self.failed_starts += 1
                if loop.time() > until:
                    raise
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def stop(self) -> list[int]:
        """Stop all of them cleanly; returns their exit codes. One that takes too long is killed."""
        return list(await asyncio.gather(*(_stopped(program) for program in self.programs)))

    async def kill(self) -> None:
        """Leave nothing running."""
        for program in self.programs:
            if program.is_running:
                await program.kill()


async def _stopped(program: Program) -> int:
    try:
        return await program.stop()
    except TimeoutError:
        await program.kill()
        return -signal.SIGKILL


@asynccontextmanager
async def fleet(folder: BotFolder, processes: int, chance: random.Random) -> AsyncIterator[Fleet]:
    """Start a bot of several processes; whatever becomes of the block, nothing of it is left running."""
    started = Fleet(folder, processes, chance)
    try:
        await started.start()
        yield started
    except BaseException as error:
        last = [line for program in started.programs for line in program.errors[-5:]]
        error.add_note("\n".join(["The bot wrote at last:", *last]))
        raise
    finally:
        await started.kill()
