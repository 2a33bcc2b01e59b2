"""Everything that model endpoints were seen to do wrong, and what has to come of it.

``tests/test_model_faults.py`` holds the promise, ``bench/model_faults.py`` prints the table.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from supportbot.authorship import KNOWLEDGE
from supportbot.config.models import ModelSection
from supportbot.config.texts import TextsSection
from supportbot.model import build
from supportbot.model.knowledge import KnowledgeModel
from supportbot.testing.model_calls import RecordingSink, a_prompt
from supportbot.testing.model_limits import RateLimits
from supportbot.testing.model_replies import BARE_ERROR, DATA_ERROR, ModelReply, ToolCallReply, problem
from supportbot.testing.model_server import FakeModelServer

if TYPE_CHECKING:
    from supportbot.knowledge import Knowledge
    from supportbot.testing.model_replies import Dialect

End = Literal["answer", "fallback"]

ATTEMPTS = 3
TOTAL = 4.0
"""Seconds for one answer."""
_PATIENCE = 0.5  # seconds for the first word, and between two pieces

_HTML = b"<!doctype html><title>Welcome</title>"
_TOOL = ToolCallReply()
_NEVER_JSON = ToolCallReply(arguments=('{"order_id":', " oops"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFault:
    """What an endpoint does, and how the question has to end all the same."""

    name: str
    end: End
    replies: tuple[ModelReply, ...] = ()
    """One after the other; the last one again and again. Without any it answers properly."""
    server: dict[str, Any] = field(default_factory=dict)
    """More of how the server behaves."""
    unstreamed: End | None = None
    """How it ends when the answer is asked for in one piece, where that makes a difference."""

    def must_end(self, *, stream: bool) -> End:
        """How the question has to end."""
        return self.end if stream else self.unstreamed or self.end

    @property
    def whole(self) -> str:
        """What the model says when it does answer."""
        return "".join((self.replies or (ModelReply(),))[-1].pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came of one question."""

    end: End
    """``answer``: the model's, whole; ``fallback``: the knowledge's, which may be to call a person."""
    text: str
    shown: str
    """What a customer who watched it being written sees at the end."""
    requests: int
    seconds: float
    causes: tuple[str, ...]
    """What /metrics counts, in order."""


def _answers(name: str, *replies: ModelReply, **server: Any) -> ModelFault:
    return ModelFault(name=name, end="answer", replies=replies, server=server)


def _falls_back(name: str, *replies: ModelReply, **server: Any) -> ModelFault:
    return ModelFault(name=name, end="fallback", replies=replies, server=server)


def _raw(data: bytes, after: int = 1) -> ModelReply:
    return ModelReply(fault="raw", fault_after=after, raw=data)


def _page(body: bytes, content_type: str, status: int = 200) -> ModelReply:
    return ModelReply(status=status, body=body, content_type=content_type)


def _spent(limits: RateLimits, tokens: int = 0) -> RateLimits:
    """Return limits that others have used up."""
    limits.admit()
    limits.spend(tokens)
    return limits


def model_faults() -> list[ModelFault]:
    """Return all of them, made anew: some hold a state."""
    return [
        # habits, that may make no difference
        _answers("nothing wrong", ModelReply()),
        _answers("slow to begin, slow to go on", ModelReply(first_delay=0.2, delay=0.1)),
        _answers("one byte at a time", ModelReply(pieces=("Größe ", "😀 好的"), split=1)),
        _answers("CRLF", ModelReply(newline="\r\n", split=5)),
        _answers("pings between the events", ModelReply(pings=True)),
        _answers("text on start and complete", ModelReply(text_on_edges=True)),
        _answers("no usage, no ids, no empty deltas", ModelReply(usage=None, ids=False, empty_deltas=False)),
        _answers("content as a string", ModelReply(content="string")),
        _answers("a stray end mark", ModelReply(done=True)),
        _answers("no end mark", ModelReply(done=False)),
        _answers("a redirect to itself", redirects=1),
        # faults that pass
        _answers("429 twice", problem(429, "Slow"), problem(429, "Slow"), ModelReply()),
        _answers("429 with Retry-After", problem(429, "Slow", retry_after="0.2"), ModelReply()),
        _answers("500 as text, once", _page(b"oh\n no", "text/plain", 500), ModelReply()),
        _answers("a broken connection, once", ModelReply(fault="reset", fault_after=0), ModelReply()),
        ModelFault(
            name="a hang, once",
            end="answer",
            unstreamed="fallback",  # without pieces, silence is no sign: it may take the whole time
            replies=(ModelReply(fault="stall", fault_after=0), ModelReply()),
        ),
        # faults before the first word
        _falls_back("429 without end", problem(429, "Slow")),
        _falls_back("429 with a long Retry-After", problem(429, "Slow", retry_after="3600")),
        _falls_back("requests are used up", limits=_spent(RateLimits(requests=1))),
        _falls_back("tokens are used up", limits=_spent(RateLimits(tokens=10, retry_after=True), tokens=10)),
        _falls_back("500 as text", _page(b"oh\n no", "text/plain", 500)),
        _falls_back("503 as a page", _page(b"<h1>Sorry</h1>", "text/html", 503)),
        _falls_back("hangs before the headers", ModelReply(first_delay=30)),
        _falls_back("hangs before the first word", ModelReply(fault="stall", fault_after=0)),
        _falls_back("nothing but pings", ModelReply(fault="pings", fault_after=0)),
        _falls_back("breaks at once", ModelReply(fault="reset", fault_after=0)),
        _falls_back("ends at once", ModelReply(fault="end", fault_after=0)),
        _falls_back("redirects for ever", redirects=1000),
        # faults in mid-answer
        _falls_back("ends in mid-answer", ModelReply(fault="end")),
        _falls_back("breaks in mid-answer", ModelReply(fault="reset")),
        _falls_back("hangs in mid-answer", ModelReply(fault="stall")),
        _falls_back("nothing but pings in mid-answer", ModelReply(fault="pings")),
        ModelFault(
            name="drips for ever",
            end="fallback",
            unstreamed="answer",
            replies=(ModelReply(pieces=("x",) * 1000, delay=0.1, first_delay=0.1),),
        ),
        _falls_back("a bare JSON error in mid-answer", _raw(BARE_ERROR)),
        _falls_back("an error event in mid-answer", _raw(DATA_ERROR)),
        _falls_back("garbage in mid-answer", _raw(b"data: {oops\n\n")),
        _falls_back("broken UTF-8 in mid-answer", _raw(b'data: {"\xff\n\n')),
        _falls_back("an event of another shape", _raw(b'data: {"type":"x"}\n\n')),
        _falls_back("a line without end", _raw(b"data: " + b"x" * 2_000_000)),
        # answers that are none
        _falls_back("cut off at max_tokens", ModelReply(stop_reason="length")),
        _falls_back("no stop reason", ModelReply(stop_reason=None)),
        _falls_back("an unknown stop reason", ModelReply(stop_reason="tired")),
        _falls_back("the content filter", ModelReply(stop_reason="content_filter")),
        _falls_back("an empty answer", ModelReply(pieces=())),
        _falls_back("white space", ModelReply(pieces=(" \n", "\t"))),
        _falls_back("content null", _page(b'{"completion_message":{"content":null}}', "application/json")),
        _falls_back("200 with a web page", _page(_HTML, "text/html")),
        _falls_back("200 with another shape", _page(b'{"ok":true}', "application/json")),
        _falls_back("JSON that breaks off", _page(b'{"choices":[{"mess', "application/json")),
        _falls_back("a tool call nobody offered", ModelReply(tool_calls=(_TOOL,), stop_reason="tool_calls")),
        _falls_back("two tool calls, whole", ModelReply(tool_calls=(_TOOL, _TOOL), calls="whole")),
        _falls_back("tool arguments that are no JSON", ModelReply(pieces=(), tool_calls=(_NEVER_JSON,))),
        _falls_back("tool arguments cut off", ModelReply(tool_calls=(_TOOL,), fault="end", fault_after=4)),
        # refusals
        _falls_back("400", problem(400, "Bad Request", "max_tokens is odd")),
        _falls_back("a wrong key", api_key="another"),
        _falls_back("403", problem(403, "Forbidden")),
        _falls_back("no such model", models=("another",)),
        _falls_back(
            "the prompt is too long", problem(400, "Bad Request", "maximum context length is 10 tokens")
        ),
        _falls_back("the retired service", retired=True),
    ]


async def suffer(fault: ModelFault, dialect: Dialect, knowledge: Knowledge, *, stream: bool) -> Ended:
    """Ask one question that the knowledge can answer, through the chain that bot.yaml makes of endpoints."""
    sink, counted = RecordingSink(), _Counted()
    last = KnowledgeModel(knowledge, TextsSection(), threshold=0.5)
    async with FakeModelServer(*fault.replies, **fault.server) as server:
        section = ModelSection(
            dialect=dialect,
            model="test-model",
            base_url=server.base_url(dialect),
            stream=stream,
            max_tokens=100,
            attempts=ATTEMPTS,
            connect_timeout=_PATIENCE,
            first_token_timeout=_PATIENCE,
            idle_timeout=_PATIENCE,
            total_timeout=TOTAL,
        )
        model = build([section], last, counted)
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(TOTAL + 5):
                answer = await model.complete(a_prompt(("user", "How long can I return something?")), sink)
        finally:
            await model.close()
        return Ended(
            end="fallback" if answer.model == last.name else "answer",
            text=answer.text,
            shown=sink.text,
            requests=server.posts,
            seconds=time.perf_counter() - begun,
            causes=tuple(counted),
        )


class _Counted(list[str]):
    def model_called(self, model: str, outcome: str, _seconds: float | None) -> None:
        if model != KNOWLEDGE:
            self.append(outcome)

    def model_waited(self, _model: str, _seconds: float) -> None:
        pass
