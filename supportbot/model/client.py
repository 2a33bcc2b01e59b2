"""A model behind an HTTP endpoint: the ``Model`` that asks it, with deadlines, retries and a breaker.

What it promises:

- An answer is complete or it is none. It ended with a known stop reason that means an end, and it holds
  text. An answer that was cut off at ``max_tokens`` is *not* complete: the sentence that is missing may
  be the one that matters ("… but not if the parcel was opened").
- Nothing is tried again once a word was received, and never more than ``attempts`` times in all.
- Every wait has an end: to connect, for the first word, between two pieces, in all.
- Cancelling closes the connection at once, so that the endpoint stops writing.
- The API key is in no error and no log line.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from supportbot.messages import Answer
from supportbot.model.breaker import Breaker
from supportbot.model.exchange import Exchange
from supportbot.model.failures import Explainer, Failure
from supportbot.model.llama import LlamaCodec
from supportbot.model.openai import OpenAICodec
from supportbot.model.output import StreamCleaner

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.config.models import ModelSection
    from supportbot.messages import Prompt
    from supportbot.model.base import Sink
    from supportbot.model.wire import Codec, Reply

_FIRST_DELAY = 0.5  # seconds; doubles with every attempt
_LONGEST_DELAY = 8.0
_LONGEST_WAIT = 60.0  # the longest Retry-After that is honoured

_UNUSABLE = {
    "length": "the answer was cut off at max_tokens",
    "tool_calls": "it asked for a tool, and none was offered",
    "content_filter": "the endpoint's content filter stopped the answer",
}


@dataclass(slots=True)
class Figures:
    """What an endpoint was asked and gave, counted since the start."""

    calls: int = 0
    """Answers that were wanted."""
    attempts: int = 0
    """Requests that were sent for them."""
    answers: int = 0
    failures: int = 0
    skipped: int = 0
    """Calls that the breaker kept away from it; they count as failures too."""
    prompt_tokens: int = 0
    completion_tokens: int = 0


def codec_of(section: ModelSection) -> Codec:
    """Return the translator of the section's dialect."""
    return LlamaCodec() if section.dialect == "llama" else OpenAICodec()


class Endpoint:
    """One entry of ``model:`` in bot.yaml as a ``Model``."""

    def __init__(
        self,
        section: ModelSection,
        *,
        connections: int = 1000,
        breaker: Breaker | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Prepare to ask; nothing is connected yet.

        Args:
            section: what to ask, and how long to wait.
            connections: how many requests may be open at once.
            breaker: its own by default.
            jitter: gives numbers from 0 to 1, by which waiting times are multiplied.
        """
        self.name = section.label
        self.figures = Figures()
        self._section = section
        self._codec = codec_of(section)
        self._breaker = breaker or Breaker()
        self._last_cause = ""
        self._jitter = jitter
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._explainer = Explainer(section.api_key.get_secret_value() if section.api_key else "")
        self._url = (section.base_url or self._codec.default_base_url).rstrip("/") + self._codec.path

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer, writing to ``live`` as the words come. See ``Model``; errors of ``live`` pass through."""
        self.figures.calls += 1
        try:
            answer = await self._within_total(prompt, live)
        except Failure as failure:
            self.figures.failures += 1
            raise failure.error(self.name) from None  # the chain may hold request headers, and so the key
        self.figures.answers += 1
        self.figures.prompt_tokens += answer.usage.prompt_tokens or 0
        self.figures.completion_tokens += answer.usage.completion_tokens or 0
        return answer

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _within_total(self, prompt: Prompt, live: Sink) -> Answer:
        if resting := self._breaker.resting():
            self.figures.skipped += 1
            cause = f"it is left alone for {resting:.0f} s more after failing: {self._last_cause}"
            raise Failure(cause, retry=True)
        seconds = self._section.total_timeout
        try:
            async with asyncio.timeout(seconds) as total:
                answer = await self._with_attempts(prompt, live)
        except TimeoutError:
            if not total.expired():
                raise  # not ours: it comes from ``live``
            raise self._judged(Failure(f"no complete answer within {seconds:g} s", retry=True)) from None
        except Failure as failure:
            raise self._judged(failure) from None
        self._breaker.succeeded()
        return answer

    async def _with_attempts(self, prompt: Prompt, live: Sink) -> Answer:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._section.total_timeout
        for attempt in range(1, self._section.attempts):
            try:
                return await self._attempt(prompt, live)
            except Failure as failure:
                delay = self._delay(attempt, failure)
                if not failure.retry or delay is None or loop.time() + delay >= end:
                    raise
            await asyncio.sleep(delay)
        return await self._attempt(prompt, live)

    async def _attempt(self, prompt: Prompt, live: Sink) -> Answer:
        self.figures.attempts += 1
        cleaner = StreamCleaner()
        shown: list[str] = []

        async def take(text: str) -> None:
            await show(cleaner.feed(text))

        async def show(text: str) -> None:
            if text:
                shown.append(text)
                await live.append(text)

        exchange = Exchange(self._open_session(), self._url, self._codec, self._section, self._explainer)
        await exchange.ask(prompt, take)
        _ensure_complete(exchange.reply)
        await show(cleaner.flush())
        if not shown:
            raise Failure("the answer was empty", unusable=True)
        return Answer(
            prompt=prompt,
            text="".join(shown),
            model=self.name,
            stop_reason=exchange.reply.stop_reason,
            usage=exchange.reply.usage,
        )

    def _delay(self, attempt: int, failure: Failure) -> float | None:
        """Return the seconds to wait before the next attempt; None when the endpoint asks for too many."""
        jitter = self._jitter()
        if failure.retry_after is None:
            return jitter * min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (attempt - 1))
        if failure.retry_after > _LONGEST_WAIT:
            return None
        return failure.retry_after + jitter * _FIRST_DELAY

    def _judged(self, failure: Failure) -> Failure:
        """Tell the breaker what a failure says about the endpoint."""
        if failure.endpoint_is_down:
            self._last_cause = failure.cause
            self._breaker.failed(pause=min(failure.retry_after or 0.0, _LONGEST_WAIT))
        else:
            self._breaker.succeeded()
        return failure

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                # Waiting for bytes has our own deadlines; aiohttp's total would end long answers.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._section.connect_timeout),
                cookie_jar=aiohttp.DummyCookieJar(),  # nothing is carried from one customer to another
            )
        return self._session


def _ensure_complete(reply: Reply) -> None:
    """Raise unless the reply ended properly, with a known stop reason that means an end."""
    if reply.stop_reason != "stop":
        cause = _UNUSABLE.get(reply.stop_reason, "the answer ended for a reason that is not known")
        raise Failure(cause, unusable=True)
    if reply.tool_calls:
        raise Failure(_UNUSABLE["tool_calls"], unusable=True)
