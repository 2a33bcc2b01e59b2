"""What befalls a bot under trial: its processes, its database, its model, its platform."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from supportbot.chaos.receiver import HANG_UP
from supportbot.testing.model_replies import problem

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

    from supportbot.chaos.fleet import Fleet
    from supportbot.chaos.load import Load
    from supportbot.chaos.model import Call, ListeningModel
    from supportbot.chaos.postgres import OwnServer
    from supportbot.chaos.program import Program
    from supportbot.chaos.receiver import Posted, Receiver
    from supportbot.chaos.troubles import Troubles
    from supportbot.testing.model_replies import ModelReply

_QUIET = 3.0
"""Seconds after which a moment has come even if nothing happens."""

_IDLE = 60.0
"""Seconds after which it is no longer waited for the bot to get something done."""

_STOP_WITHIN = 15.0
"""Seconds a clean stop may take."""

_HANG = 3.0
"""Seconds that a platform hangs: longer than the bot waits."""


class Moments:
    """Finds the moments at which something befalls the bot: anywhere between a message and its reply."""

    def __init__(self, load: Load, model: ListeningModel, receiver: Receiver, chance: random.Random) -> None:
        self._load = load
        self._model = model
        self._receiver = receiver
        self._chance = chance

    async def next(self) -> None:
        """Wait until some acknowledgements, calls or callbacks were seen, and an instant; or that alone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_QUIET):
                match self._chance.randrange(4):
                    case 0:
                        await self._load.progress(self._chance.randint(1, 60))
                    case 1:
                        await self._model.asked_times(len(self._model.calls) + self._chance.randint(1, 30))
                    case 2:
                        await self._receiver.got(len(self._receiver.tries) + self._chance.randint(1, 15))
                    case _:
                        pass
        await asyncio.sleep(self._chance.uniform(0, 0.03))

    async def progress(self) -> None:
        """Wait until a message is acknowledged, but not for ever.

        On a machine on which the bot needs longer to start than it is left alive, nothing else would happen
        any more than starts and ends.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE):
                await self._load.progress(1)


async def kill(
    fleet: Fleet,
    moments: Moments,
    troubles: Troubles,
    chance: random.Random,
    *,
    crash: Callable[[Program], Awaitable[None]],
    starting: bool,
) -> Program:
    """Kill a process at some moment, perhaps once more while it starts; returns it, to be started again."""
    await moments.next()
    program = await fleet.victim()
    with troubles.last(program.who):
        await crash(program)
    if starting:
        await program.begin()
        await asyncio.sleep(chance.uniform(0, 1.5))
        with troubles.last(program.who):  # it may have begun to work
            await crash(program)
    return program


async def freeze(fleet: Fleet, moments: Moments, troubles: Troubles, *, seconds: float) -> None:
    """Stop a process in mid-step for a while; then it goes on as if nothing had been."""
    await moments.next()
    program = await fleet.victim()
    with troubles.last(program.who, slept=True):
        program.freeze()
        try:
            await asyncio.sleep(seconds)
        finally:
            program.thaw()


async def stop(fleet: Fleet, moments: Moments, troubles: Troubles) -> tuple[Program, str]:
    """Stop a process cleanly at some moment; returns it, and what was wrong with that: empty if nothing."""
    await moments.next()
    program = await fleet.victim()
    with troubles.last(program.who):
        try:
            code = await program.stop(within=_STOP_WITHIN)
        except TimeoutError:
            await program.kill()
            return program, f"a process had not stopped {_STOP_WITHIN:.0f} s after SIGTERM"
    return program, f"a process stopped with the exit code {code}" if code else ""


async def restart(
    server: OwnServer, troubles: Troubles, chance: random.Random, *, pause: tuple[float, float]
) -> None:
    """Crash the database after a while and start it again."""
    await asyncio.sleep(chance.uniform(*pause))
    with troubles.last():
        await asyncio.to_thread(server.crash)
        await asyncio.sleep(chance.uniform(0, 0.5))
        await asyncio.to_thread(server.start)


class FlakyModel:
    """Lets a model take its time, and fail."""

    def __init__(self, model: ListeningModel, chance: random.Random, share: float) -> None:
        self.faults = 0
        self._model = model
        self._chance = chance
        self._share = share
        model.before, model.mood = self._think, self._moody

    def behave(self) -> None:
        """From now on nothing fails."""
        self._model.before, self._model.mood = None, lambda reply: reply

    async def _think(self, _: Call) -> None:
        await asyncio.sleep(self._chance.choice([0, 0, 0.01, 0.05, 0.2]))

    def _moody(self, reply: ModelReply) -> ModelReply:
        if self._chance.random() >= self._share:
            return reply
        self.faults += 1
        return self._chance.choice(
            [
                problem(500, "Internal Server Error"),
                problem(429, "Too Many Requests", retry_after="0.1"),
                replace(reply, stop_reason="length", pieces=reply.pieces[:-1]),
                replace(reply, fault="end", fault_after=2),
                replace(reply, fault="reset", fault_after=self._chance.randrange(3)),
                replace(reply, fault="stall", fault_after=self._chance.randrange(3)),
            ]
        )


class FlakyPlatform:
    """Lets a platform fail at replies."""

    def __init__(self, receiver: Receiver, chance: random.Random, share: float) -> None:
        self.faults = 0
        self._receiver = receiver
        self._chance = chance
        self._share = share
        receiver.before = self._receive

    def behave(self) -> None:
        """From now on nothing fails."""
        self._receiver.before = None

    async def _receive(self, _: Posted) -> int:
        await asyncio.sleep(self._chance.choice([0, 0, 0.02]))
        if self._chance.random() >= self._share:
            return 204
        self.faults += 1
        status = self._chance.choice([500, 429, 503, HANG_UP, HANG_UP, 0])
        if status == 0:
            await asyncio.sleep(_HANG)
            return HANG_UP
        return status
