"""The model client against the fake model server: answers, trying again, secrets."""

from __future__ import annotations

import asyncio
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from supportbot.config.models import ModelSection
from supportbot.errors import Fenced, ModelError, ModelRefused
from supportbot.holding import Hold, work_under
from supportbot.ids import now_ms
from supportbot.model.client import Endpoint
from supportbot.model.failures import message_of, retry_after
from supportbot.testing.model_calls import RecordingSink, a_prompt
from supportbot.testing.model_replies import (
    Dialect,
    ModelReply,
    problem,
)
from supportbot.testing.model_server import FakeModelServer
from supportbot.usage import Usage
from tests.model_calls import ask, both_dialects, endpoint, outcome

if TYPE_CHECKING:
    from supportbot.testing.clock import Clock

KEY = "LLM|1234567890|abcdefghijklmnopqrstuvwxyz"

ANSWER = "It ships tomorrow."


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


async def test_whose_claim_is_over_asks_no_model(clock: Clock):
    """A process that was stopped for longer than its claim lasts goes on in mid-step: another one may ask."""
    async with FakeModelServer() as server:
        model, claim = endpoint(server, "openai"), Hold()
        claim.until = now_ms() + 4_000

        async def work() -> None:
            work_under(claim)
            clock.advance(5)
            await model.complete(a_prompt(), RecordingSink())

        with pytest.raises(Fenced):
            await asyncio.create_task(work())
        assert ([], 0) == (server.requests, model.figures.attempts)
        await model.complete(a_prompt(), RecordingSink())
        assert 1 == len(server.requests)
        await model.close()


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
