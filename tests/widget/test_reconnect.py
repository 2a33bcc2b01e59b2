"""The network as it is at its worst: streams are cut, again and again, wherever it happens to hurt."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from playwright.async_api import Locator

    from tests.widget.stage import Stage

DISCONNECTS_VARIABLE = "SUPPORTBOT_TEST_DISCONNECTS"
_STREAM = b"GET /channels/web/conversation/events"
_WORDS = [
    "once",
    "upon",
    "a",
    "time",
    "Äpfel",
    "straße",
    "naïve",
    "你好",
    "مرحبا",
    "שלום",
    "😀",
    "👩\u200d👩\u200d👧",
    "é",
    "𝒳",
    "tea",
]


class CuttingProxy:
    """Passes TCP on, and ends every event stream after a few reads: an async context manager."""

    def __init__(self, port: int, chance: random.Random) -> None:
        self.cuts = 0
        self.calm = asyncio.Event()
        self._to = port
        self._chance = chance
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        streams = asyncio.Event()

        async def up() -> None:
            while data := await reader.read(1 << 16):
                if _STREAM in data:
                    streams.set()
                back.write(data)

        async def down() -> None:
            left = self._chance.randint(0, 6)  # reads; the first brings all that is written so far
            while data := await there.read(1 << 16):
                if streams.is_set() and not self.calm.is_set():
                    if left == 0:  # in the middle of an event, of a character, of the headers
                        writer.write(data[: self._chance.randint(0, len(data))])
                        self.cuts += 1
                        if self._chance.random() < 0.5:
                            writer.transport.abort()  # what was written may be lost
                        return
                    left -= 1
                writer.write(data)

        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        with suppress(ConnectionError):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for each in (writer, back):
            each.close()


async def test_answers_survive_their_stream_being_cut(here: Stage) -> None:
    """However often the stream is cut while answers are written: what is read in the end is what is stored, byte for
    byte; on the way there it was the beginning of it, and no message is there twice."""
    wanted = int(os.environ.get(DISCONNECTS_VARIABLE, "60"))
    chance = random.Random(6)
    async with CuttingProxy(int(here.program.url.rpartition(":")[2]), chance) as proxy:
        here.site.bot = f"http://127.0.0.1:{proxy.port}/channels/web/"
        visitor = await here.visitor()
        await visitor.open()
        texts: list[str] = []
        while proxy.cuts < wanted:
            question = f"Tell me story {len(texts)}"
            await visitor.write(question)
            await here.model.asked()
            bubble = visitor.chat.locator(".row.bot .bubble:not(.typing)").nth(len(texts) // 2 + 1)
            answer = await _tell(here, bubble, chance, proxy, cuts=min(wanted, proxy.cuts + 50))
            await visitor.chat.get_by_role("button", name="Copy").nth(len(texts) // 2).wait_for()
            assert answer == await bubble.text_content()
            texts += [question, answer]
        proxy.calm.set()
        stored = [message["text"] for message in await here.stored(visitor)]
        assert texts == stored
        assert texts == (await visitor.bubbles.all_text_contents())[1:]
        assert [] == visitor.errors
        print(
            f"\n{proxy.cuts} disconnects, {len(stored) // 2} answers, {len(''.join(stored).encode())} bytes: identical"
        )


async def _tell(
    here: Stage, bubble: Locator, chance: random.Random, proxy: CuttingProxy, *, cuts: int
) -> str:
    """Let the model tell a story until there were so many cuts; on the way, what is shown is the beginning of it."""
    said = ""
    while proxy.cuts < cuts:
        word = f"{chance.choice(_WORDS)} "
        said += word
        here.model.say(word)
        await asyncio.sleep(0.02)  # the pace of a model: words come while streams are cut
        if chance.random() < 0.1 and await bubble.count():
            seen = (await bubble.text_content() or "").rstrip()
            assert said.startswith(seen), (seen[-80:], said[max(0, len(seen) - 80) : len(seen)])
    here.model.say("The end.")
    here.model.finish()
    return f"{said}The end."
