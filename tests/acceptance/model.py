"""A model that listens: it checks every prompt it gets, and says which messages its answer is for.

Each message of a conversation carries a *marker*, the conversation's word and the message's number, as in
``kestrel7-3``. From the markers in a request the model knows what the prompt should have held.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MARKER = re.compile(r"\b(k[a-z]+\d+)-(\d+)\b")


def marker(word: str, number: int) -> str:
    """Return what marks a conversation's message of that number, the first being 1."""
    return f"{word}-{number}"


def markers(text: str) -> list[tuple[str, int]]:
    """Return the markers in a text, in order."""
    return [(word, int(number)) for word, number in MARKER.findall(text)]


@dataclass(frozen=True)
class Call:
    """A request for an answer."""

    body: dict[str, Any]
    headers: dict[str, str]
    word: str
    """Whose conversation it is; empty without markers."""
    asked: list[int]
    """The numbers of the messages to be answered: those after the last answer."""

    @property
    def text(self) -> str:
        """All that the model was told."""
        return "\n".join(message["content"] for message in self.body["messages"])


class ListeningModel:
    """An OpenAI-compatible endpoint on a free port: an async context manager."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.wrong: list[str] = []
        """What was wrong with the prompts or with when they came."""
        self.before: Callable[[Call], Awaitable[None]] | None = None
        """Awaited before each answer."""
        self._seen: dict[str, int] = defaultdict(int)  # word -> highest number asked about
        self._at_work: Counter[str] = Counter()
        self._news = asyncio.Condition()
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", self._chat)
        # The handler is cancelled when its client goes away: a killed bot's calls have ended.
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=4096).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def asked(self, word: str, number: int) -> None:
        """Wait until an answer to this message, or a later one, was asked for."""
        async with self._news:
            await self._news.wait_for(lambda: self._seen[word] >= number)

    async def asked_times(self, number: int) -> None:
        """Wait until there were so many calls."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.calls) >= number)

    def asked_about(self, text: str) -> int:
        """Return in how many calls the newest words held this text."""
        return sum(text in call.body["messages"][-1]["content"] for call in self.calls)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        call = self._understand(await request.json(), dict(request.headers))
        if self._at_work[call.word] and call.word:
            self.wrong.append(f"two calls at once for {call.word}")
        self._at_work[call.word] += 1
        try:
            async with self._news:
                self.calls.append(call)
                self._seen[call.word] = max([self._seen[call.word], *call.asked])
                self._news.notify_all()
            if self.before is not None:
                await self.before(call)
            return await _answer(request, call)
        finally:
            self._at_work[call.word] -= 1

    def _understand(self, body: dict[str, Any], headers: dict[str, str]) -> Call:
        said = [(m["role"], markers(m["content"])) for m in body["messages"]]
        customers = [found for role, of_one in said if role == "user" for found in of_one]
        answered = [found for role, of_one in said if role == "assistant" for found in of_one]
        words = {word for word, _ in customers + answered}
        if not words:
            return Call(body, headers, "", [])
        word = customers[-1][0]
        numbers, done = [n for _, n in customers], [n for _, n in answered]
        if len(words) > 1:
            self.wrong.append(f"cross-talk: {sorted(words)} in one prompt")
        if numbers != list(range(1, len(numbers) + 1)):
            self.wrong.append(f"{word}: the prompt holds the messages {numbers}")
        if done != list(range(1, len(done) + 1)) or len(done) >= len(numbers):
            self.wrong.append(f"{word}: the prompt holds the answers {done} to {numbers}")
        return Call(body, headers, word, numbers[len(done) :])


async def _answer(request: web.Request, call: Call) -> web.StreamResponse:
    text = "re " + (" ".join(marker(call.word, number) for number in call.asked) or "that")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    pieces = [({"role": "assistant", "content": text[:3]}, None), ({"content": text[3:]}, "stop")]
    for delta, reason in pieces:
        chunk = {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response
