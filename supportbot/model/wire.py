"""What the wire formats have in common: the shape of a codec, and one model of what a reply says.

A codec is two translators without any state: prompt to request body, and one JSON object of the
reply to a ``Delta``. ``Reply`` adds the deltas up; ``StreamDecoder`` does so from bytes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from supportbot.model.sse import LineTooLong, SseParser
from supportbot.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from supportbot.config.models import ModelSection
    from supportbot.messages import Prompt, ToolCall, ToolSpec, Words
    from supportbot.model.sse import ServerEvent


_MOST_CALLS = 128  # in one reply; beyond that it is no use, and each fragment is looked up among them


class WireError(Exception):
    """The endpoint reported a failure in the middle of a reply, or sent what is no reply."""

    def __init__(self, message: str, *, report: object = None) -> None:
        """``report``: the endpoint's own JSON about the failure, when there is one."""
        super().__init__(message)
        self.report = report


@dataclass(frozen=True, slots=True)
class ToolFragment:
    """A piece of a tool call: the first has a name, the arguments come in any number of pieces."""

    id: str = ""
    index: int | None = None
    """Which call of the reply it belongs to, in dialects that say so."""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class PartialCall:
    """A tool call as far as it has come. The arguments are JSON text by the model: it may be wrong."""

    id: str
    name: str
    arguments: str
    index: int | None = None


class Delta(NamedTuple):
    """What one JSON object of a reply adds to it."""

    text: str = ""
    tools: tuple[ToolFragment, ...] = ()
    stop_reason: str = ""
    usage: Usage | None = None


@dataclass(slots=True)
class Reply:
    """A model's reply as far as it has come."""

    stop_reason: str = ""
    """Why the model stopped; empty while it has not said so: then the reply is not complete."""
    usage: Usage = field(default_factory=Usage)
    tool_calls: list[PartialCall] = field(default_factory=list)
    length: int = 0
    """Characters of text so far."""
    asked: int = 0
    """Characters of tool calls so far."""

    def add(self, delta: Delta) -> None:
        """Take what came next."""
        text, fragments, stop_reason, usage = delta
        self.length += len(text)
        if stop_reason:
            self.stop_reason = stop_reason
        if usage is not None:
            self.usage = usage
        for fragment in fragments:
            self._add_tool(fragment)

    def _add_tool(self, fragment: ToolFragment) -> None:
        self.asked += len(fragment.name) + len(fragment.arguments)
        call = self._call_of(fragment)
        if call is None:
            if len(self.tool_calls) >= _MOST_CALLS:
                raise WireError(f"it asked for more than {_MOST_CALLS} tools at once")
            self.tool_calls.append(
                PartialCall(fragment.id, fragment.name, fragment.arguments, fragment.index)
            )
            return
        call.id = call.id or fragment.id
        call.name = call.name or fragment.name
        call.arguments += fragment.arguments

    def _call_of(self, fragment: ToolFragment) -> PartialCall | None:
        """Find the call that a fragment continues; None when it begins one.

        A new id begins a new call, else the index says which one, else a second name begins one.
        """
        same_index = [c for c in self.tool_calls if c.index == fragment.index]
        if fragment.id:
            same_index = [c for c in same_index if c.id in {"", fragment.id}]
        if not same_index:
            return None
        call = same_index[-1]
        return None if fragment.index is None and not fragment.id and fragment.name and call.name else call


class Codec(Protocol):
    """One wire format of chat completions."""

    default_base_url: str
    """Where the dialect's own service is; empty when it has none."""
    path: str
    """Below the base URL."""

    def request(self, prompt: Prompt, section: ModelSection) -> dict[str, Any]:
        """Return the JSON body that asks for an answer to the prompt."""

    def delta(self, event: Mapping[str, Any]) -> Delta:
        """Read one object of a streamed reply.

        Raises:
            WireError: it reports a failure, or is nothing of this dialect.
        """

    def whole(self, body: Mapping[str, Any]) -> Delta:
        """Read a reply that came in one object. Raises as ``delta`` does."""


class StreamDecoder:
    """Bytes of a streamed reply in, its text out; everything else goes to ``reply``."""

    def __init__(self, codec: Codec, reply: Reply) -> None:
        """``reply`` is filled while the stream is read."""
        self.reply = reply
        self.ended = False
        """The stream's own end mark was seen (``[DONE]``)."""
        self._delta = codec.delta
        self._sse = SseParser()

    def feed(self, chunk: bytes) -> str:
        """Take some more bytes and return the text in them.

        Raises:
            WireError: the reply failed, or is no reply.
        """
        try:
            return self._text(self._sse.feed(chunk))
        except LineTooLong as error:
            raise WireError(f"it sent {error}") from None

    def close(self) -> str:
        """Return the text in what the end of the stream completes. Raises as ``feed`` does."""
        return self._text(self._sse.close())

    def _text(self, events: Iterable[ServerEvent]) -> str:
        text = ""
        for data, bare in events:
            if bare:
                raise _reported(data)
            if not data or data == "[DONE]" or data.isspace():
                self.ended = self.ended or data == "[DONE]"
                continue
            delta = self._delta(json_object(data))
            self.reply.add(delta)
            text += delta.text
        return text


def request_headers(section: ModelSection) -> dict[str, str]:
    """Return the headers of a request; the one place where the API key is put into words."""
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream" if section.stream else "application/json",
        "Accept-Encoding": "identity",  # a compressed stream waits in buffers
    }
    if section.api_key is not None:
        headers["Authorization"] = f"Bearer {section.api_key.get_secret_value()}"
    return headers


def common_fields(
    prompt: Prompt, messages: list[dict[str, Any]], section: ModelSection, tokens_key: str
) -> dict[str, Any]:
    """Return the fields of a request that every dialect has."""
    body: dict[str, Any] = {
        "model": section.model,
        "messages": messages,
        section.max_tokens_key or tokens_key: section.max_tokens,
    }
    if section.temperature is not None:
        body["temperature"] = section.temperature
    if section.top_p is not None:
        body["top_p"] = section.top_p
    if section.stream:
        body["stream"] = True
    if prompt.tools:
        body["tools"] = [_tool(spec) for spec in prompt.tools]
        if prompt.must_answer:
            body["tool_choice"] = "none"
    if prompt.form is not None:
        described = {"name": prompt.form.name, "schema": dict(prompt.form.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": described}
    return body


def _tool(spec: ToolSpec) -> dict[str, Any]:
    function = {"name": spec.name, "description": spec.description, "parameters": dict(spec.parameters)}
    return {"type": "function", "function": function}


def function_of(call: ToolCall) -> dict[str, str]:
    """Return an earlier tool call's name and arguments for a request."""
    return {"name": call.name, "arguments": without_special_tokens(call.arguments)}


def content_of(words: Words) -> str | list[dict[str, Any]]:
    """Return an entry's content: its words, and behind them what it shows."""
    text = without_special_tokens(words.content)
    if not words.images:
        return text
    shown = [{"type": "image_url", "image_url": {"url": image.url}} for image in words.images]
    return [{"type": "text", "text": text}, *shown]


_SPECIAL_TOKEN = re.compile(
    r"""<(?=  [|\uff5c]                       # <|eot_id|>, <|im_start|>; DeepSeek writes a full-width bar
            | /?s>                            # Llama 2, Mistral
            | </?SYS>>
            | (?:start|end)_of_turn>          # Gemma
          )
      | \[(?=/?INST\])""",
    re.VERBOSE,
)


def without_special_tokens(text: str) -> str:
    """Break up what a server's tokenizer may read as its own control tokens, visibly: ``< |eot_id|>``.

    The words of a request go into separate JSON messages, but some servers tokenize such text inside
    them too, and a customer could then speak as the system.
    """
    if "<" not in text and "INST]" not in text:  # most texts: none of them can be there
        return text
    return _SPECIAL_TOKEN.sub(lambda match: match[0] + " ", text)


def json_object(text: str | bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        WireError: it is something else.
    """
    try:
        value = orjson.loads(text)
    except ValueError:
        value = _lenient(text)
    if not isinstance(value, dict):
        raise WireError(f"it sent {_kind(value)} where a reply should be", report=value)
    return value


def _lenient(text: str | bytes) -> object:
    """Read JSON that orjson refuses: half surrogates and broken UTF-8 do not spoil an answer."""
    try:
        return json.loads(text if isinstance(text, str) else text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _kind(value: object) -> str:
    return "something that is not JSON" if value is None else f"JSON of type {type(value).__name__}"


def _reported(data: str) -> WireError:
    """Make an error of a line that reports a failure in mid-stream."""
    try:
        report: object = orjson.loads(data)
    except ValueError:
        report = data
    return WireError("it failed in the middle of the answer", report=report)


# -- reading what a stranger sent ----------------------------------------------------------------


def mapping(value: object) -> dict[str, Any]:
    """Return the value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """Return the value if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def string(value: object) -> str:
    """Return the value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def text_of(content: object) -> str:
    """Return the text of a message's ``content``: a string, a text object, a list of them, or null."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(text_of(part) for part in content if not isinstance(part, list))
    return string(mapping(content).get("text"))


def token_count(value: object) -> int | None:
    """Return a count of tokens, or None when the value cannot be one (missing, negative, absurd)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9:
        return None
    return int(value)
