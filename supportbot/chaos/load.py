"""Customers who write without pause and repeat themselves, while somebody pulls the plug."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp

from supportbot.chaos.clients import SignedProgram, Tries, Visitor, insist
from supportbot.chaos.model import marker

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from supportbot.chaos.clients import Http
    from supportbot.chaos.model import ListeningModel

_AHEAD = 3
"""Messages a customer writes without having been read: more would only make every burst one turn."""

_LOOKS_AWAY = 1.0
"""Seconds a customer waits for being read: with a model that fails, an answer may come without it."""


class Conversation:
    """One conversation of the load, and what its customer was promised."""

    def __init__(self, word: str, writer: Visitor | SignedProgram) -> None:
        self.word = word
        self.writer = writer
        self.acknowledged: dict[int, set[str]] = defaultdict(set)
        """By the message's number: the ids under which it was acknowledged."""

    @property
    def key(self) -> str:
        """The channel's key of the conversation."""
        return self.writer.conversation

    @property
    def by_callback(self) -> bool:
        """Its answers are posted to a program, not read by a browser."""
        return isinstance(self.writer, SignedProgram)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How customers write."""

    messages: int = 40
    """So many in a conversation; then a customer begins a new one."""
    repeats: float = 0.0
    """How likely a message is delivered once more later, behind newer ones."""
    swaps: float = 0.0
    """How likely a message and the next one are sent at the same moment, the second first."""


class Load:
    """Some customers at once, half of them visitors, half of them programs."""

    def __init__(
        self,
        http: Http,
        model: ListeningModel,
        *,
        customers: int,
        chance: random.Random,
        habits: Habits = Habits(),
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Say who writes where.

        Args:
            http: how to reach the bot.
            model: shows who has been read.
            customers: how many write at once.
            chance: decides who repeats what how often.
            habits: how they write.
            enough: once it says so, nobody goes on after their first conversation.
        """
        self.conversations: list[Conversation] = []
        self.duplicates = 0
        """Messages that were sent although they had been, or may have been, sent before."""
        self._http = http
        self._model = model
        self._customers = customers
        self._chance = chance
        self._habits = habits
        self._enough = enough
        self._stop = asyncio.Event()
        self._acknowledged = 0
        self._news = asyncio.Condition()

    @property
    def accepted(self) -> int:
        """How many messages were acknowledged, each counted once."""
        return sum(len(c.acknowledged) for c in self.conversations)

    async def run(self) -> None:
        """Write until ``stop``, then see to it that all that was begun is acknowledged."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._customers):
                group.create_task(self._customer(number))

    def stop(self) -> None:
        """Begin nothing new."""
        self._stop.set()

    async def progress(self, acknowledgements: int) -> None:
        """Wait until so many more requests were acknowledged."""
        target = self._acknowledged + acknowledgements
        async with self._news:
            await self._news.wait_for(lambda: self._acknowledged >= target)

    async def _customer(self, number: int) -> None:
        async with asyncio.TaskGroup() as copies:
            await self._converse(number, copies, self._stop.is_set)
            while not self._is_over():
                await self._converse(number, copies, self._is_over)

    def _is_over(self) -> bool:
        return self._stop.is_set() or self._enough()

    async def _converse(self, number: int, copies: asyncio.TaskGroup, is_over: Callable[[], bool]) -> None:
        word = "k" + "".join(self._chance.choices("bcdfghjlmnpqrstvwxz", k=5)) + str(number)
        writer: Visitor | SignedProgram
        if number % 2:
            writer = await self._http.visitor(name=f"Customer {number}")
        else:
            writer = SignedProgram(self._http, f"ticket-{word}")
        conversation = Conversation(word, writer)
        self.conversations.append(conversation)
        written = 0
        while written < self._habits.messages and not is_over():
            now = [written + 1]
            if written + 2 <= self._habits.messages and self._chance.random() < self._habits.swaps:
                now = [written + 2, written + 1]
            await self._write(conversation, now, copies)
            written += len(now)
            await self._read_up_to(word, written - _AHEAD)

    async def _read_up_to(self, word: str, number: int) -> None:
        if number < 1:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOKS_AWAY):
                await self._model.asked(word, number)

    async def _write(self, conversation: Conversation, numbers: list[int], copies: asyncio.TaskGroup) -> None:
        """Send messages one to three times at once; go on when each was acknowledged once."""
        firsts = []
        for number in numbers:
            sending = _Sending(uuid4().hex, f"{marker(conversation.word, number)} where is my parcel?")
            self.duplicates -= 1  # one of them is none
            for _ in range(self._chance.choice([1, 1, 2, 3])):
                copies.create_task(self._send(conversation, number, sending))
            if self._chance.random() < self._habits.repeats:
                pause = self._chance.uniform(0.1, 3.0)
                copies.create_task(self._send(conversation, number, sending, after=pause))
            firsts.append(sending.first.wait())
        for first in firsts:
            await first

    async def _send(
        self, conversation: Conversation, number: int, sending: _Sending, *, after: float = 0.0
    ) -> None:
        await asyncio.sleep(after)
        tries = Tries()
        answer = await insist(conversation.writer, self._http.program, sending.id, sending.text, tries)
        self.duplicates += tries.sent
        conversation.acknowledged[number].add(answer.body["message_id"])
        sending.first.set()
        async with self._news:
            self._acknowledged += 1
            self._news.notify_all()


@dataclass(frozen=True, slots=True)
class _Sending:
    """A message on its way."""

    id: str
    text: str
    first: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it was acknowledged for the first time."""


class Follower:
    """A browser tab: reads one conversation's events, and comes again after the last one it got."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.seqs: list[int] = []
        """The numbers of the messages it was shown, in order."""
        self.returns = -1
        """How often it had to come again."""
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await self.visitor.http.program.up()
            self.returns += 1
            try:
                async with self.visitor.follow(self.seqs[-1] if self.seqs else 0) as response:
                    await self._read(response)
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.05)

    async def reached(self, seq: int) -> None:
        """Wait until it was shown a message."""
        async with self._news:
            await self._news.wait_for(lambda: bool(self.seqs) and self.seqs[-1] >= seq)

    async def _read(self, response: Any) -> None:
        async for line in response.content:
            if line.startswith(b"id: "):
                async with self._news:
                    self.seqs.append(int(line[4:]))
                    self._news.notify_all()
