"""A model endpoint of one's own, for tests: both dialects over real HTTP, with every fault on demand.

    async with FakeModelServer(ModelReply(pieces=("Hello", "."))) as server:
        section = ModelSection(dialect="openai", model="test-model", base_url=server.base_url("openai"))
        ...
    assert "Hi" == server.requests[0].body["messages"][-1]["content"]

Each chat request takes the next reply; the last one is given again and again. The llama dialect is served
below ``/v1`` and the openai dialect below ``/compat/v1``, as the Llama API did, and beside the chat its lists
of models and its moderation.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from supportbot.testing.model_moderation import Flags, verdicts
from supportbot.testing.model_replies import Dialect, ModelReply, events, problem, whole
from supportbot.testing.model_rules import wrong_field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.testing.model_limits import RateLimits


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
        limits: RateLimits | None = None,
        flagged: Flags | None = None,
        verdict: ModelReply | None = None,
    ) -> None:
        """Say how to behave.

        Args:
            replies: to the requests, in their order; the last one repeats.
            api_key: what every request must carry; empty: anything goes.
            models: the ids that exist; empty: any.
            redirects: how many requests first get a 307 to themselves.
            retired: behave as the Llama API since its end: no models, and every chat is a 400.
            limits: what is allowed in a minute; what is more gets a 429.
            flagged: words that moderation objects to, with the category of each.
            verdict: how moderation misbehaves: its ``first_delay``, and its ``body`` instead of a verdict.
        """
        self.requests: list[ModelRequest] = []
        """Every chat request that was answered with a reply, in order."""
        self.moderated: list[ModelRequest] = []
        """Every moderation request."""
        self.connections: set[object] = set()
        """The connections over which requests came, as (address, port) of the client."""
        self.posts = 0
        """How many chat requests came, refused ones included."""
        self.lists = 0
        """How often the list of models was asked for."""
        self.replies = list(replies) or [ModelReply()]
        self._api_key = api_key
        self._models = models
        self._redirects = redirects
        self._retired = retired
        self._limits = limits
        self._flagged = flagged or {}
        self._verdict = verdict or ModelReply()
        self._port = 0
        self._arrived = asyncio.Condition()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        for prefix, dialect in (("/v1", "llama"), ("/compat/v1", "openai")):
            app.router.add_post(f"{prefix}/chat/completions", self._chat, name=dialect)
            app.router.add_get(f"{prefix}/models", self._list_models)
            app.router.add_get(f"{prefix}/models/{{id:.+}}", self._show_model)
            app.router.add_post(f"{prefix}/moderations", self._moderate)
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
        return web.json_response({"object": "list", "data": [_model(name) for name in names]})

    async def _show_model(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if refusal := self._unauthorized(request):
            return _fixed(refusal)
        if self._retired or (self._models and name not in self._models):
            return _fixed(problem(404, "Not Found", f"Model '{name}' was not found"))
        return web.json_response(_model(name))

    async def _moderate(self, request: web.Request) -> web.Response:
        dialect = _dialect(request)
        body = _object(await request.read())
        if refusal := self._unauthorized(request):
            return _fixed(refusal)
        answer = None if body is None else verdicts(body, dialect, self._flagged)
        if body is None or answer is None:
            return _fixed(problem(400, "Bad Request", "There is nothing to moderate"))
        self.moderated.append(ModelRequest(dialect, request.headers.copy(), body))
        await asyncio.sleep(self._verdict.first_delay)
        return web.json_response(answer) if self._verdict.body is None else _fixed(self._verdict)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if self._redirects:
            self._redirects -= 1
            raise web.HTTPTemporaryRedirect(request.path)
        if request.transport is not None:
            self.connections.add(request.transport.get_extra_info("peername"))
        self.posts += 1
        dialect = _dialect(request)
        body = _object(await request.read())
        refusal = self._unauthorized(request) or self._invalid(body, dialect) or self._over_limits()
        if refusal or body is None:
            return _fixed(refusal or problem(400, "Bad Request"))
        seen = ModelRequest(dialect, request.headers.copy(), body)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        await self._note(seen)
        try:
            return await serve_reply(request, self._limited(reply), seen)
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

    def _over_limits(self) -> ModelReply | None:
        if self._limits is None or not (seconds := self._limits.admit()):
            return None
        headers = self._limits.headers()
        if self._limits.retry_after:
            headers["retry-after"] = f"{seconds:.3f}"
        words = "You have exceeded what is allowed within a minute. Wait a bit and try again."
        return replace(problem(429, "Too Many Requests", words), headers=headers)

    def _limited(self, reply: ModelReply) -> ModelReply:
        """Count a reply's tokens, and put into its headers what is left."""
        if self._limits is None:
            return reply
        self._limits.spend(sum(reply.usage or ()))
        return replace(reply, headers={**self._limits.headers(), **reply.headers})

    def _invalid(self, body: dict[str, Any] | None, dialect: Dialect) -> ModelReply | None:
        """Check a request by the reference of the chat endpoint."""
        if body is None:
            return problem(400, "Bad Request", "The body is not a JSON object")
        if self._retired or (self._models and body.get("model") not in self._models):
            return problem(400, "Bad Request", "Invalid model name")
        wrong = wrong_field(body, dialect)
        return problem(400, "Bad Request", f"Invalid value for '{wrong}'") if wrong else None


def _dialect(request: web.Request) -> Dialect:
    return "llama" if request.path.startswith("/v1") else "openai"


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_735_718_400, "owned_by": "test"}


async def serve_reply(request: web.Request, reply: ModelReply, seen: ModelRequest) -> web.StreamResponse:
    """Answer a request as the reply says, faults and all."""
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
