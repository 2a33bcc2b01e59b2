"""The model client against a fake model server that fails: every fault ends, and the breaker opens."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from supportbot.config.models import ModelSection
from supportbot.errors import ModelError, ModelRefused, ModelUnusable
from supportbot.model.breaker import Breaker
from supportbot.model.client import Endpoint
from supportbot.testing.model_calls import RecordingSink, a_prompt
from supportbot.testing.model_replies import (
    BARE_ERROR,
    DATA_ERROR,
    Dialect,
    ModelReply,
    ToolCallReply,
    problem,
)
from supportbot.testing.model_server import FakeModelServer
from tests.model_calls import ask, both_dialects, endpoint, outcome, raw

if TYPE_CHECKING:
    from collections.abc import Callable


# -- faults ------------------------------------------------------------------------------------


TOOL = ToolCallReply()

SSE = "text/event-stream"

HTML = b"<!doctype html><title>Welcome</title>"


def page(body: bytes, content_type: str, status: int = 200) -> ModelReply:
    return ModelReply(status=status, body=body, content_type=content_type)


FAULTS: dict[str, tuple[ModelReply, type[ModelError], str, int]] = {
    # what the endpoint does: (its reply, the error, a part of its cause, requests that reach it)
    "ends in mid-answer": (ModelReply(fault="end"), ModelError, "ended before", 1),
    "ends at once": (ModelReply(fault="end", fault_after=0), ModelError, "ended before", 3),
    "breaks in mid-answer": (ModelReply(fault="reset"), ModelError, "connection broke", 1),
    "breaks at once": (ModelReply(fault="reset", fault_after=0), ModelError, "connection broke", 3),
    "bare JSON error": (raw(BARE_ERROR), ModelError, "The model went away.", 1),
    "data error": (raw(DATA_ERROR), ModelError, "The model went away.", 1),
    "bare JSON error at once": (raw(BARE_ERROR, after=0), ModelError, "The model went away.", 3),
    "garbage in mid-answer": (raw(b"data: {oops\n\n"), ModelError, "not JSON", 1),
    "broken UTF-8": (raw(b'data: {"\xff\n\n'), ModelError, "not JSON", 1),
    "another shape": (raw(b'data: {"type":"x"}\n\n'), ModelError, "sent something", 1),
    "a line without end": (raw(b"data: " + b"x" * 2_000_000), ModelError, "sent more", 1),
    "no stop reason": (ModelReply(stop_reason=None), ModelError, "ended before", 1),
    "unknown stop reason": (ModelReply(stop_reason="tired"), ModelUnusable, "not known", 1),
    "content filter": (ModelReply(stop_reason="content_filter"), ModelUnusable, "content filter", 1),
    "cut off": (ModelReply(stop_reason="length"), ModelUnusable, "cut off at max_tokens", 1),
    "tool calls": (ModelReply(tool_calls=(TOOL,), stop_reason="tool_calls"), ModelUnusable, "for a tool", 1),
    "tool calls and stop": (ModelReply(tool_calls=(TOOL,)), ModelUnusable, "for a tool", 1),
    "empty": (ModelReply(pieces=()), ModelUnusable, "empty", 1),
    "white space": (ModelReply(pieces=(" \n", "\t", "\u200b")), ModelUnusable, "empty", 1),
    "nothing at all": (page(b"", SSE), ModelError, "ended before", 3),
    "a web page": (page(HTML, "text/html"), ModelError, "web page", 1),
    "a web page named a stream": (page(HTML, SSE), ModelError, "ended", 3),
    "JSON of another kind": (ModelReply(body=b'{"ok":true}'), ModelError, "response holds no", 1),
    "JSON that breaks off": (ModelReply(body=b'{"choices":[{"mess'), ModelError, "not JSON", 1),
    "an error with status 200": (ModelReply(body=b'{"error":{"message":"Busy."}}'), ModelError, "Busy.", 3),
    "429": (problem(429, "Slow down"), ModelError, "HTTP 429: Slow", 3),
    "429 with a wish": (problem(429, "Slow down", retry_after="0"), ModelError, "HTTP 429", 3),
    "429 with a long wish": (problem(429, "Slow down", retry_after="3600"), ModelError, "HTTP 429", 1),
    "408": (problem(408, "Timeout"), ModelError, "HTTP 408", 3),
    "409": (problem(409, "Conflict"), ModelError, "HTTP 409", 3),
    "500 as text": (page(b"oh\n no", "text/plain", 500), ModelError, "500: oh no", 3),
    "503 as a page": (page(b"<h1>Sorry</h1>", "text/html", 503), ModelError, "503: Sorry", 3),
    "204": (ModelReply(status=204, body=b""), ModelRefused, "HTTP 204", 1),
    "400": (problem(400, "Bad Request", "max_tokens is odd"), ModelRefused, "max_tokens is odd", 1),
    "401": (problem(401, "Unauthorized", "Invalid API key"), ModelRefused, "Invalid API key", 1),
    "403": (problem(403, "Forbidden"), ModelRefused, "Forbidden", 1),
    "404": (problem(404, "Not Found"), ModelRefused, "Not Found", 1),
    "422": (problem(422, "Unprocessable"), ModelRefused, "Unprocessable", 1),
    "unknown model": (problem(400, "Bad Request", "Invalid model name"), ModelRefused, "was retired", 1),
    "no models": (ModelReply(body=b'{"object":"list","data":[]}'), ModelRefused, "was retired", 1),
    "nothing left": (ModelReply(body=b"[]"), ModelRefused, "was retired", 1),
}  # fmt: skip


@both_dialects
@pytest.mark.parametrize(("reply", "kind", "cause", "requests"), FAULTS.values(), ids=FAULTS)
async def test_every_fault_ends_in_an_error(
    dialect: Dialect, reply: ModelReply, kind: type[ModelError], cause: str, requests: int
):
    """None shows half an answer as a whole one, and no more is tried than was configured."""
    result, server = await ask(reply, dialect=dialect, attempts=3)
    assert (kind, requests) == (result.kind, len(server.requests))
    assert cause in str(result.error)
    assert kind is ModelError or not result.error.retryable


STALLS = {
    "before the headers": (ModelReply(first_delay=30), "no word within 0.2 s", 2),
    "before the first word": (ModelReply(fault="stall", fault_after=0), "no word within 0.2 s", 2),
    "pings before the first word": (ModelReply(fault="pings", fault_after=0), "no word within 0.2 s", 2),
    "pings in mid-answer": (ModelReply(fault="pings"), "nothing more came for 0.2 s", 1),
    "in mid-answer": (ModelReply(fault="stall"), "nothing more came for 0.2 s", 1),
}


@both_dialects
@pytest.mark.parametrize(("reply", "cause", "requests"), STALLS.values(), ids=STALLS)
async def test_every_stall_has_an_end(dialect: Dialect, reply: ModelReply, cause: str, requests: int):
    """For the first word and between two pieces; the server sees that nobody waits any more."""
    async with FakeModelServer(reply) as server:
        model = endpoint(server, dialect, attempts=2, first_token_timeout=0.2, idle_timeout=0.2)
        result = await outcome(model)
        async with asyncio.timeout(5):
            for request in server.requests:
                await request.ended.wait()
    assert (ModelError, [True] * requests) == (result.kind, [r.aborted for r in server.requests])
    assert cause in str(result.error)


async def test_all_tries_together_have_an_end():
    """Answers that drip for ever are cut off, and so are tries that would take too long."""
    dripping = ModelReply(pieces=("x ",) * 1000, delay=0.05)
    result, _ = await ask(dripping, total_timeout=0.3)
    assert "no complete answer within 0.3 s" in str(result.error)
    waiting, server = await ask(problem(429, "Slow down", retry_after="5"), total_timeout=3.0)
    assert ("HTTP 429: Slow down" in str(waiting.error), 1) == (True, len(server.requests))


async def test_an_unreachable_endpoint_is_an_error():
    """Nobody listens at the address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        model = Endpoint(ModelSection(model="m", base_url=url), jitter=lambda: 0.0)
        result = await outcome(model)
    assert (ModelError, 3) == (result.kind, model.figures.attempts)
    assert "the request failed: ClientConnectorError" in str(result.error)


async def test_a_slow_customer_is_not_the_models_fault():
    """The time that the sink takes does not count as the model's silence."""
    async with FakeModelServer(ModelReply(pieces=("One ", "two ", "three."))) as server:
        model = endpoint(server, "openai", idle_timeout=0.1)
        answer = await model.complete(a_prompt(), SlowSink())
        await model.close()
    assert "One two three." == answer.text


@both_dialects
async def test_tokens_without_end_are_cut_off(dialect: Dialect):
    """More than max_tokens could ever be: the connection is closed."""
    endless = ModelReply(pieces=("word " * 200,) * 5000)
    async with FakeModelServer(endless) as server:
        result = await outcome(endpoint(server, dialect, max_tokens=16))
        async with asyncio.timeout(5):
            await server.requests[0].ended.wait()
    assert (ModelUnusable, True) == (result.kind, server.requests[0].aborted)
    assert "longer than max_tokens allows" in str(result.error)


async def test_a_body_without_end_is_not_read():
    """The same when it is not streamed; and of an error no more than the beginning."""
    whole, _ = await ask(ModelReply(pieces=("word " * 200_000,)), stream=False, max_tokens=16)
    error, _ = await ask(ModelReply(status=400, body=b"x" * 5_000_000))
    assert (ModelUnusable, ModelRefused) == (whole.kind, error.kind)
    assert 400 > len(str(error.error))


@both_dialects
async def test_a_retired_service_is_explained(dialect: Dialect):
    """Once and for all: no retry, one clear sentence."""
    async with FakeModelServer(retired=True) as server:
        result = await outcome(endpoint(server, dialect))
    assert "the service was retired" in str(result.error)
    assert "check 'base_url' and 'model' in bot.yaml" in str(result.error)


# -- cancelling --------------------------------------------------------------------------------


@both_dialects
@pytest.mark.parametrize(
    "reply",
    [ModelReply(first_delay=30), ModelReply(fault="stall", fault_after=0), ModelReply(fault="stall")],
    ids=["before the headers", "before the first word", "in mid-answer"],
)
async def test_cancelling_closes_the_connection_at_once(dialect: Dialect, reply: ModelReply):
    """The server sees it while the client is still there."""
    async with FakeModelServer(reply) as server:
        model = endpoint(server, dialect)
        asked = asyncio.create_task(model.complete(a_prompt(), RecordingSink()))
        request = await server.request(1)
        asked.cancel()
        async with asyncio.timeout(5):
            await request.ended.wait()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await model.close()
    assert (True, 1) == (request.aborted, len(server.requests))


class SlowSink(RecordingSink):
    """Takes its time with every piece."""

    async def append(self, text: str) -> None:
        await asyncio.sleep(0.3)
        await super().append(text)


class FailingSink(RecordingSink):
    """Raises at the first word."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def append(self, text: str) -> None:
        raise self.error


@pytest.mark.parametrize("error", [TimeoutError("mine"), OSError("mine"), ValueError("mine")], ids=repr)
async def test_the_sinks_own_errors_pass_through(error: Exception):
    """They are not the model's fault; the connection is closed all the same."""
    async with FakeModelServer(ModelReply(pieces=("One ", "two "), fault="stall")) as server:
        model = endpoint(server, "openai")
        with pytest.raises(type(error), match="mine"):
            await model.complete(a_prompt(), FailingSink(error))
        async with asyncio.timeout(5):
            await server.requests[0].ended.wait()
        await model.close()
    assert (True, 0) == (server.requests[0].aborted, model.figures.failures)


# -- the breaker -------------------------------------------------------------------------------


@pytest.fixture
def clock() -> tuple[list[float], Callable[[], float]]:
    """A time that a test sets, and the clock that tells it."""
    time = [100.0]
    return time, lambda: time[0]


def test_the_breaker_opens_after_failures_in_a_row(clock: tuple[list[float], Callable[[], float]]):
    """It then lets one call try per rest, until one succeeds."""
    time, tell = clock
    breaker = Breaker(failures=2, rest=10, clock=tell)
    breaker.failed()
    assert 0.0 == breaker.resting()
    breaker.failed()
    assert 10.0 == breaker.resting()
    time[0] += 10
    assert (0.0, 10.0) == (breaker.resting(), breaker.resting())
    breaker.succeeded()
    assert (0.0, 0.0) == (breaker.resting(), breaker.resting())


def test_to_look_at_the_breaker_changes_nothing(clock: tuple[list[float], Callable[[], float]]):
    """The one call that may try is whoever asks last, just before sending."""
    time, tell = clock
    breaker = Breaker(failures=1, rest=10, clock=tell)
    breaker.failed()
    time[0] += 10
    assert [0.0, 0.0, True] == [breaker.closed_for(), breaker.closed_for(), breaker.is_open]
    assert [0.0, 10.0] == [breaker.resting(), breaker.closed_for()]


async def test_an_endpoint_that_is_down_is_left_alone():
    """After two failures in a row nothing more is sent; the caller hears of it at once."""
    async with FakeModelServer(problem(500, "Oh")) as server:
        model = endpoint(server, "openai", breaker=Breaker(failures=2, rest=60), attempts=1)
        errors = [(await outcome(model)).error for _ in range(3)]
    assert (2, 1, 3) == (len(server.requests), model.figures.skipped, model.figures.failures)
    assert "it is left alone for 60 s more after failing: HTTP 500: Oh" in str(errors[2])


@pytest.mark.parametrize(
    "reply", [problem(400, "Bad Request"), ModelReply(pieces=())], ids=["a bad request", "an empty answer"]
)
async def test_a_requests_own_fault_is_not_held_against_the_endpoint(reply: ModelReply):
    """Another customer's question may well be answered."""
    async with FakeModelServer(reply) as server:
        model = endpoint(server, "openai", breaker=Breaker(failures=1, rest=60))
        for _ in range(3):
            await outcome(model)
    assert 3 == len(server.requests)
