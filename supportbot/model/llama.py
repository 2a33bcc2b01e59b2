"""The Llama API's own chat-completion format: ``completion_message``, ``event_type``, ``metrics``.

https://llama.developer.meta.com/docs/api/chat. The service was switched off on 2026-07-06; the
format lives on in gateways and in ``supportbot.testing``.
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


class LlamaCodec:
    """The ``llama`` dialect."""

    default_base_url = "https://api.llama.com/v1"
    path = "/chat/completions"

    def request(self, prompt: Prompt, section: ModelSection) -> dict[str, Any]:
        """Return the JSON body. A temperature above 1, the format's greatest, is sent as 1."""
        body = common_fields(prompt, [_message(w) for w in prompt.words], section, "max_completion_tokens")
        if section.temperature is not None:
            body["temperature"] = min(section.temperature, 1.0)
        return body | section.extra

    def delta(self, event: Mapping[str, Any]) -> Delta:
        """Read one chunk. Text may ride on an event of any type."""
        inner = event.get("event")
        if not isinstance(inner, dict):
            raise WireError("it sent something that is no event of an answer", report=event)
        piece = mapping(inner.get("delta"))
        is_tool = piece.get("type") == "tool_call"
        return Delta(
            text="" if is_tool else string(piece.get("text")),
            tools=(_fragment(piece),) if is_tool else (),
            stop_reason=string(inner.get("stop_reason")),
            usage=_usage(inner.get("metrics")) if "metrics" in inner else None,
        )

    def whole(self, body: Mapping[str, Any]) -> Delta:
        """Read a response that is not streamed."""
        message = body.get("completion_message")
        if not isinstance(message, dict):
            raise WireError("its response holds no completion_message", report=body)
        return Delta(
            text=text_of(message.get("content")),
            tools=tuple(_fragment(mapping(call)) for call in sequence(message.get("tool_calls"))),
            stop_reason=string(message.get("stop_reason")),
            usage=_usage(body.get("metrics")),
        )


def _message(words: Words) -> dict[str, Any]:
    content = content_of(words)
    message: dict[str, Any] = {"role": words.role, "content": content}
    if words.tool_calls:
        message["content"] = {"type": "text", "text": content}
        message["tool_calls"] = [{"id": c.id, "function": function_of(c)} for c in words.tool_calls]
        message["stop_reason"] = "tool_calls"
    elif words.role == "assistant":
        message["stop_reason"] = "stop"  # the API once required it; history holds complete answers only
    elif words.role == "tool":
        message["tool_call_id"] = words.tool_call_id
    return message


def _fragment(call: Mapping[str, Any]) -> ToolFragment:
    function = mapping(call.get("function"))
    return ToolFragment(
        id=string(call.get("id")),
        name=string(function.get("name")),
        arguments=string(function.get("arguments")),
    )


def _usage(metrics: object) -> Usage | None:
    values = {string(m.get("metric")): m.get("value") for m in map(mapping, sequence(metrics))}
    if not values:
        return None
    return Usage(
        prompt_tokens=token_count(values.get("num_prompt_tokens")),
        completion_tokens=token_count(values.get("num_completion_tokens")),
    )
