"""Customers who write without pause and repeat themselves, while somebody pulls the plug."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp

from tests.acceptance.clients import SignedProgram, Tries, Visitor, insist
from tests.acceptance.model import marker

if TYPE_CHECKING:
    import random

    from tests.acceptance.clients import Http
    from tests.acceptance.model import ListeningModel

_AHEAD = 3
"""Messages a customer writes without having been read: more would only make every burst one turn."""

_LONG = 40
"""Messages after which a customer begins a new conversation, so that prompts stay short."""


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
        return isinstance(self.writer, SignedProgram)


class Load:
    """Some customers at once, half of them visitors, half of them programs."""

    def __init__(self, http: Http, model: ListeningModel, *, customers: int, chance: random.Random) -> None:
        """Say who writes where.

        Args:
            http: how to reach the bot.
            model: shows who has been read.
            customers: how many write at once.
            chance: decides who repeats what how often.
        """
        self.conversations: list[Conversation] = []
        self.duplicates = 0
        """Messages that were sent although they had been, or may have been, sent before."""
        self._http = http
        self._model = model
        self._customers = customers
        self._chance = chance
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
            while not self._stop.is_set():
                await self._converse(number, copies)

    async def _converse(self, number: int, copies: asyncio.TaskGroup) -> None:
        word = "k" + "".join(self._chance.choices("bcdfghjlmnpqrstvwxz", k=5)) + str(number)
        writer: Visitor | SignedProgram
        if number % 2:
            writer = await self._http.visitor(name=f"Customer {number}")
        else:
            writer = SignedProgram(self._http, f"ticket-{word}")
        conversation = Conversation(word, writer)
        self.conversations.append(conversation)
        for message in range(1, _LONG + 1):
            if self._stop.is_set():
                return
            await self._write(conversation, message, copies)
            if message > _AHEAD:
                await self._model.asked(word, message - _AHEAD)

    async def _write(self, conversation: Conversation, number: int, copies: asyncio.TaskGroup) -> None:
        """Send a message one to three times at once; go on with the first acknowledgement."""
        message_id, text = uuid4().hex, f"{marker(conversation.word, number)} where is my parcel?"
        first = asyncio.Event()
        count = self._chance.choice([1, 1, 2, 3])

        async def send() -> None:
            tries = Tries()
            answer = await insist(conversation.writer, self._http.program, message_id, text, tries)
            self.duplicates += tries.sent
            conversation.acknowledged[number].add(answer.body["message_id"])
            first.set()
            async with self._news:
                self._acknowledged += 1
                self._news.notify_all()

        self.duplicates -= 1  # one of them is none
        for _ in range(count):
            copies.create_task(send())
        await first.wait()


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
