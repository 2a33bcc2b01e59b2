"""The OpenAI chat-completion format, spoken by nearly every host: vLLM, llama.cpp, Ollama, the clouds.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot.model.wire import (
    Delta,
    ToolFragment,
    WireError,
    common_fields,
    content_of,
    function_of,
    mapping,
    sequence,
    string,
    text_of,
    token_count,
)
from supportbot.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.config.models import ModelSection
    from supportbot.messages import Prompt, Words

_STOP_REASONS = {"function_call": "tool_calls", "eos": "stop"}
"""Other names for the known reasons: OpenAI's older one for tools, Together's for a proper end."""


class OpenAICodec:
    """The ``openai`` dialect."""

    default_base_url = ""
    path = "/chat/completions"

    def request(self, prompt: Prompt, section: ModelSection) -> dict[str, Any]:
        """Return the JSON body."""
        body = common_fields(prompt, [_message(w) for w in prompt.words], section, "max_tokens")
        if section.stream:
            body["stream_options"] = {"include_usage": True}
        if prompt.form is not None:
            body["response_format"]["json_schema"]["strict"] = True  # the Llama API does not know the field
        return body | section.extra

    def delta(self, event: Mapping[str, Any]) -> Delta:
        """Read one chunk. The one with the usage has no choices; some hosts leave out the field."""
        if event.get("error") or not ("choices" in event or "usage" in event):
            raise WireError("it sent something that is no chunk of an answer", report=event)
        choice = _first_choice(event)
        return _read(choice, mapping(choice.get("delta")), event)

    def whole(self, body: Mapping[str, Any]) -> Delta:
        """Read a response that is not streamed."""
        choice = _first_choice(body)
        message = choice.get("message")
        if body.get("error") or not isinstance(message, dict):
            raise WireError("its response holds no message", report=body)
        return _read(choice, message, body)


def _message(words: Words) -> dict[str, Any]:
    message: dict[str, Any] = {"role": words.role, "content": content_of(words)}
    if words.tool_calls:
        message["content"] = message["content"] or None
        message["tool_calls"] = [
            {"id": c.id, "type": "function", "function": function_of(c)} for c in words.tool_calls
        ]
    elif words.role == "tool":
        message["tool_call_id"] = words.tool_call_id
    return message


def _read(choice: Mapping[str, Any], message: Mapping[str, Any], event: Mapping[str, Any]) -> Delta:
    reason = string(choice.get("finish_reason"))
    calls = message.get("tool_calls")
    usage = event.get("usage")
    return Delta(
        text=text_of(message.get("content")),
        tools=tuple(_fragment(mapping(call)) for call in sequence(calls)) if calls else (),
        stop_reason=_STOP_REASONS.get(reason, reason),
        usage=_usage(usage) if usage else None,
    )


def _first_choice(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the choice with index 0, which is also what a missing index means."""
    for choice in map(mapping, sequence(event.get("choices"))):
        if not choice.get("index"):
            return choice
    return {}


def _fragment(call: Mapping[str, Any]) -> ToolFragment:
    function = mapping(call.get("function"))
    index = call.get("index")
    return ToolFragment(
        id=string(call.get("id")),
        index=index if isinstance(index, int) else None,
        name=string(function.get("name")),
        arguments=string(function.get("arguments")),
    )


def _usage(usage: object) -> Usage:
    counts = mapping(usage)
    return Usage(
        prompt_tokens=token_count(counts.get("prompt_tokens")),
        completion_tokens=token_count(counts.get("completion_tokens")),
        cached_tokens=token_count(mapping(counts.get("prompt_tokens_details")).get("cached_tokens")),
    )
