"""What the fake model server says: a reply with all its possible faults, in the words of either dialect."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Dialect = Literal["llama", "openai"]

BARE_ERROR = b'{"title":"Internal Server Error","detail":"The model went away.","status":500}\n'
DATA_ERROR = b'data: {"error":{"message":"The model went away.","type":"server_error","code":500}}\n\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallReply:
    """A tool call of a reply; the arguments come in these pieces."""

    id: str = "call-1"
    name: str = "get_order"
    arguments: tuple[str, ...] = ('{"order', '_id":"A-17"}')


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """How the server behaves towards one request. By default: properly."""

    pieces: tuple[str, ...] = ("It ships", " tomorrow.")
    stop_reason: str | None = "stop"
    tool_calls: tuple[ToolCallReply, ...] = ()
    usage: tuple[int, int] | None = (30, 4)
    """Tokens of prompt and answer; None leaves them out."""

    first_delay: float = 0.0
    """Seconds before the first byte."""
    delay: float = 0.0
    """Seconds before each further piece."""

    split: int = 0
    """Send so many bytes at a time, wherever that cuts; 0 sends whole events."""
    newline: str = "\n"
    pings: bool = False
    """Put a comment before every event."""
    ids: bool = True
    done: bool | None = None
    """End with ``[DONE]``; None: as the dialect does (openai yes, llama no)."""
    text_on_edges: bool = False
    """llama: the first piece rides on the ``start`` event and the last one on ``complete``."""
    empty_deltas: bool = True
    """llama: False leaves ``delta`` out of events that bring no text and no call."""
    calls: Literal["fragments", "whole"] = "fragments"
    """Streamed tool calls: name first, then the arguments in their pieces; or each call at once."""
    content: Literal["object", "string", "null"] = "object"
    """llama, not streamed: the shape of ``content``."""

    fault: Literal["", "stall", "pings", "end", "reset", "raw"] = ""
    """After ``fault_after`` pieces: send nothing more, or nothing but comments, end properly in mid-answer,
    break the connection, or send ``raw`` and go on."""
    fault_after: int = 1
    raw: bytes = b""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent instead of a reply, with ``content_type``."""
    content_type: str = "application/json"


def problem(status: int, title: str, detail: str = "", **headers: str) -> ModelReply:
    """Return a refusal in the Llama API's form; ``retry_after="3"`` becomes the header ``retry-after``."""
    body = json.dumps({"title": title, "detail": detail or title, "status": status})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ModelReply(status=status, headers=named, body=body.encode())


def events(reply: ModelReply, dialect: Dialect) -> Iterator[bytes]:
    """Yield a streamed reply event by event, the text pieces from the second event on."""
    objects = _llama_events(reply) if dialect == "llama" else _openai_events(reply)
    for value in objects:
        if not reply.ids:
            value.pop("id", None)
        if not reply.empty_deltas:
            _drop_empty_delta(value.get("event", {}))
        yield frame(json.dumps(value, ensure_ascii=False), reply)
    if reply.done if reply.done is not None else dialect == "openai":
        yield frame("[DONE]", reply)


def frame(data: str, reply: ModelReply) -> bytes:
    """Wrap an event's data for the wire."""
    ping = f": ping{reply.newline}{reply.newline}" if reply.pings else ""
    return f"{ping}data: {data}{reply.newline}{reply.newline}".encode("utf-8", "surrogatepass")


def whole(reply: ModelReply, dialect: Dialect) -> dict[str, Any]:
    """Return the reply as one object."""
    return _llama_whole(reply) if dialect == "llama" else _openai_whole(reply)


def _llama_events(reply: ModelReply) -> Iterator[dict[str, Any]]:
    pieces = list(reply.pieces)
    first = pieces.pop(0) if reply.text_on_edges and pieces else ""
    last = pieces.pop() if reply.text_on_edges and pieces else ""
    yield _llama_event("start", first)
    for piece in pieces:
        yield _llama_event("progress", piece)
    for call in reply.tool_calls:
        for fragment in _fragments(call, reply):
            yield _llama_tool_event(fragment)
    yield _llama_event("complete", last, stop_reason=reply.stop_reason)
    if reply.usage is not None:
        yield _llama_event("metrics", "", metrics=_metrics(reply.usage))


def _fragments(call: ToolCallReply, reply: ModelReply) -> Iterator[dict[str, Any]]:
    """Yield a call as a stream brings it: the first fragment alone has an id and a name."""
    if reply.calls == "whole":
        yield {"id": call.id, "function": {"name": call.name, "arguments": "".join(call.arguments)}}
        return
    yield {"id": call.id, "function": {"name": call.name}}
    for arguments in call.arguments:
        yield {"function": {"arguments": arguments}}


def _drop_empty_delta(event: dict[str, Any]) -> None:
    if event.get("delta") == {"type": "text", "text": ""}:
        del event["delta"]


def _llama_event(kind: str, text: str, **more: Any) -> dict[str, Any]:
    return {"id": "AqYd4", "event": {"event_type": kind, "delta": {"type": "text", "text": text}, **more}}


def _llama_tool_event(call: dict[str, Any]) -> dict[str, Any]:
    return {"id": "AqYd4", "event": {"event_type": "progress", "delta": {"type": "tool_call", **call}}}


def _metrics(usage: tuple[int, int]) -> list[dict[str, Any]]:
    values = {
        "num_completion_tokens": usage[1],
        "num_prompt_tokens": usage[0],
        "num_total_tokens": sum(usage),
    }
    return [{"metric": name, "value": float(value), "unit": "tokens"} for name, value in values.items()]


def _llama_whole(reply: ModelReply) -> dict[str, Any]:
    text = "".join(reply.pieces)
    contents = {"object": {"type": "text", "text": text}, "string": text, "null": None}
    calls = [
        {"id": c.id, "function": {"name": c.name, "arguments": "".join(c.arguments)}}
        for c in reply.tool_calls
    ]
    message = {
        "role": "assistant",
        "content": contents[reply.content],
        "stop_reason": reply.stop_reason,
        "tool_calls": calls,
    }
    body: dict[str, Any] = {"id": "AiYzU1bC9", "completion_message": message}
    return body if reply.usage is None else body | {"metrics": _metrics(reply.usage)}


def _openai_events(reply: ModelReply) -> Iterator[dict[str, Any]]:
    yield _openai_chunk({"role": "assistant", "content": ""})
    for piece in reply.pieces:
        yield _openai_chunk({"content": piece})
    for index, call in enumerate(reply.tool_calls):
        for fragment in _fragments(call, reply):
            call_delta = {"index": index, **fragment}
            if "id" in fragment:
                call_delta["type"] = "function"
                call_delta["function"] = {"arguments": "", **fragment["function"]}
            yield _openai_chunk({"tool_calls": [call_delta]})
    yield _openai_chunk({}, reply.stop_reason)
    if reply.usage is not None:
        yield _openai_object("chat.completion.chunk") | {"choices": [], "usage": _openai_usage(reply.usage)}


def _openai_chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _openai_object("chat.completion.chunk") | {"choices": [choice]}


def _openai_object(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_750_000_000, "model": "test-model"}


def _openai_usage(usage: tuple[int, int]) -> dict[str, int]:
    prompt, completion = usage
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _openai_whole(reply: ModelReply) -> dict[str, Any]:
    calls = [
        {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": "".join(c.arguments)}}
        for c in reply.tool_calls
    ]
    message = {"role": "assistant", "content": "".join(reply.pieces), "tool_calls": calls or None}
    choice = {"index": 0, "message": message, "finish_reason": reply.stop_reason}
    body = _openai_object("chat.completion") | {"choices": [choice]}
    return body if reply.usage is None else body | {"usage": _openai_usage(reply.usage)}
