"""A model that listens: it checks every prompt it gets, and says which messages its answer is for.

Each message of a conversation carries a *marker*, the conversation's word and the message's number, as in
``kestrel7-3``. From the markers in a request the model knows what the prompt should have held.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from supportbot.testing.model_replies import ModelReply
from supportbot.testing.model_server import ModelRequest, serve_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_HANGS = 1.5
"""Seconds after which a call that hangs is broken off, so that a frozen bot's is over before its lease is."""

MARKER = re.compile(r"\b(k[a-z]+\d+)-(\d+)\b")


def marker(word: str, number: int) -> str:
    """Return what marks a conversation's message of that number, the first being 1."""
    return f"{word}-{number}"


def markers(text: str) -> list[tuple[str, int]]:
    """Return the markers in a text, in order."""
    return [(word, int(number)) for word, number in MARKER.findall(text)]


@dataclass(frozen=True, slots=True)
class Call:
    """A request for an answer."""

    body: dict[str, Any]
    headers: dict[str, str]
    word: str
    """Whose conversation it is; empty without markers."""
    told: tuple[int, ...]
    """The numbers of all the customer's messages in the prompt, in order."""
    asked: tuple[int, ...]
    """The numbers of the messages to be answered: those after the last answer."""

    @property
    def text(self) -> str:
        """All that the model was told."""
        return "\n".join(message["content"] for message in self.body["messages"])


class ListeningModel:
    """An OpenAI-compatible endpoint on a free port: an async context manager."""

    def __init__(self, *, in_order: bool = True, keep: bool = True, ending: str = "") -> None:
        """Say what to expect.

        Args:
            in_order: customers write their messages in order and every one is answered by this model, so that
                a prompt holds the messages 1, 2, 3 … and the answers to them; what differs is ``wrong``.
            keep: keep the requests' bodies too.
            ending: what every answer ends with; an answer without it was cut off.
        """
        self.calls: list[Call] = []
        self.wrong: list[str] = []
        """What was wrong with the prompts."""
        self.overlapping: list[str] = []
        """The words of conversations in which two calls were made at once."""
        self.said: set[str] = set()
        """All answers that were meant to be given, whole."""
        self.before: Callable[[Call], Awaitable[None]] | None = None
        """Awaited before each answer."""
        self.mood: Callable[[ModelReply], ModelReply] = lambda reply: reply
        """Makes of a proper reply the one that is given."""
        self._in_order = in_order
        self._keep = keep
        self._ending = ending
        self._seen: dict[str, int] = defaultdict(int)  # word -> highest number asked about
        self._at_work: dict[str, list[web.Request]] = defaultdict(list)  # by word
        self._news = asyncio.Condition()
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", self._chat)
        # The handler is cancelled when its client goes away: a killed bot's calls have ended.
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=4096).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """What to write as ``base_url`` in bot.yaml."""
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def asked(self, word: str, number: int) -> None:
        """Wait until an answer to this message, or a later one, was asked for."""
        async with self._news:
            await self._news.wait_for(lambda: self._seen[word] >= number)

    async def asked_times(self, number: int) -> None:
        """Wait until there were so many calls."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.calls) >= number)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        call = self._understand(body, dict(request.headers))
        at_work = self._at_work[call.word]
        if call.word and any(map(_is_waited_for, at_work)):
            self.overlapping.append(call.word)
            self.wrong.append(f"{call.word}: two calls at once")
        at_work.append(request)
        try:
            async with self._news:
                self.calls.append(call)
                self._seen[call.word] = max([self._seen[call.word], *call.asked])
                self._news.notify_all()
            if self.before is not None:
                await self.before(call)
            text = f"re {' '.join(marker(call.word, n) for n in call.asked) or 'that'}{self._ending}"
            self.said.add(text)
            reply = self.mood(ModelReply(pieces=(text[:3], text[3:-1], text[-1:]), usage=None))
            return await _give(request, reply, body)
        finally:
            at_work.remove(request)

    def _understand(self, body: dict[str, Any], headers: dict[str, str]) -> Call:
        said = [(m["role"], markers(m["content"])) for m in body["messages"]]
        customers = [found for role, of_one in said if role == "user" for found in of_one]
        answered = [found for role, of_one in said if role == "assistant" for found in of_one]
        words = {word for word, _ in customers + answered}
        kept = body if self._keep else {}
        if not customers:
            return Call(kept, headers, "", (), ())
        word = customers[-1][0]
        last = max((place for place, (role, _) in enumerate(said) if role == "assistant"), default=-1)
        asked = tuple(n for role, of_one in said[last + 1 :] if role == "user" for _, n in of_one)
        told = tuple(number for _, number in customers)
        if len(words) > 1:
            self.wrong.append(f"cross-talk: {sorted(words)} in one prompt")
        if self._in_order:
            self._check_order(word, told, [number for _, number in answered], asked)
        return Call(kept, headers, word, told, asked)

    def _check_order(self, word: str, told: tuple[int, ...], done: list[int], asked: tuple[int, ...]) -> None:
        if list(told) != list(range(1, len(told) + 1)):
            self.wrong.append(f"{word}: the prompt holds the messages {told}")
        if done != list(range(1, len(done) + 1)) or asked != told[len(done) :] or not asked:
            self.wrong.append(f"{word}: the prompt holds the answers {done} to {told}")


def _is_waited_for(request: web.Request) -> bool:
    """Whether somebody still waits for its answer: who hung up and asks again at once makes one call.

    Its handler is told of that a moment later than what has come since is read.
    """
    return request.transport is not None and not request.transport.is_closing()


async def _give(request: web.Request, reply: ModelReply, body: dict[str, Any]) -> web.StreamResponse:
    try:
        async with asyncio.timeout(_HANGS if reply.fault else None):
            return await serve_reply(request, reply, ModelRequest("openai", request.headers.copy(), body))
    except (TimeoutError, ConnectionResetError):  # it hangs, or its client has gone
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
