"""A model endpoint of one's own, for tests: both dialects over real HTTP, with every fault on demand.

    async with FakeModelServer(ModelReply(pieces=("Hello", "."))) as server:
        section = ModelSection(dialect="openai", model="test-model", base_url=server.base_url("openai"))
        ...
    assert "Hi" == server.requests[0].body["messages"][-1]["content"]

Each request takes the next reply; the last one is given again and again. The llama dialect is served
below ``/v1`` and the openai dialect below ``/compat/v1``, as the Llama API did.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from supportbot.testing.model_replies import Dialect, ModelReply, events, problem, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGES: dict[str, tuple[float, float]] = {
    "max_tokens": (1, float("inf")),
    "max_completion_tokens": (1, float("inf")),
    "temperature": (0, 1),
    "top_p": (0, 1),
    "top_k": (0, float("inf")),
    "repetition_penalty": (1, 2),
}
"""What the Llama API's reference allows; the openai dialect's temperature goes to 2."""


@dataclass(slots=True)
class ModelRequest:
    """A request as the server got it."""

    dialect: Dialect
    headers: Mapping[str, str]
    body: dict[str, Any]
    aborted: bool = False
    """The client went away before the reply had ended."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server is done with it, one way or the other."""


class FakeModelServer:
    """An async context manager: serves on a free port of the loopback address."""

    def __init__(
        self,
        *replies: ModelReply,
        api_key: str = "",
        models: tuple[str, ...] = (),
        redirects: int = 0,
        retired: bool = False,
    ) -> None:
        """Say how to behave.

        Args:
            replies: to the requests, in their order; the last one repeats.
            api_key: what every request must carry; empty: anything goes.
            models: the ids that exist; empty: any.
            redirects: how many requests first get a 307 to themselves.
            retired: behave as the Llama API since its end: no models, and every chat is a 400.
        """
        self.requests: list[ModelRequest] = []
        self.connections: set[object] = set()
        """The connections over which requests came, as (address, port) of the client."""
        self.lists = 0
        """How often the list of models was asked for."""
        self.replies = list(replies) or [ModelReply()]
        self._api_key = api_key
        self._models = models
        self._redirects = redirects
        self._retired = retired
        self._port = 0
        self._arrived = asyncio.Condition()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        for prefix, dialect in (("/v1", "llama"), ("/compat/v1", "openai")):
            app.router.add_post(f"{prefix}/chat/completions", self._chat, name=dialect)
            app.router.add_get(f"{prefix}/models", self._list_models)
        # The handler is cancelled when its client goes away: that is how ``aborted`` is known.
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        """Begin to serve."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=4096)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop; what is still being served is cut off."""
        await self._runner.cleanup()

    def base_url(self, dialect: Dialect) -> str:
        """Return what to write as ``base_url`` in bot.yaml."""
        return f"http://127.0.0.1:{self._port}" + ("/v1" if dialect == "llama" else "/compat/v1")

    async def request(self, number: int) -> ModelRequest:
        """Wait until that many requests have come, and return the last of them."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= number)
        return self.requests[number - 1]

    async def _list_models(self, request: web.Request) -> web.Response:
        self.lists += 1
        if refusal := self._unauthorized(request):
            return _fixed(refusal)
        names = () if self._retired else self._models
        data = [
            {"id": name, "object": "model", "created": 1_735_718_400, "owned_by": "test"} for name in names
        ]
        return web.json_response({"object": "list", "data": data})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if self._redirects:
            self._redirects -= 1
            raise web.HTTPTemporaryRedirect(request.path)
        if request.transport is not None:
            self.connections.add(request.transport.get_extra_info("peername"))
        dialect: Dialect = "llama" if request.path.startswith("/v1") else "openai"
        raw = await request.read()
        if refusal := self._unauthorized(request) or self._invalid(raw, dialect):
            return _fixed(refusal)
        seen = ModelRequest(dialect, request.headers.copy(), json.loads(raw))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        await self._note(seen)
        try:
            return await _serve(request, reply, seen)
        except (asyncio.CancelledError, ConnectionResetError):
            seen.aborted = True
            raise
        finally:
            seen.ended.set()

    async def _note(self, request: ModelRequest) -> None:
        async with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()

    def _unauthorized(self, request: web.Request) -> ModelReply | None:
        if self._api_key and request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return problem(401, "Unauthorized", "Invalid API key")
        return None

    def _invalid(self, raw: bytes, dialect: Dialect) -> ModelReply | None:
        """Check a request by the reference of the chat endpoint."""
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return problem(400, "Bad Request", "The body is not a JSON object")
        if self._retired or (self._models and body.get("model") not in self._models):
            return problem(400, "Bad Request", "Invalid model name")
        wrong = _wrong_field(body, dialect)
        return problem(400, "Bad Request", f"Invalid value for '{wrong}'") if wrong else None


def _wrong_field(body: Mapping[str, Any], dialect: Dialect) -> str:
    """Return the name of the first field that the reference does not allow; empty when all is well."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "messages"
    if any(m.get("role") not in {"system", "user", "assistant", "tool", "developer"} for m in messages):
        return "messages.role"
    for name, (least, most) in _RANGES.items():
        limit = 2 if (dialect, name) == ("openai", "temperature") else most
        if name in body and not (isinstance(body[name], int | float) and least <= body[name] <= limit):
            return name
    return ""


async def _serve(request: web.Request, reply: ModelReply, seen: ModelRequest) -> web.StreamResponse:
    await asyncio.sleep(reply.first_delay)
    if reply.body is not None:
        return _fixed(reply)
    if seen.body.get("stream"):
        return await _stream(request, reply, seen.dialect)
    return await _send_whole(request, reply, seen.dialect)


def _fixed(reply: ModelReply) -> web.Response:
    return web.Response(
        status=reply.status, headers=reply.headers, body=reply.body, content_type=reply.content_type
    )


async def _stream(request: web.Request, reply: ModelReply, dialect: Dialect) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_type = "text/event-stream"
    await response.prepare(request)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number, event in enumerate(events(reply, dialect)):
        if reply.fault and number == reply.fault_after + 1 and await _fault(request, response, reply):
            return response
        if number > 1:  # by the clock, so that a busy server does not fall behind further and further
            await asyncio.sleep(begun + (number - 1) * reply.delay - loop.time())
        await _write(response, event, reply.split)
    await response.write_eof()
    return response


async def _send_whole(request: web.Request, reply: ModelReply, dialect: Dialect) -> web.StreamResponse:
    body = json.dumps(whole(reply, dialect)).encode()
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_type = "application/json"
    await response.prepare(request)
    half = len(body) // 2
    await _write(response, body[:half], reply.split)
    if reply.fault and await _fault(request, response, reply):
        return response
    await _write(response, body[half:], reply.split)
    await response.write_eof()
    return response


async def _fault(request: web.Request, response: web.StreamResponse, reply: ModelReply) -> bool:
    """Do what the reply says goes wrong. Returns whether the response has ended with it."""
    if reply.fault == "raw":
        await _write(response, reply.raw, reply.split)
        return False
    if reply.fault == "stall":
        await asyncio.Event().wait()
    elif reply.fault == "pings":
        while True:
            await response.write(b": ping\n\n")
            await asyncio.sleep(0.02)
    elif reply.fault == "reset":
        if request.transport is not None:
            request.transport.abort()
    else:
        await response.write_eof()
    return True


async def _write(response: web.StreamResponse, data: bytes, split: int) -> None:
    size = split or max(1, len(data))
    for start in range(0, len(data), size):
        await response.write(data[start : start + size])
        if split:
            await asyncio.sleep(0)  # lets the bytes leave by themselves
