"""A model behind an HTTP endpoint: the ``Model`` that asks it, with deadlines, retries, a gate and a breaker.

What it promises:

- An answer is complete or it is none. It ended with a known stop reason that means an end, and it holds
  text, or tool calls where tools were offered. An answer that was cut off at ``max_tokens`` is *not*
  complete: the sentence that is missing may be the one that matters ("… but not if the parcel was
  opened"), and a tool call may be cut off where its arguments still make sense.
- Nothing is tried again once a word was received, and never more than ``attempts`` times in all.
- Every wait has an end: to be let through, to connect, for the first word, between two pieces, in all.
- All conversations together stay within what the endpoint allows. A wait that cannot end in time is refused
  at once, so that the next model can be asked.
- A prompt that is too long for the model is tried once more with less history.
- What only the operator can mend is never tried again, and stands in ``problem`` until the endpoint answers.
- Cancelling closes the connection at once, so that the endpoint stops writing.
- The API key is in no error and no log line.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from supportbot import holding
from supportbot.errors import Fenced, ModelOverBudget
from supportbot.history import cost
from supportbot.messages import Answer, ToolCall
from supportbot.model.allowance import LONGEST_PAUSE
from supportbot.model.breaker import Breaker
from supportbot.model.catalogue import Catalogue
from supportbot.model.exact import Exact
from supportbot.model.exchange import Exchange
from supportbot.model.failures import Explainer, Failure
from supportbot.model.gate import Busy, Gate
from supportbot.model.llama import LlamaCodec
from supportbot.model.openai import OpenAICodec
from supportbot.model.output import StreamCleaner
from supportbot.model.overflow import fitted, shorter, unseen
from supportbot.model.price import used
from supportbot.model.quota import OwnQuota
from supportbot.model.scale import Scale
from supportbot.storable import clean_text
from supportbot.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supportbot.config.models import ModelSection
    from supportbot.messages import Prompt
    from supportbot.model.base import Counts, Purse, Sink
    from supportbot.model.failures import Outcome
    from supportbot.model.quota import Permit, Quota
    from supportbot.model.wire import Codec, Reply
    from supportbot.usage import Usage

_FIRST_DELAY = 0.5  # seconds; doubles with every attempt
_LONGEST_DELAY = 8.0
_LONGEST_WAIT = 60.0  # the longest Retry-After that a customer waits for
_SHORT_PAUSE = 30.0  # seconds; being asked to wait that long is a busy endpoint's everyday life
_LEAST_LEFT = 1.0  # seconds of the total time that an answer needs after a wait, or a tenth of it

_UNUSABLE = {
    "length": "the answer was cut off at max_tokens",
    "tool_calls": "it asked for a tool where it had to answer",
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
    """Calls that the breaker or the gate kept away from it; they count as failures too."""
    prompt_tokens: int = 0
    completion_tokens: int = 0


def codec_of(section: ModelSection) -> Codec:
    """Return the translator of the section's dialect."""
    return LlamaCodec() if section.dialect == "llama" else OpenAICodec()


def url_of(section: ModelSection, codec: Codec | None = None) -> str:
    """Return where the section's requests go, in its dialect or another codec."""
    codec = codec or codec_of(section)
    return (section.base_url or codec.default_base_url).rstrip("/") + codec.path


def own_quota(section: ModelSection) -> OwnQuota:
    """Return the section's limits, as one process keeps them that nobody shares the endpoint with."""
    return OwnQuota(requests=section.requests_per_minute, tokens=section.tokens_per_minute)


class Endpoint:
    """One entry of ``model:`` in bot.yaml as a ``Model``."""

    def __init__(
        self,
        section: ModelSection,
        *,
        connections: int = 1000,
        breaker: Breaker | None = None,
        quota: Quota | None = None,
        counts: Counts | None = None,
        purse: Purse | None = None,
        jitter: Callable[[], float] = random.random,
        codec: Codec | None = None,
    ) -> None:
        """Prepare to ask; nothing is connected yet.

        Args:
            section: what to ask, and how long to wait.
            connections: how many requests may be open at once.
            breaker: its own by default.
            quota: what it allows in a minute; by default the section's limits, for this process alone.
            counts: the metrics.
            purse: is asked before a request and told what it used.
            jitter: gives numbers from 0 to 1, by which waiting times are multiplied.
            codec: speaks to it; that of the section's dialect by default.
        """
        self.name = section.label
        self.figures = Figures()
        self._section = section
        self._codec = codec or codec_of(section)
        self._breaker = breaker or Breaker()
        self._gate = Gate(quota or own_quota(section), concurrency=section.concurrency)
        self._counts = counts
        self._purse = purse
        self._refusal = ""  # why it refuses our requests, until it answers again
        self._last_cause = ""
        self._scale = Scale()
        self._exact = Exact(Tokenizer(section.tokenizer), self._scale) if section.tokenizer else None
        self._jitter = jitter
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._explainer = Explainer(section.api_key.get_secret_value() if section.api_key else "")
        self._url = url_of(section, self._codec)
        self._catalogue = Catalogue(self._url.removesuffix(self._codec.path), section, self._explainer)

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer, writing to ``live`` as the words come. See ``Model``; errors of ``live`` pass through."""
        self._ensure_affordable(prompt)
        self.figures.calls += 1
        try:
            prompt = await self._fitted(prompt)
            answer = await self._within_total(prompt, live)
        except Failure as failure:
            self.figures.failures += 1
            if failure.skipped:
                self.figures.skipped += 1
                self._count("skipped", None)
            if failure.refused:
                self._refusal = failure.cause
            raise failure.error(self.name) from None  # the chain may hold request headers, and so the key
        self._refusal = ""
        self._catalogue.forget()
        self.figures.answers += 1
        self.figures.prompt_tokens += answer.usage.prompt_tokens or 0
        self.figures.completion_tokens += answer.usage.completion_tokens or 0
        return answer

    async def _fitted(self, prompt: Prompt) -> Prompt:
        """Make a prompt what this model can read."""
        if not self._section.vision:
            prompt = unseen(prompt)
        if not prompt.whole:
            prompt = fitted(prompt, self.room)
        elif self._exact is None and cost(prompt.words) > self.room:
            raise Failure("it is too long for the model's window", too_long=True)
        return prompt if self._exact is None else await self._exact.fitted(prompt, self._window)

    @property
    def room(self) -> int:
        """What a prompt may cost: the window less the longest answer, in tokens as we estimate them."""
        return self._scale.estimated(self._window)

    @property
    def _window(self) -> int:
        """What a prompt may cost in the model's own tokens."""
        return self._section.context_tokens - self._section.max_tokens

    def problem(self) -> str:
        """Return what keeps it from answering, in one line; empty when nothing is known to."""
        if self._refusal:
            return self._refusal
        if self._breaker.is_open:
            return f"it is left alone after failing: {self._last_cause}"
        paused = self._gate.closed_for()
        return f"it asked to be left alone for {paused:.0f} s more" if paused > _SHORT_PAUSE else ""

    def problems(self) -> Mapping[str, str]:
        """Return its problem by its name, as a chain of models does."""
        return {self.name: self.problem()}

    async def close(self) -> None:
        """Let go of connections, and ask for no more places."""
        self._gate.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _within_total(self, prompt: Prompt, live: Sink) -> Answer:
        seconds = self._section.total_timeout
        end = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(end) as total:
                return await self._with_attempts(prompt, live, end)
        except TimeoutError:
            if not total.expired():
                raise  # not ours: it comes from ``live``
            raise self._judged(Failure(f"no complete answer within {seconds:g} s", retry=True)) from None

    async def _with_attempts(self, prompt: Prompt, live: Sink, end: float) -> Answer:
        loop = asyncio.get_running_loop()
        shortened = False
        for attempt in range(1, self._section.attempts):
            try:
                return await self._attempt(prompt, live, end)
            except Failure as failure:
                may_shorten = failure.too_long and not shortened and not prompt.whole
                less = shorter(prompt) if may_shorten else None
                delay = 0.0 if less else self._delay(attempt, failure)
                may_retry = less is not None or (failure.retry and not self._breaker.closed_for())
                if not may_retry or delay is None or loop.time() + delay >= end:
                    raise
            prompt, shortened = less or prompt, less is not None
            await asyncio.sleep(delay)
        return await self._attempt(prompt, live, end)

    async def _attempt(self, prompt: Prompt, live: Sink, end: float) -> Answer:
        """Send one request, when it is let through."""
        self._ensure_awake(self._breaker.closed_for())
        until = end - min(_LEAST_LEFT, self._section.total_timeout / 10)
        tokens = (prompt.tokens or cost(prompt.words)) + self._section.max_tokens
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with self._gate.place(tokens, until=until) as place:
                if self._counts is not None:
                    self._counts.model_waited(self.name, loop.time() - begun)
                return await self._let_through(prompt, live, end, place)
        except Busy as busy:
            wait = f", the next one in {busy.seconds:.0f} s" if busy.seconds else ""
            raise Failure(f"its limits leave no room in time{wait}", skipped=True) from None

    async def _let_through(self, prompt: Prompt, live: Sink, end: float, place: Permit) -> Answer:
        try:
            self._ensure_awake(self._breaker.resting())  # it may have failed others while this one waited
            _ensure_held(prompt)
        except (Failure, Fenced):
            place.unused()
            raise
        self.figures.attempts += 1
        exchange = Exchange(
            self._open_session(),
            self._url,
            self._codec,
            self._section,
            self._explainer,
            heed=self._gate.heed,
        )
        loop = asyncio.get_running_loop()
        begun = loop.time()
        outcome: Outcome | None = None  # stays so when nobody waits for the answer any more
        shown: list[str] = []
        try:
            answer = await self._ask(exchange, prompt, live, shown)
            outcome = "ok"
        except Failure as failure:
            outcome = failure.outcome
            raise self._judged(await self._cleared_up(failure)) from None
        except asyncio.CancelledError:
            if loop.time() >= end:
                outcome = "cut" if exchange.reply.length else "failed"
            raise
        finally:
            if outcome:
                self._count(outcome, loop.time() - begun)
            self._pay(prompt, exchange.reply, shown)
        self._breaker.succeeded()
        if self._exact is None and not any(entry.images for entry in prompt.words):  # those are another guess
            self._scale.learn(answer.prompt.tokens, answer.usage.prompt_tokens)
        if tokens := _total(answer.usage):
            place.used(tokens)
        return answer

    async def _ask(self, exchange: Exchange, prompt: Prompt, live: Sink, shown: list[str]) -> Answer:
        """Make an answer of one request's reply; ``shown`` is filled with its words as they come."""
        cleaner = StreamCleaner()

        async def take(text: str) -> None:
            await show(cleaner.feed(text))

        async def show(text: str) -> None:
            if text:
                shown.append(text)
                await live.append(text)

        await exchange.ask(prompt, take)
        calls = _complete(exchange.reply, prompt)
        await show(cleaner.flush())
        if not shown and not calls:
            raise Failure("the answer was empty", unusable=True)
        return Answer(
            prompt=prompt,
            text="".join(shown),
            model=self.name,
            stop_reason=exchange.reply.stop_reason,
            tool_calls=calls,
            usage=exchange.reply.usage,
        )

    def _ensure_affordable(self, prompt: Prompt) -> None:
        if self._purse is None:
            return
        if cause := self._purse.refusal(prompt, priced=self._section.price is not None):
            raise ModelOverBudget(model=self.name, cause=cause)

    def _pay(self, prompt: Prompt, reply: Reply, shown: list[str]) -> None:
        """Put a request down, however it ended."""
        if self._purse is not None and (spent := used(self._section, prompt, reply, "".join(shown))):
            self._purse.spent(prompt, spent)

    def _ensure_awake(self, resting: float) -> None:
        if resting:
            cause = f"it is left alone for {resting:.0f} s more after failing: {self._last_cause}"
            raise Failure(cause, skipped=True)

    def _delay(self, attempt: int, failure: Failure) -> float | None:
        """Return the seconds to wait before the next attempt; None when the endpoint asks for too many."""
        jitter = self._jitter()
        if failure.retry_after is None:
            return jitter * min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (attempt - 1))
        if failure.retry_after > _LONGEST_WAIT:
            return None
        return failure.retry_after + jitter * _FIRST_DELAY

    def _judged(self, failure: Failure) -> Failure:
        """Tell breaker and gate what a failure says about the endpoint."""
        if failure.endpoint_is_down:
            self._last_cause = failure.cause
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        if failure.retry_after:
            self._gate.pause(min(failure.retry_after, LONGEST_PAUSE))
        return failure

    async def _cleared_up(self, failure: Failure) -> Failure:
        """When the endpoint says that it has no such model, see which it has."""
        if failure.unknown_model:
            failure.cause = await self._catalogue.explanation(self._open_session()) or failure.cause
        return failure

    def _count(self, outcome: Outcome, seconds: float | None) -> None:
        if self._counts is not None:
            self._counts.model_called(self.name, outcome, seconds)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                # Waiting for bytes has our own deadlines; aiohttp's total would end long answers.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._section.connect_timeout),
                cookie_jar=aiohttp.DummyCookieJar(),  # nothing is carried from one customer to another
            )
        return self._session


def _ensure_held(prompt: Prompt) -> None:
    """Ask for nobody whose turn may be another's by now: that one asks, and two at once must not."""
    if holding.is_over():
        raise Fenced(turn=prompt.turn.id)


def _complete(reply: Reply, prompt: Prompt) -> tuple[ToolCall, ...]:
    """Return the tool calls of a reply that ended properly; raise unless it did.

    Some servers say ``stop`` where they mean ``tool_calls``: what counts is whether there are any.
    """
    may_call = bool(prompt.tools) and not prompt.must_answer
    if reply.stop_reason not in {"stop", "tool_calls"} or (reply.tool_calls and not may_call):
        reason = "tool_calls" if reply.stop_reason == "stop" else reply.stop_reason
        cause = _UNUSABLE.get(reason, "the answer ended for a reason that is not known")
        raise Failure(cause, unusable=True)
    if reply.stop_reason == "tool_calls" and not reply.tool_calls:
        raise Failure("it asked for a tool without naming one", unusable=True)
    return tuple(
        ToolCall(id=clean_text(c.id), name=clean_text(c.name), arguments=clean_text(c.arguments))
        for c in reply.tool_calls
    )


def _total(usage: Usage) -> int:
    """Return all tokens of a request; 0 when the endpoint did not say."""
    return (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
