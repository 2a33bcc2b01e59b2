"""The ordeal: customers write, everybody around the bot misbehaves, and again and again it dies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.acceptance.audit import compare_with_api, examine
from tests.acceptance.clients import Http, Visitor
from tests.acceptance.load import Follower, Load
from tests.acceptance.program import BotFolder, Program, program
from tests.acceptance.receiver import HANG_UP

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import aiohttp

    from tests.acceptance.audit import Counts, Tables
    from tests.acceptance.model import Call, ListeningModel
    from tests.acceptance.receiver import Posted, Receiver

_FOLLOWERS = 3


@dataclass(frozen=True)
class Ordeal:
    """What the bot has to go through."""

    model: ListeningModel
    receiver: Receiver
    session: aiohttp.ClientSession
    chance: random.Random

    def folder(self, root: Path, *, database: str = "sqlite:///data/bot.db") -> BotFolder:
        """Return a bot that does not put turns aside because it died during them."""
        return BotFolder(
            root,
            model_url=self.model.url,
            database=database,
            webhook=self.receiver.section,
            turns={"attempts": 20, "lease": 2},
            deliveries={"timeout": 2},
        )

    async def endure(
        self,
        folder: BotFolder,
        tables: Tables,
        *,
        kills: int,
        customers: int = 12,
        crash: Callable[[Program], Awaitable[None]] = Program.kill,
    ) -> Counts:
        """Let customers write while the bot is killed, let it finish, and count.

        Args:
            folder: the bot.
            tables: where its database can be read.
            kills: how often.
            customers: how many write at once.
            crash: how it dies.
        """
        self._misbehave()
        async with program(folder) as bot:
            load = Load(Http(bot, self.session), self.model, customers=customers, chance=self.chance)
            followers = await self._die_under_load(bot, load, kills, crash)
            await tables.drained(within=60)
            wrong = await compare_with_api(load, tables)
            wrong += [wrong for follower in followers for wrong in await _missed(follower)]
            assert 0 == await bot.stop()
        counts = examine(load, tables, self.model, self.receiver, kills=kills)
        counts.problems += wrong
        return counts

    async def _die_under_load(
        self, bot: Program, load: Load, kills: int, crash: Callable[[Program], Awaitable[None]]
    ) -> list[Follower]:
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(load.run())
            followers: list[Follower] = []
            following: list[asyncio.Task[None]] = []
            for number in range(kills):
                if number % 4 == 3:  # while it is starting
                    await bot.begin()
                    await asyncio.sleep(self.chance.uniform(0.3, 1.5))
                else:
                    if not bot.is_running:
                        await bot.start()
                    await self._moment(load)
                if not followers:
                    visitors = [c.writer for c in load.conversations if isinstance(c.writer, Visitor)]
                    followers = [Follower(visitor) for visitor in visitors[:_FOLLOWERS]]
                    following = [group.create_task(follower.run()) for follower in followers]
                await crash(bot)
            await bot.start()
            load.stop()
            await writing
            for task in following:
                task.cancel()
        return followers

    async def _moment(self, load: Load) -> None:
        """Wait until some acknowledgements, calls or callbacks were seen, and an instant."""
        match self.chance.randrange(3):
            case 0:
                await load.progress(self.chance.randint(20, 100))
            case 1:
                await self.model.asked_times(len(self.model.calls) + self.chance.randint(10, 50))
            case _:
                await self.receiver.got(len(self.receiver.tries) + self.chance.randint(1, 20))
        await asyncio.sleep(self.chance.uniform(0, 0.03))

    def _misbehave(self) -> None:
        """Let the model take its time, and the receiver fail in all the ways there are."""

        async def think(_: Call) -> None:
            await asyncio.sleep(self.chance.choice([0, 0, 0.01, 0.05, 0.2]))

        async def receive(_: Posted) -> int:
            await asyncio.sleep(self.chance.choice([0, 0, 0.02]))
            return self.chance.choice([500, 429, HANG_UP, *[204] * 17])

        self.model.before, self.receiver.before = think, receive


async def _missed(follower: Follower) -> list[str]:
    """Let a browser tab catch up, and return whether it was shown every message once and in order."""
    last = (await follower.visitor.read())[-1]["seq"]
    async with asyncio.TaskGroup() as group:
        following = group.create_task(follower.run())
        async with asyncio.timeout(10):
            await follower.reached(last)
        following.cancel()
    shown = follower.seqs == list(range(1, last + 1))
    return [] if shown else [f"{follower.visitor.conversation}: a tab was shown {follower.seqs}"]
