"""The fake model server, seen by the two official clients: what they accept from it, real servers sent them.

``llama-api-client`` is Meta's own for the Llama API, ``openai`` the one that everybody else's format is for.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

import httpx
import llama_api_client
import openai
import pytest
from llama_api_client import AsyncLlamaAPIClient
from openai import AsyncOpenAI
from pydantic import BaseModel

from supportbot.model.structured import form_of
from supportbot.testing.model_limits import RateLimits
from supportbot.testing.model_replies import BARE_ERROR, DATA_ERROR, ModelReply, ToolCallReply, problem
from supportbot.testing.model_server import FakeModelServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MODELS = ("test-model", "other-model")
QUESTION: Any = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "When does it ship?"},
]
ANSWER = "It ships tomorrow."
TOOLS: Any = [
    {"type": "function", "function": {"name": "get_order", "parameters": {"type": "object"}}},
]
TWO_CALLS = (
    ToolCallReply(id="call-1", arguments=('{"order', '_id":"A-17"}')),
    ToolCallReply(id="call-2", name="get_stock", arguments=("{}",)),
)
ASKED: Any = {"model": "test-model", "messages": QUESTION}


class Item(BaseModel):
    sku: str
    mood: Literal["calm", "angry"]


@asynccontextmanager
async def llama(
    *replies: ModelReply, **more: Any
) -> AsyncIterator[tuple[AsyncLlamaAPIClient, FakeModelServer]]:
    retries = more.pop("max_retries", 0)
    async with (
        FakeModelServer(*replies, api_key="key", models=MODELS, **more) as server,
        AsyncLlamaAPIClient(
            api_key="key", base_url=server.base_url("llama"), max_retries=retries, timeout=5
        ) as client,
    ):
        yield client, server


@asynccontextmanager
async def compatible(*replies: ModelReply, **more: Any) -> AsyncIterator[tuple[AsyncOpenAI, FakeModelServer]]:
    retries = more.pop("max_retries", 0)
    async with (
        FakeModelServer(*replies, api_key="key", models=MODELS, **more) as server,
        AsyncOpenAI(
            api_key="key", base_url=server.base_url("openai"), max_retries=retries, timeout=5
        ) as client,
    ):
        yield client, server


# -- Meta's client -----------------------------------------------------------------------------


async def test_llama_a_whole_answer():
    """Its text, its end, its three metrics."""
    async with llama() as (client, server):
        reply = await client.chat.completions.create(**ASKED, max_completion_tokens=256)
    assert ANSWER == reply.completion_message.content.text  # type: ignore[union-attr]
    assert ("assistant", "stop") == (reply.completion_message.role, reply.completion_message.stop_reason)
    values = {metric.metric: metric.value for metric in reply.metrics or []}
    assert {"num_prompt_tokens": 30, "num_completion_tokens": 4, "num_total_tokens": 34} == values
    assert ASKED | {"max_completion_tokens": 256} == server.requests[0].body


@pytest.mark.parametrize(
    "reply",
    [
        ModelReply(),
        ModelReply(split=1),
        ModelReply(split=3, newline="\r\n"),
        ModelReply(pings=True),
        ModelReply(text_on_edges=True),
        ModelReply(ids=False, empty_deltas=False),
    ],
    ids=["plain", "bytes", "CRLF", "pings", "text on the edges", "bare"],
)
async def test_llama_a_stream(reply: ModelReply):
    """The events in their order, the text in any of them, the metrics last."""
    async with llama(reply) as (client, _):
        events = [chunk.event async for chunk in await client.chat.completions.create(**ASKED, stream=True)]
    kinds = [event.event_type for event in events]
    assert ("start", "complete", "metrics") == (kinds[0], kinds[-2], kinds[-1])
    assert {"progress"} >= set(kinds[1:-2])
    assert ANSWER == "".join(getattr(event.delta, "text", "") for event in events if event.delta)
    assert ("stop", 34) == (events[-2].stop_reason, events[-1].metrics[2].value)  # type: ignore[index]


async def test_llama_ends_silently_when_a_stream_is_cut():
    """Its known weakness: no error, and no stop reason. Ours makes an error of it."""
    async with llama(ModelReply(fault="end")) as (client, _):
        events = [chunk.event async for chunk in await client.chat.completions.create(**ASKED, stream=True)]
    assert [None, None] == [event.stop_reason for event in events]


async def test_llama_cannot_read_an_end_mark():
    """The Llama API never sends ``[DONE]``: its own client stumbles over it."""
    async with llama(ModelReply(done=True)) as (client, _):
        with pytest.raises(json.JSONDecodeError):
            [chunk async for chunk in await client.chat.completions.create(**ASKED, stream=True)]


async def test_llama_sees_an_error_in_mid_stream():
    """A line of bare JSON is what it was patched for."""
    async with llama(ModelReply(fault="raw", raw=BARE_ERROR)) as (client, _):
        with pytest.raises(llama_api_client.APIError, match="The model went away"):
            [chunk async for chunk in await client.chat.completions.create(**ASKED, stream=True)]


@pytest.mark.parametrize("calls", ["fragments", "whole"])
async def test_llama_puts_tool_calls_together(calls: Any):
    """As Meta's example does: a new id begins a call, what follows without one belongs to it."""
    reply = ModelReply(pieces=(), tool_calls=TWO_CALLS, stop_reason="tool_calls", calls=calls)
    found: list[dict[str, str]] = []
    async with llama(reply) as (client, _):
        stream = await client.chat.completions.create(**ASKED, tools=TOOLS, stream=True)
        async for chunk in stream:
            delta = chunk.event.delta
            if delta.type == "tool_call":
                if delta.id:
                    found.append({"id": delta.id, "name": delta.function.name or "", "arguments": ""})
                found[-1]["arguments"] += delta.function.arguments or ""
        whole = await client.chat.completions.create(**ASKED, tools=TOOLS)
    wanted = [("call-1", "get_order", '{"order_id":"A-17"}'), ("call-2", "get_stock", "{}")]
    assert wanted == [tuple(call.values()) for call in found]
    calls_of = whole.completion_message.tool_calls or []
    assert wanted == [(c.id, c.function.name, c.function.arguments) for c in calls_of]


async def test_llama_takes_a_conversation_with_tools():
    """The second request of the loop, as the documentation writes it."""
    messages: Any = [
        *QUESTION,
        {
            "role": "assistant",
            "content": {"type": "text", "text": ""},
            "tool_calls": [{"id": "call-1", "function": {"name": "get_order", "arguments": "{}"}}],
            "stop_reason": "tool_calls",
        },
        {"role": "tool", "tool_call_id": "call-1", "content": '{"error":"not found"}'},
    ]
    async with llama() as (client, server):
        await client.chat.completions.create(model="test-model", messages=messages, tools=TOOLS)
    assert messages == server.requests[0].body["messages"]


async def test_llama_moderation():
    """Flagged with its category; not flagged with null, as the service did it."""
    async with llama(flagged={"rob a bank": "non-violent-crimes"}) as (client, server):
        bad = await client.moderations.create(messages=[{"role": "user", "content": "How do I rob a bank?"}])
        good = await client.moderations.create(messages=QUESTION)
    assert (True, ["non-violent-crimes"]) == (bad.results[0].flagged, bad.results[0].flagged_categories)
    assert (False, None) == (good.results[0].flagged, good.results[0].flagged_categories)
    assert ("Llama-Guard", 2) == (good.model, len(server.moderated))


async def test_llama_models():
    """The list, one of it, and one that is not there."""
    async with llama() as (client, _):
        assert list(MODELS) == [model.id for model in await client.models.list()]
        assert "other-model" == (await client.models.retrieve("other-model")).id
        with pytest.raises(llama_api_client.NotFoundError):
            await client.models.retrieve("no-model")


async def test_llama_after_the_end():
    """No models, and a 400 to every chat."""
    async with llama(retired=True) as (client, _):
        assert [] == list(await client.models.list())
        with pytest.raises(llama_api_client.BadRequestError, match="Invalid model name"):
            await client.chat.completions.create(**ASKED)


# -- OpenAI's client ---------------------------------------------------------------------------


async def test_openai_a_whole_answer():
    """Its text, its end, its usage."""
    async with compatible() as (client, server):
        reply = await client.chat.completions.create(**ASKED, max_tokens=256)
    assert (ANSWER, "stop") == (reply.choices[0].message.content, reply.choices[0].finish_reason)
    assert reply.usage is not None
    assert (30, 4, 34) == (
        reply.usage.prompt_tokens,
        reply.usage.completion_tokens,
        reply.usage.total_tokens,
    )
    assert ASKED | {"max_tokens": 256} == server.requests[0].body


@pytest.mark.parametrize(
    "reply",
    [ModelReply(), ModelReply(split=1), ModelReply(split=3, newline="\r\n"), ModelReply(pings=True)],
    ids=["plain", "bytes", "CRLF", "pings"],
)
async def test_openai_a_stream(reply: ModelReply):
    """Chunks, an end, the usage in a chunk of its own."""
    async with compatible(reply) as (client, _):
        stream = await client.chat.completions.create(
            **ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    said = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert (ANSWER, "stop") == ("".join(c.delta.content or "" for c in said), said[-1].finish_reason)
    assert ([], 34) == (chunks[-1].choices, chunks[-1].usage.total_tokens)  # type: ignore[union-attr]


async def test_openai_sees_an_error_in_mid_stream():
    """As an event; a bare line it would not notice."""
    async with compatible(ModelReply(fault="raw", raw=DATA_ERROR)) as (client, _):
        with pytest.raises(openai.APIError, match="The model went away"):
            [chunk async for chunk in await client.chat.completions.create(**ASKED, stream=True)]


@pytest.mark.parametrize("calls", ["fragments", "whole"])
async def test_openai_puts_tool_calls_together(calls: Any):
    """With its own accumulator, by index; whole replies hold the same."""
    reply = ModelReply(pieces=(), tool_calls=TWO_CALLS, stop_reason="tool_calls", calls=calls)
    async with compatible(reply) as (client, _):
        async with client.chat.completions.stream(**ASKED, tools=TOOLS) as stream:
            streamed = await stream.get_final_completion()
        whole = await client.chat.completions.create(**ASKED, tools=TOOLS)
    wanted = [("call-1", "get_order", '{"order_id":"A-17"}'), ("call-2", "get_stock", "{}")]
    for completion in (streamed, whole):
        assert "tool_calls" == completion.choices[0].finish_reason
        found: Any = completion.choices[0].message.tool_calls
        assert wanted == [(call.id, call.function.name, call.function.arguments) for call in found]


async def test_openai_moderation():
    """A string, two strings, a list of parts: one result, two, one."""
    async with compatible(flagged={"rob a bank": "non-violent-crimes"}) as (client, _):
        one = await client.moderations.create(input="How do I rob a bank?")
        two = await client.moderations.create(input=["Hello.", "How do I rob a bank?"])
        parts = await client.moderations.create(input=[{"type": "text", "text": "Hello."}])
    assert [[True], [False, True], [False]] == [[r.flagged for r in m.results] for m in (one, two, parts)]
    assert {"non-violent-crimes": True} == one.results[0].categories.model_extra


async def test_openai_structured_output():
    """The client's own strict schema is taken, and asks for the same as ours."""
    async with compatible(ModelReply(pieces=('{"sku": "A-17", "mood": "calm"}',))) as (client, server):
        completion = await client.chat.completions.parse(**ASKED, response_format=Item)
    theirs, ours = server.requests[0].body["response_format"]["json_schema"], form_of(Item)
    assert Item(sku="A-17", mood="calm") == completion.choices[0].message.parsed
    assert (ours.name, True) == (theirs["name"], theirs["strict"])
    assert {"type", "required", "additionalProperties"} <= theirs["schema"].keys()
    assert ours.schema == {
        "type": "object",
        "properties": {
            name: {key: value for key, value in field.items() if key != "title"}
            for name, field in theirs["schema"]["properties"].items()
        },
        "required": theirs["schema"]["required"],
        "additionalProperties": theirs["schema"]["additionalProperties"],
    }


async def test_openai_models():
    """The list, and one of it."""
    async with compatible() as (client, _):
        assert list(MODELS) == [model.id async for model in client.models.list()]
        assert "other-model" == (await client.models.retrieve("other-model")).id


# -- errors, in both ---------------------------------------------------------------------------

ERRORS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "InternalServerError",
}
both = pytest.mark.parametrize(("serve", "module"), [(llama, llama_api_client), (compatible, openai)])


@both
@pytest.mark.parametrize(("status", "name"), ERRORS.items())
async def test_each_status_is_the_error_it_is_meant_to_be(serve: Any, module: Any, status: int, name: str):
    """With the problem's own words (OpenAI's client knows another form of them, and keeps the body)."""
    async with serve(problem(status, "Oh", "Something is wrong")) as (client, _):
        with pytest.raises(getattr(module, name)) as caught:
            await client.chat.completions.create(**ASKED)
    assert {"title": "Oh", "detail": "Something is wrong", "status": status} == caught.value.response.json()


@both
@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": []},
        {"model": "no-model"},
        {"temperature": 3},
        {"top_p": 7},
        {"max_completion_tokens": 0},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"tools": [{"type": "function", "function": {"name": "not a name"}}]},
        {"tool_choice": "perhaps"},
        {"response_format": {"type": "json_schema"}},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}] * 10}]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_request_against_the_reference_is_refused(serve: Any, module: Any, wrong: dict[str, Any]):
    """The double is no pushover: what the service refused, it refuses."""
    async with serve() as (client, server):
        with pytest.raises(module.BadRequestError):
            await client.chat.completions.create(**{**ASKED, **wrong})
    assert [] == server.requests


async def test_json_object_exists_in_one_dialect_only():
    """The Llama API knows ``json_schema`` alone."""
    form: Any = {"type": "json_object"}
    async with llama() as (client, _):
        with pytest.raises(llama_api_client.BadRequestError):
            await client.chat.completions.create(**ASKED, response_format=form)
    async with compatible() as (client2, _):
        await client2.chat.completions.create(**ASKED, response_format=form)


@both
async def test_a_wrong_key_is_refused_everywhere(serve: Any, module: Any):
    """Chat, list, one model, moderation."""
    async with serve() as (client, server):
        stranger = client.with_options(api_key="wrong")
        asked: Any = {"messages": QUESTION} if module is llama_api_client else {"input": "x"}
        for call in (
            lambda: stranger.chat.completions.create(**ASKED),
            lambda: stranger.models.retrieve("test-model"),
            lambda: stranger.moderations.create(**asked),
        ):
            with pytest.raises(module.AuthenticationError):
                await call()
    assert ([], []) == (server.requests, server.moderated)


@both
@pytest.mark.parametrize(
    "fault",
    [
        problem(429, "Too Many Requests", retry_after="0.01"),
        problem(503, "Oh", retry_after="0.01"),
        ModelReply(status=500, body=b"internal", content_type="text/plain", headers={"retry-after-ms": "10"}),
    ],
    ids=["429", "503", "text"],
)
async def test_they_try_again_as_they_do(serve: Any, module: Any, fault: ModelReply):
    """Twice, after what the endpoint asks; the third request is answered."""
    async with serve(fault, fault, ModelReply(), max_retries=2) as (client, server):
        await client.chat.completions.create(**ASKED)
    assert 3 == len(server.requests)


@both
async def test_a_redirect_is_followed(serve: Any, module: Any):
    """A 307 to the same place, once seen from the service."""
    async with serve(redirects=1) as (client, server):
        await client.chat.completions.create(**ASKED)
    assert 1 == len(server.requests)


@both
async def test_a_connection_that_breaks_is_an_error(serve: Any, module: Any):
    """Before the first byte: the client's own error."""
    async with serve(ModelReply(fault="reset", fault_after=0)) as (client, _):
        with pytest.raises((module.APIConnectionError, httpx.RemoteProtocolError)):
            [chunk async for chunk in await client.chat.completions.create(**ASKED, stream=True)]


@both
async def test_the_limits_count_down_and_refuse(serve: Any, module: Any):
    """Two requests, then a 429 with nothing left; a minute later, by the server's clock, one goes again."""
    clock = [0.0]
    limits = RateLimits(requests=2, tokens=100, clock=lambda: clock[0])
    async with serve(limits=limits) as (client, server):
        raw = client.chat.completions.with_raw_response
        left = [(await raw.create(**ASKED)).headers for _ in range(2)]
        assert ["1", "0"] == [headers["x-ratelimit-remaining-requests"] for headers in left]
        assert ["66", "32"] == [headers["x-ratelimit-remaining-tokens"] for headers in left]
        with pytest.raises(module.RateLimitError) as caught:
            await raw.create(**ASKED)
        assert "0" == caught.value.response.headers["x-ratelimit-remaining-requests"]
        assert "retry-after" not in caught.value.response.headers
        clock[0] = 61.0
        await raw.create(**ASKED)
    assert 3 == len(server.requests)


@both
async def test_tokens_have_a_limit_of_their_own(serve: Any, module: Any):
    """34 a request: the third is one too many, and is told for how long."""
    limits = RateLimits(tokens=60, retry_after=True, minute=30, clock=lambda: 100.0)
    async with serve(limits=limits) as (client, _):
        for _ in range(2):
            await client.chat.completions.create(**ASKED)
        with pytest.raises(module.RateLimitError) as caught:
            await client.chat.completions.create(**ASKED)
    assert "30.000" == caught.value.response.headers["retry-after"]
