"""A model whose answers a test speaks word by word."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable


class TalkingModel:
    """An OpenAI-compatible endpoint on a free port: an async context manager.

    Without ``answer`` every request is answered by what ``say`` brings until ``finish``; with it, at once.
    """

    def __init__(self) -> None:
        self.answer: str | None = None
        self.echoes = False
        """Answer with what was asked, a few characters at a time."""
        self.clock: tuple[int, float] | None = None
        """Say the time instead: how many words, and how many seconds lie between two."""
        self.requests: list[dict[str, Any]] = []
        self._words: asyncio.Queue[str | None] = asyncio.Queue()
        self._ended = 0
        self._news = asyncio.Condition()
        self._asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def asked(self) -> dict[str, Any]:
        """Wait for the next request and return it."""
        return await self._asked.get()

    async def answered(self, count: int) -> None:
        """Wait until so many answers were given."""
        async with self._news:
            await self._news.wait_for(lambda: self._ended >= count)

    def say(self, *words: str) -> None:
        """Let the answer go on. The bot holds back the last word until the next one comes."""
        for word in words:
            self._words.put_nowait(word)

    def finish(self) -> None:
        """Let the answer end."""
        self._words.put_nowait(None)

    def forget(self) -> None:
        """Leave out what was not said yet."""
        self._words = asyncio.Queue()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self._asked.put_nowait(body)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if self.echoes:
            text = str(body["messages"][-1]["content"])
            for at in range(0, len(text), 7):
                await _send(response, [text[at : at + 7]])
        elif self.clock is not None:
            words, pause = self.clock
            for _ in range(words):
                await _send(response, [f"{_time_in_letters()} "])
                await asyncio.sleep(pause)
        elif self.answer is not None:
            await _send(response, [self.answer])
        else:
            while (word := await self._words.get()) is not None:
                await _send(response, [word])
        await response.write(_event({}, finish_reason="stop") + b"data: [DONE]\n\n")
        async with self._news:
            self._ended += 1
            self._news.notify_all()
        return response


def _time_in_letters() -> str:
    """Return Unix milliseconds with a for 0 to j for 9: the bot holds digits back, which could be a card's."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(int(time.time() * 1000)))


async def _send(response: web.StreamResponse, words: Iterable[str]) -> None:
    await response.write(b"".join(_event({"content": word}) for word in words))


def _event(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "test-model",
        "choices": [choice],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"
