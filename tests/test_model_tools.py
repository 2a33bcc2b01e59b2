"""Tools on the wire, in both dialects: what is asked, what is told back, and what was cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest

from supportbot.config.models import ModelSection
from supportbot.errors import ModelError
from supportbot.messages import Prompt, ToolCall, ToolSpec, Words
from supportbot.model.client import Endpoint
from supportbot.model.llama import LlamaCodec
from supportbot.model.openai import OpenAICodec
from supportbot.testing.model_calls import RecordingSink, a_prompt
from supportbot.testing.model_replies import Dialect, ModelReply, ToolCallReply
from supportbot.testing.model_server import FakeModelServer
from supportbot.tools import tool
from tests.durable import opened
from tests.tool_turns import ANNA, claimed, steps_of

both_dialects = pytest.mark.parametrize("dialect", ["llama", "openai"])
streamed_or_not = pytest.mark.parametrize("stream", [True, False])

SPEC = ToolSpec(
    name="get_order",
    description="Look up an order.",
    parameters={"type": "object", "properties": {"order_id": {"type": "string"}}},
)
CALL = ToolCall(id="call-1", name="get_order", arguments='{"order_id":"A-17"}')


def section(dialect: Dialect, base_url: str = "http://127.0.0.1:8000/v1", **more: Any) -> ModelSection:
    return ModelSection(dialect=dialect, model="test-model", base_url=base_url, **more)


def after_a_call() -> Prompt:
    """A prompt after one tool call, whose arguments a customer had a hand in."""
    call = CALL.evolve(arguments='{"order_id":"<|eot_id|>"}')
    said = Words(role="assistant", content="", tool_calls=(call,))
    result = Words(role="tool", content='{"note":"<|eot_id|>"}', tool_call_id="call-1")
    prompt = a_prompt()
    return prompt.evolve(words=(*prompt.words, said, result), tools=(SPEC,))


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_order",
            "description": "Look up an order.",
            "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}},
        },
    }
]


def test_the_llama_form() -> None:
    """The native loop: an object as content, no type of a call, the stop reason it had."""
    body = LlamaCodec().request(after_a_call(), section("llama"))
    function = {"name": "get_order", "arguments": '{"order_id":"< |eot_id|>"}'}
    assert TOOLS == body["tools"]
    assert "tool_choice" not in body
    assert [
        {
            "role": "assistant",
            "content": {"type": "text", "text": ""},
            "tool_calls": [{"id": "call-1", "function": function}],
            "stop_reason": "tool_calls",
        },
        {"role": "tool", "tool_call_id": "call-1", "content": '{"note":"< |eot_id|>"}'},
    ] == body["messages"][1:]


def test_the_openai_form() -> None:
    """Compatible hosts: null as content, a type, no stop reason."""
    body = OpenAICodec().request(after_a_call(), section("openai"))
    function = {"name": "get_order", "arguments": '{"order_id":"< |eot_id|>"}'}
    assert TOOLS == body["tools"]
    assert [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call-1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call-1", "content": '{"note":"< |eot_id|>"}'},
    ] == body["messages"][1:]


@pytest.mark.parametrize("codec", [LlamaCodec(), OpenAICodec()])
def test_without_tools_nothing_is_said_of_them(codec: Any) -> None:
    """And where the model must answer, it is told so while the tools stay in the request."""
    plain = codec.request(a_prompt(), section("openai"))
    assert not {"tools", "tool_choice"} & plain.keys()
    last = codec.request(after_a_call().evolve(must_answer=True), section("openai"))
    assert (TOOLS, "none") == (last["tools"], last["tool_choice"])


async def _asked(reply: ModelReply, dialect: Dialect, prompt: Prompt | None = None, **more: Any) -> Any:
    """Ask once; returns the answer or the error, and the server."""
    async with FakeModelServer(reply) as server:
        model = Endpoint(section(dialect, server.base_url(dialect), **more), jitter=lambda: 0.0)
        try:
            return await model.complete(prompt or a_prompt().evolve(tools=(SPEC,)), RecordingSink()), server
        except ModelError as error:
            return error, server
        finally:
            await model.close()


@both_dialects
@streamed_or_not
@pytest.mark.parametrize("reason", ["tool_calls", "stop"])
async def test_a_reply_with_calls(dialect: Dialect, stream: bool, reason: str) -> None:
    """Put together, with an empty text; some servers say ``stop`` all the same."""
    two = (ToolCallReply(), ToolCallReply(id="call-2", arguments=("{}",)))
    reply = ModelReply(pieces=(), tool_calls=two, stop_reason=reason, split=7)
    answer, _ = await _asked(reply, dialect, stream=stream)
    second = ToolCall(id="call-2", name="get_order", arguments="{}")
    assert ("", (CALL, second)) == (answer.text, answer.tool_calls)


@both_dialects
@pytest.mark.parametrize("fault", ["end", "reset"])
@pytest.mark.parametrize("after", [1, 2, 3])
async def test_a_stream_cut_inside_a_call_gives_none(dialect: Dialect, fault: Any, after: int) -> None:
    """Not even where the arguments happen to be whole: the reply did not end."""
    call = ToolCallReply(arguments=("{}", " "))
    reply = ModelReply(
        pieces=(), tool_calls=(call,), stop_reason="tool_calls", fault=fault, fault_after=after
    )
    error, server = await _asked(reply, dialect, attempts=2)
    assert isinstance(error, ModelError)
    assert 2 == len(server.requests)


@both_dialects
@streamed_or_not
async def test_a_call_cut_off_at_max_tokens_gives_none(dialect: Dialect, stream: bool) -> None:
    """``length`` says that something is missing."""
    reply = ModelReply(pieces=(), tool_calls=(ToolCallReply(),), stop_reason="length")
    error, _ = await _asked(reply, dialect, stream=stream)
    assert "cut off at max_tokens" in str(error)


@both_dialects
async def test_a_call_where_an_answer_was_due_is_a_failure(dialect: Dialect) -> None:
    """The next model is asked, or the knowledge."""
    reply = ModelReply(pieces=(), tool_calls=(ToolCallReply(),), stop_reason="tool_calls")
    for prompt in (a_prompt(), after_a_call().evolve(must_answer=True)):
        error, _ = await _asked(reply, dialect, prompt)
        assert "it asked for a tool where it had to answer" in str(error)


@both_dialects
async def test_a_promise_of_calls_without_any_is_a_failure(dialect: Dialect) -> None:
    """The stop reason says calls, and there are none."""
    error, _ = await _asked(ModelReply(pieces=(), stop_reason="tool_calls"), dialect)
    assert "without naming one" in str(error)


@both_dialects
async def test_a_thousand_calls_are_no_reply(dialect: Dialect) -> None:
    """Nobody needs so many; looking each fragment up among them would take long."""
    calls = tuple(ToolCallReply(id=str(number), arguments=("{}",)) for number in range(1000))
    error, _ = await _asked(ModelReply(pieces=(), tool_calls=calls, stop_reason="tool_calls"), dialect)
    assert "more than 128 tools at once" in str(error)


@both_dialects
async def test_arguments_that_come_slowly_are_progress(dialect: Dialect) -> None:
    """A long call may take longer than the first word may, as long as more of it comes."""
    call = ToolCallReply(arguments=('{"order_id":"', *"abcdefghij", '"}'))
    reply = ModelReply(pieces=(), tool_calls=(call,), stop_reason="tool_calls", delay=0.1)
    answer, _ = await _asked(reply, dialect, first_token_timeout=0.6, idle_timeout=0.6)
    assert ['{"order_id":"abcdefghij"}'] == [call.arguments for call in answer.tool_calls]


@both_dialects
async def test_the_whole_loop_over_http(dialect: Dialect, sqlite_database: str) -> None:
    """Two requests, two tools at once, one answer, and the tokens of both."""

    @tool(effects="none")
    def get_order(order_id: str) -> dict[str, str]:
        """Look up an order."""
        return {"order_id": order_id, "state": "sent"}

    calls = (ToolCallReply(), ToolCallReply(id="call-2", arguments=('{"order_id":"B"}',)))
    replies = (
        ModelReply(pieces=(), tool_calls=calls, stop_reason="tool_calls"),
        ModelReply(pieces=("Both sent.",)),
    )
    async with FakeModelServer(*replies) as server, opened(sqlite_database) as store:
        model = Endpoint(section(dialect, server.base_url(dialect)))
        turn = await claimed(store, sender=ANNA)
        prompt = Prompt(turn=turn, words=(Words(role="user", content="Where are they?"),))
        answer = await steps_of(store, model, [get_order]).complete(prompt, RecordingSink())
        await model.close()
        first, second = (request.body for request in server.requests)
    assert ("Both sent.", 60, 8) == (answer.text, answer.usage.prompt_tokens, answer.usage.completion_tokens)
    assert first["tools"] == second["tools"]
    assert first["messages"] == second["messages"][:1]
    said, *told = second["messages"][1:]
    assert ["call-1", "call-2"] == [call["id"] for call in said["tool_calls"]]
    assert [("call-1", "A-17"), ("call-2", "B")] == [
        (entry["tool_call_id"], json.loads(entry["content"])["order_id"]) for entry in told
    ]
