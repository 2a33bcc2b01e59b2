"""What a page holds after any number of broken connections is what was said, letter by letter."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.channels.webhook.driver import Event, Events, Site, Visitor

BREAKS = 1000
PIECES = [
    "Grüße 👋🏽",
    " aus",
    "\n\n",
    "**Utrecht**",
    "\u2028",
    "\r\n",
    " data: x",
    "\n\nevent: y\n",
    "\\",
    '"',
    "ü" * 40,
]


@dataclass
class Page:
    """What a page knows, by the rules of docs/webhook.md."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    writing: dict[str, str] = field(default_factory=dict)
    """What an answer's pieces have made so far, by turn."""

    @property
    def shown(self) -> str:
        """The answer that is being written."""
        return "".join(self.writing.values())

    def take(self, event: Event) -> None:
        match event.name:
            case "message":
                assert len(self.messages) + 1 == event.data["seq"] == event.id
                self.messages.append(event.data)
                if event.data["author"] != "customer":
                    self.writing.clear()
            case "typing":
                self.writing.pop(event.data["turn"], None)
            case "delta":
                turn, offset, text = event.data["turn"], event.data["offset"], event.data["text"]
                before = self.writing.get(turn, "") if offset else ""
                if offset == len(before):
                    self.writing[turn] = before + text


class Tab:
    """A page, and the connection that it has at the moment."""

    def __init__(self, visitor: Visitor) -> None:
        self.page = Page()
        self._visitor = visitor
        self._stack = AsyncExitStack()
        self._events: Events

    async def connect(self) -> None:
        """Break the connection off, wherever it is, and come again as a browser does."""
        await self._stack.aclose()
        last = str(len(self.page.messages)) if self.page.messages else None
        self._events = await self._stack.enter_async_context(self._visitor.follow(last_event_id=last))

    async def shows(self, text: str) -> None:
        """Read until the page shows an answer as far as it is written; never anything but its beginning."""
        while self.page.shown != text:
            self.page.take(await self._events.next())
            assert text.startswith(self.page.shown)

    async def has(self, messages: int) -> None:
        """Read until the page has so many messages."""
        while len(self.page.messages) < messages:
            self.page.take(await self._events.next())

    async def close(self) -> None:
        await self._stack.aclose()


async def test_a_page_that_breaks_off_again_and_again_misses_nothing(site: Site, visitor: Visitor) -> None:
    """After each of a thousand broken connections it shows what is written; in the end, what is stored."""
    chance = random.Random(20256)
    tab = Tab(visitor)
    breaks = said = 0
    while breaks < BREAKS:
        await visitor.say("And?")
        await tab.connect()
        said += 1
        site.core.begin(visitor.conversation)
        text = ""
        for piece in chance.choices(PIECES, k=30):
            if chance.random() < 0.8:
                breaks += 1
                await tab.connect()
            site.core.delta(visitor.conversation, piece)
            text += piece
            await tab.shows(text)
        if chance.random() < 0.5:  # it is stored while nobody reads
            await tab.close()
            site.core.reply(visitor.conversation, text)
            await tab.connect()
        else:
            site.core.reply(visitor.conversation, text)
        said += 1
        await tab.has(said)
        assert text == tab.page.messages[-1]["text"]
    await tab.close()
    stored = (await visitor.read(limit=200)).body["messages"]
    assert [(m["seq"], m["id"], m["text"]) for m in stored] == [
        (m["seq"], m["id"], m["text"]) for m in tab.page.messages
    ]
