"""A message that kills whichever process works on it, and its neighbours; processes die and are replaced."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from sqlalchemy import text

from supportbot.ids import now_ms
from supportbot.store import Statement
from supportbot.turns.suspects import IN_COMPANY
from tests.durable import Durable, opened

if TYPE_CHECKING:
    from supportbot.messages import Turn

POISON = "poison"


class Poisoned:
    """Processes that share a database, one of which dies whenever the poison is worked on as a suspect.

    Before that, all that is at work dies together: nothing is answered while nobody is suspected.
    """

    def __init__(self, url: str, queue: str, *, processes: int = 1) -> None:
        self._url = url
        self._queue = queue
        self._processes = processes
        self._bots: list[Durable] = []
        self._dying: asyncio.Queue[Durable] = asyncio.Queue()
        self._stack = AsyncExitStack()
        self.deaths = 0
        self.together: list[int] = []
        """How many suspects were at work in a process, whenever one of them began."""

    async def run(self, neighbours: int) -> list[tuple[str, str, int]]:
        """Go on until everything has ended; returns each text, its turn's state and that one's tries."""
        async with self._stack:
            for _ in range(self._processes):
                await self._replace(None)
            for number in range(neighbours):
                await self._bots[number % self._processes].accept("hello", to=f"c{number}")
            await self._bots[0].accept(POISON, to="poisoned")
            for _ in range(IN_COMPANY):
                await self._bots[0].until(lambda: neighbours + 1 == self._begun(), seconds=30)
                for bot in list(self._bots):
                    await self._replace(bot)
            while await self._dies():
                pass
            return await self._bots[0].rows(
                "select text, turns.state, attempt from messages join turns on turns.id = turn_id"
                " where author = 'customer'"
            )

    def _begun(self) -> int:
        return sum(len(bot.worker.turns) for bot in self._bots)

    async def _dies(self) -> bool:
        """Wait until a process dies of the poison and replace it; False when the poison is dead."""
        ended = asyncio.create_task(self._until_ended())
        dying = asyncio.create_task(self._dying.get())
        await asyncio.wait((ended, dying), return_when=asyncio.FIRST_COMPLETED, timeout=30)
        if dying.done():
            ended.cancel()
            if dying.result() in self._bots:  # it has not died with the others at first
                await self._replace(dying.result())
            return True
        dying.cancel()
        await ended
        return False

    async def _until_ended(self) -> None:
        left = "select count(*) from messages where state = 'pending'"
        await self._bots[0].until_rows(left, [(0,)], seconds=30)

    async def _replace(self, dead: Durable | None) -> None:
        """Let a process die, if there was one; begin another, to which all is due that the dead one held."""
        store = await self._stack.enter_async_context(opened(self._url))
        bot = Durable(store, queue=self._queue)
        if dead is not None:
            self.deaths += 1
            await dead.kill()
            place = self._bots.index(dead)
            self._bots[place] = bot
            due = f"update conversations set due_at = {now_ms()} where owner = '{dead.engine._rules.owner}'"
            await store.write(lambda tx: tx.run(Statement(text(due))))
        else:
            self._bots.append(bot)
        at_work: set[str] = set()

        async def say(turn: Turn) -> str:
            if not turn.suspect:
                await asyncio.Event().wait()
            at_work.add(turn.id)
            self.together.append(len(at_work))
            if turn.question == POISON:
                self._dying.put_nowait(bot)
                await asyncio.Event().wait()
            await asyncio.sleep(0.3)  # the model takes its time
            at_work.remove(turn.id)
            return "re: " + turn.question

        bot.worker.say = say
        await bot.start()
        self._stack.push_async_callback(bot.stop)
