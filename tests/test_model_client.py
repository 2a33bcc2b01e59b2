"""An endpoint over real HTTP: whatever goes wrong ends in a whole answer or in an error, never in half."""

from __future__ import annotations

import asyncio
import socket
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from supportbot.config.models import ModelSection
from supportbot.errors import ModelError, ModelRefused, ModelUnusable
from supportbot.model.breaker import Breaker
from supportbot.model.client import Endpoint
from supportbot.model.failures import message_of, retry_after
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
from supportbot.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "LLM|1234567890|abcdefghijklmnopqrstuvwxyz"
ANSWER = "It ships tomorrow."
both_dialects = pytest.mark.parametrize("dialect", ["llama", "openai"])


@dataclass
class Outcome:
    """What came of one call: an answer's text or an error, and what was shown meanwhile."""

    text: str = ""
    error: ModelError | None = None
    sink: RecordingSink = field(default_factory=RecordingSink)

    @property
    def kind(self) -> type[ModelError] | None:
        return type(self.error) if self.error else None


def endpoint(
    server: FakeModelServer, dialect: Dialect, breaker: Breaker | None = None, **more: Any
) -> Endpoint:
    section = ModelSection(dialect=dialect, model="test-model", base_url=server.base_url(dialect), **more)
    return Endpoint(section, breaker=breaker, jitter=lambda: 0.0)


async def outcome(model: Endpoint) -> Outcome:
    result = Outcome()
    try:
        answer = await model.complete(a_prompt(), result.sink)
    except ModelError as error:
        result.error = error
    else:
        result.text = answer.text
    finally:
        await model.close()
    return result


async def ask(
    *replies: ModelReply, dialect: Dialect = "openai", **more: Any
) -> tuple[Outcome, FakeModelServer]:
    async with FakeModelServer(*replies) as server:
        return await outcome(endpoint(server, dialect, **more)), server


# -- answers -----------------------------------------------------------------------------------


@both_dialects
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_with_its_usage(dialect: Dialect, stream: bool):
    """Streamed or not, in either dialect, it is the same answer; what was shown is what is returned."""
    async with FakeModelServer() as server:
        model = endpoint(server, dialect, stream=stream, api_key=SecretStr(KEY), name="main")
        sink = RecordingSink()
        answer = await model.complete(a_prompt(), sink)
        await model.close()
    assert (ANSWER, "main", "stop") == (answer.text, answer.model, answer.stop_reason)
    assert Usage(prompt_tokens=30, completion_tokens=4) == answer.usage
    assert (ANSWER, 0) == (sink.text, sink.restarts)
    assert f"Bearer {KEY}" == server.requests[0].headers["Authorization"]
    assert stream == server.requests[0].body.get("stream", False)
    assert (1, 1, 1, 30, 4) == (
        model.figures.calls,
        model.figures.attempts,
        model.figures.answers,
        model.figures.prompt_tokens,
        model.figures.completion_tokens,
    )


HABITS = {
    "one byte at a time": ModelReply(pieces=("Größe ", "😀 好的"), split=1),
    "three bytes at a time": ModelReply(pieces=("Größe ", "😀 好的"), split=3),
    "CRLF": ModelReply(newline="\r\n", split=5),
    "pings": ModelReply(pings=True),
    "no usage": ModelReply(usage=None),
    "no ids": ModelReply(ids=False),
    "end mark": ModelReply(done=True),
    "no end mark": ModelReply(done=False),
    "text on start and complete": ModelReply(text_on_edges=True),
    "content is a string": ModelReply(content="string"),
    "slow": ModelReply(delay=0.01, first_delay=0.01),
    "stray bytes that are no event": ModelReply(fault="raw", raw=b"event: ping\nid: 1\nwhatever\n\n"),
    "broken UTF-8 in a comment": ModelReply(fault="raw", raw=b": \xff\xfe\n\n"),
    "stalls when all was said": ModelReply(fault="stall", fault_after=3),
    "breaks when all was said": ModelReply(fault="reset", fault_after=3),
}


@both_dialects
@pytest.mark.parametrize("reply", HABITS.values(), ids=HABITS)
async def test_the_habits_of_servers_make_no_difference(dialect: Dialect, reply: ModelReply):
    """The whole text arrives, and no other."""
    result, _ = await ask(reply, dialect=dialect)
    assert (None, "".join(reply.pieces)) == (result.error, result.text)
    assert result.text == result.sink.text


async def test_a_server_may_answer_in_the_other_manner():
    """It says which by its content type: a whole reply although a stream was asked for, and the reverse."""
    body = b'{"choices":[{"message":{"content":"Yes."},"finish_reason":"stop"}]}'
    stream = b'data: {"choices":[{"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n'
    whole, _ = await ask(ModelReply(body=body), stream=True)
    streamed, _ = await ask(ModelReply(body=stream, content_type="text/event-stream"), stream=False)
    assert ("Yes.", "Yes.") == (whole.text, streamed.text)


async def test_what_the_model_wrote_is_cleaned_before_anybody_sees_it():
    """Secrets and hidden characters go out neither while streaming nor in the answer."""
    result, _ = await ask(ModelReply(pieces=("\n Key: sk-abc", "def0123456789", "ghij\u202e.", "\x00 \n")))
    assert ("Key: [redacted].", "Key: [redacted].") == (result.text, result.sink.text)


async def test_connections_are_used_again():
    """A new one for every answer would cost a TLS handshake each."""
    async with FakeModelServer() as server:
        model = endpoint(server, "openai")
        for _ in range(3):
            await model.complete(a_prompt(), RecordingSink())
        await model.close()
    assert 1 == len(server.connections)


@both_dialects
async def test_a_redirect_on_the_same_host_is_followed(dialect: Dialect):
    """A 307 was seen from the Llama API."""
    async with FakeModelServer(redirects=2) as server:
        result = await outcome(endpoint(server, dialect, attempts=1))
    assert ANSWER == result.text


async def test_a_redirect_elsewhere_is_not_followed():
    """The key and the customer's words go nowhere else."""
    async with FakeModelServer() as other:
        target = other.base_url("openai").replace("127.0.0.1", "localhost") + "/chat/completions"
        reply = ModelReply(status=307, headers={"Location": target}, body=b"")
        result, _ = await ask(reply)
        assert (ModelRefused, []) == (result.kind, other.requests)
    assert "redirects to another host (http://localhost" in str(result.error)


async def test_redirects_without_end_are_given_up():
    """A circle is no way."""
    async with FakeModelServer(redirects=1000) as server:
        result = await outcome(endpoint(server, "openai"))
    assert (ModelRefused, []) == (result.kind, server.requests)


# -- faults ------------------------------------------------------------------------------------

TOOL = ToolCallReply()
SSE = "text/event-stream"
HTML = b"<!doctype html><title>Welcome</title>"


def raw(data: bytes, after: int = 1) -> ModelReply:
    return ModelReply(fault="raw", fault_after=after, raw=data)


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


# -- trying again ------------------------------------------------------------------------------


@both_dialects
@pytest.mark.parametrize(
    "fault",
    [problem(429, "Too Many Requests"), problem(500, "Oh"), ModelReply(fault="reset", fault_after=0)],
    ids=["429", "500", "reset"],
)
async def test_a_passing_fault_is_got_over(dialect: Dialect, fault: ModelReply):
    """Two failures, then an answer, within three attempts."""
    result, server = await ask(fault, fault, ModelReply(), dialect=dialect, attempts=3)
    assert (ANSWER, ANSWER, 3) == (result.text, result.sink.text, len(server.requests))


async def test_one_attempt_means_one():
    """Never more requests than configured."""
    result, server = await ask(problem(500, "Oh"), ModelReply(), attempts=1)
    assert (ModelError, 1) == (result.kind, len(server.requests))


async def test_the_wish_of_the_endpoint_is_honoured():
    """It asked to wait, so the second request comes later than that."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    result, _ = await ask(problem(429, "Too Many Requests", retry_after="0.3"), ModelReply())
    assert (ANSWER, True) == (result.text, loop.time() - begun >= 0.3)


NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": format_datetime(NOW + timedelta(seconds=9), usegmt=True)}, 9.0),
        ({"Retry-After": format_datetime(NOW - timedelta(days=1), usegmt=True)}, 0.0),
        ({"Retry-After": "Sun, 99 Nov 99999 10:00:00 GMT"}, None),
        ({"retry-after-ms": "250", "Retry-After": "7"}, 0.25),
    ],
)
def test_every_form_of_retry_after_is_read(headers: dict[str, str], seconds: float | None):
    """Seconds or an HTTP date; nonsense is none."""
    assert seconds == retry_after(headers, NOW)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"a"},"detail":"b","title":"c"}', "a"),
        (b'{"detail":"b","title":"c","message":"d"}', "b"),
        (b'{"title":"c","message":"d"}', "c"),
        (b'{"message":"d"}', "d"),
        (b'{"error":"e"}', "e"),
        (b'{"detail":[{"msg":"too long","input":"the words of a customer"}]}', "too long"),
        (b'{"input":"the words of a customer"}', ""),
        (b'"f"', "f"),
        (b"plain \xff", "plain \ufffd"),
    ],
)
def test_an_errors_message_is_found(body: bytes, message: str):
    """In the order of the reference; other JSON is not quoted, as it may repeat what a customer wrote."""
    assert message == message_of(body)


# -- secrets -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", [f"key {KEY} is wrong", "sk-abcdefghij0123456789 is wrong", f"x{KEY[4:]}\r\nINFO ok"]
)
async def test_the_api_key_is_in_no_error(said: str):
    """Also when the endpoint repeats it, and not in what a traceback prints either."""
    async with FakeModelServer(ModelReply(status=401, body=said.encode())) as server:
        model = endpoint(server, "llama", api_key=SecretStr(KEY if KEY in said else KEY[4:]))
        result = await outcome(model)
    printed = "".join(traceback.format_exception(result.error))
    assert "[redacted]" in str(result.error)
    assert (False, False, False) == (KEY[4:] in printed, "sk-abc" in printed, "\nINFO" in printed)


async def test_a_broken_http_answer_gives_no_headers_away():
    """aiohttp's own errors hold the request with its headers; they must not be chained to ours."""

    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"NONSENSE\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        section = ModelSection(model="m", base_url=url, api_key=SecretStr(KEY), attempts=1)
        result = await outcome(Endpoint(section))
    assert result.error is not None
    assert (None, True) == (result.error.__cause__, result.error.__suppress_context__)
    assert "the request failed" in str(result.error)


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
