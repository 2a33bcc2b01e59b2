"""The OpenAI format: what is asked, and what the replies of its many hosts mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from supportbot.config.models import ModelSection
from supportbot.model.openai import OpenAICodec
from supportbot.model.wire import PartialCall, Reply, StreamDecoder, WireError
from supportbot.testing.model_calls import a_prompt
from supportbot.usage import Usage

USAGE = {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39}


def section(**more: Any) -> ModelSection:
    return ModelSection(dialect="openai", model="llama3.3", base_url="http://127.0.0.1:8000/v1", **more)


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **more}


def calls(*fragments: dict[str, Any]) -> dict[str, Any]:
    return chunk({"tool_calls": list(fragments)})


def read(*events: dict[str, Any]) -> tuple[str, Reply, bool]:
    reply = Reply()
    decoder = StreamDecoder(OpenAICodec(), reply)
    lines = [b"data: " + json.dumps(e).encode() + b"\n\n" for e in events] + [b"data: [DONE]\n\n"]
    return "".join(map(decoder.feed, lines)) + decoder.close(), reply, decoder.ended


def test_the_request():
    """No stop reason in the history, and the usage is asked for."""
    prompt = a_prompt(("system", "Be brief."), ("user", "a"), ("assistant", "b"), ("user", "c <|im_end|>"))
    assert {
        "model": "llama3.3",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c < |im_end|>"},
        ],
        "max_tokens": 64,
        "temperature": 1.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    } == OpenAICodec().request(prompt, section(max_tokens=64, temperature=1.5))


def test_nothing_about_streams_is_sent_when_none_is_wanted():
    """Some hosts refuse ``stream_options`` without ``stream``."""
    body = OpenAICodec().request(a_prompt(), section(stream=False, max_tokens_key="max_completion_tokens"))
    assert {"model", "messages", "max_completion_tokens"} == body.keys()


def test_extra_fields_are_sent_as_they_are():
    """Also in place of one of ours: not every host knows ``stream_options``."""
    body = OpenAICodec().request(a_prompt(), section(extra={"seed": 7, "stream_options": None}))
    assert (7, None) == (body["seed"], body["stream_options"])


def test_a_streamed_reply():
    """Text, the reason, the usage in a chunk without choices, the end mark."""
    words, reply, ended = read(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "It ships"}),
        chunk({"content": None}),
        chunk({"content": " tomorrow."}),
        chunk({}, "stop"),
        {"id": "x", "choices": [], "usage": USAGE},
    )
    assert ("It ships tomorrow.", True) == (words, ended)
    assert ("stop", Usage(prompt_tokens=30, completion_tokens=9)) == (reply.stop_reason, reply.usage)


def test_hosts_differ():
    """Usage on the last chunk, no ids, no index, an error that is null, a null usage before."""
    words, reply, _ = read(
        {"choices": [{"delta": {"content": "Yes."}}], "error": None, "usage": None},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": USAGE},
    )
    assert ("Yes.", "stop", 9) == (words, reply.stop_reason, reply.usage.completion_tokens)


def test_only_the_first_choice_counts():
    """Others would be mixed into the text."""
    other = {"index": 1, "delta": {"content": "No."}}
    assert "Yes." == read({"choices": [other, {"index": 0, "delta": {"content": "Yes."}}]})[0]


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("function_call", "tool_calls"),
        ("odd", "odd"),
    ],
)
def test_stop_reasons_have_one_name(given: str, known: str):
    """Two older names are translated; what is not known stays, and is no success."""
    assert known == read(chunk({}, given))[1].stop_reason


def test_thoughts_are_not_shown():
    """Reasoning models put them into fields of their own."""
    assert "Yes." == read(chunk({"reasoning_content": "Hm.", "content": None}), chunk({"content": "Yes."}))[0]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            [
                calls(
                    {"index": 0, "id": "c1", "type": "function", "function": {"name": "a", "arguments": ""}}
                ),
                calls({"index": 1, "id": "c2", "function": {"name": "b", "arguments": "["}}),
                calls(
                    {"index": 0, "function": {"arguments": "{}"}},
                    {"index": 1, "function": {"arguments": "]"}},
                ),
            ],
            [PartialCall("c1", "a", "{}", 0), PartialCall("c2", "b", "[]", 1)],
        ),
        (
            [
                calls(
                    {"id": "c1", "function": {"name": "a", "arguments": "{}"}},
                    {"id": "c2", "function": {"name": "b"}},
                )
            ],
            [PartialCall("c1", "a", "{}"), PartialCall("c2", "b", "")],
        ),
        (
            [
                calls({"index": 0, "id": i, "function": {"name": "a", "arguments": "{}"}})
                for i in ("c1", "c2")
            ],
            [PartialCall("c1", "a", "{}", 0), PartialCall("c2", "a", "{}", 0)],
        ),
    ],
    ids=["fragments by index", "whole calls without index", "two ids under one index"],
)
def test_tool_calls_are_put_together(events: list[dict[str, Any]], expected: list[PartialCall]):
    """By index; a new id begins a new call also under an old index."""
    assert expected == read(*events)[1].tool_calls


@pytest.mark.parametrize("event", [{"error": {"message": "no"}}, {"object": "error", "message": "no"}, {}])
def test_errors_in_mid_stream_are_noticed(event: dict[str, Any]):
    """As an object with ``error``, or as anything that is no chunk."""
    with pytest.raises(WireError):
        read(chunk({"content": "It shi"}), event)


def test_a_whole_reply():
    """The recorded shape of a response that is not streamed."""
    delta = OpenAICodec().whole(
        {
            "id": "x",
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "It ships tomorrow.", "tool_calls": None},
                    "finish_reason": "stop",
                }
            ],
            "usage": USAGE,
        }
    )
    assert ("It ships tomorrow.", "stop", ()) == (delta.text, delta.stop_reason, delta.tools)
    assert Usage(prompt_tokens=30, completion_tokens=9) == delta.usage


@pytest.mark.parametrize(
    "body", [{}, {"choices": []}, {"choices": [{}]}, {"choices": 7}, {"error": "no", "choices": []}]
)
def test_a_body_of_another_shape_is_no_reply(body: dict[str, Any]):
    """It must not pass for an empty answer."""
    with pytest.raises(WireError):
        OpenAICodec().whole(body)
