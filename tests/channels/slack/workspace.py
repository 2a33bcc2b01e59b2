"""A small Slack that does what a test scripts, call by call; people's messages come from the test alone.

What Slack itself checks of a call, ``supportbot.testing.FakeSlack`` checks: see ``test_fake``.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, Self

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

Fault = Literal["reset", "taken, then reset", "500", "taken, then 500", "html", "taken, then html", "429"]
"""What becomes of one call, and whether Slack does it all the same."""

TEAM, APP, BOT, BOT_USER, TOKEN = "T0", "A0", "B0", "UBOT", "xoxb-1-test"
EPOCH = int(time.time())
"""Before all posts, in Unix seconds; what people write has earlier timestamps."""


@dataclass
class Posted:
    """One message in the store."""

    ts: str
    channel: str
    thread: str
    fields: dict[str, Any]
    streaming: bool = False
    updates: int = 0

    @property
    def text(self) -> str:
        """What people read."""
        blocks = [b["text"] for b in self.fields.get("blocks") or () if b["type"] == "markdown"]
        return "\n".join(blocks) or self.fields.get("markdown_text") or self.fields.get("text", "")


@dataclass
class ScriptedSlack:
    """One workspace. ``calls`` is the ledger: every call in its order, with its arguments."""

    posts: list[Posted] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    """What people wrote, for ``conversations.replies``."""
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    """By method: what becomes of its next calls."""
    refusals: dict[str, str] = field(default_factory=dict)
    """By method: the error that every call is answered with."""
    envelopes: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._last = EPOCH
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._failing()])
        app.add_routes([web.get("/socket", self._socket), web.post("/api/{method}", self._call)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/api/"
        self._ws_url = f"ws://{host}:{port}/socket"
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in self.sockets:
            await socket.close()
        await self._runner.cleanup()

    # -- what a test asks -------------------------------------------------------------------------

    def methods(self) -> list[str]:
        """Return the names of the calls that write or read messages, in order."""
        return [name for name, _ in self.calls if name.startswith(("chat.", "conversations."))]

    def shown(self) -> list[str]:
        """Return what stands in all channels."""
        return [post.text for post in self.posts]

    async def until(self, what: Any) -> None:
        """Wait until something is so; it is looked at after every call."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(what)

    async def push(self, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send an envelope over Socket Mode, and return its acknowledgement."""
        identity = f"env{next(self._numbers)}"
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.envelopes[identity] = future
        envelope = {"type": kind, "envelope_id": identity, "payload": payload}
        await self.sockets[-1].send_str(json.dumps(envelope))
        async with asyncio.timeout(20):
            return await future

    # -- the Web API ------------------------------------------------------------------------------

    def _failing(self) -> Middleware:
        @web.middleware
        async def fail(request: web.Request, handler: Handler) -> web.StreamResponse:
            method = request.match_info.get("method", "")
            queue = self.faults[method]
            fault = queue.popleft() if queue else None
            if fault is None:
                return await handler(request)
            if fault.startswith("taken"):
                await handler(request)
            else:
                self.calls.append((method, {"fault": fault}))
                async with self._changed:
                    self._changed.notify_all()
            if fault.endswith("reset"):
                assert request.transport is not None
                request.transport.abort()
            if fault == "429":
                return web.json_response(
                    {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "1"}
                )
            if fault.endswith("html"):
                return web.Response(text="<html>Slack is down</html>", content_type="text/html")
            return web.Response(status=500)

        return fail

    async def _call(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        is_json = request.content_type == "application/json"
        arguments: dict[str, Any] = await request.json() if is_json else dict(await request.post())
        self.calls.append((method, arguments))
        if method in self.refusals:
            answer: dict[str, Any] = {"ok": False, "error": self.refusals[method]}
        elif token not in {TOKEN, "xapp-1-test"}:
            answer = {"ok": False, "error": "invalid_auth"}
        elif method in {"conversations.replies", "conversations.history"} and is_json:
            answer = {"ok": False, "error": "invalid_arguments"}  # those take forms only
        else:
            answer = {"ok": True} | getattr(self, _name(method), lambda _: {})(arguments)
        async with self._changed:
            self._changed.notify_all()
        return web.json_response(answer)

    def _auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT, "team": "Test"}

    def _apps_connections_open(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"url": self._ws_url}

    def _users_info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        user = arguments["user"]
        return {
            "user": {"id": user, "team_id": TEAM, "real_name": f"Name of {user}"} | self.users.get(user, {})
        }

    def _chat_post_message(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"ts": self._keep(arguments).ts, "channel": arguments["channel"]}

    def _chat_start_stream(self, arguments: dict[str, Any]) -> dict[str, Any]:
        post = self._keep(arguments)
        post.streaming = True
        return {"ts": post.ts}

    def _chat_append_stream(self, arguments: dict[str, Any]) -> dict[str, Any]:
        post = self._find(arguments)
        if post is None or not post.streaming:
            return {"ok": False, "error": "message_not_in_streaming_state"}
        post.fields["markdown_text"] += arguments["markdown_text"]
        return {"ts": post.ts}

    def _chat_stop_stream(self, arguments: dict[str, Any]) -> dict[str, Any]:
        post = self._find(arguments)
        if post is None or not post.streaming:
            return {"ok": False, "error": "message_not_in_streaming_state"}
        post.streaming = False
        text = post.fields["markdown_text"] + arguments.get("markdown_text", "")
        body = {"type": "markdown", "text": text}
        post.fields |= {**arguments, "blocks": [body, *arguments.get("blocks", [])], "markdown_text": text}
        return {"ts": post.ts}

    def _chat_update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        post = self._find(arguments)
        if post is None:
            return {"ok": False, "error": "message_not_found"}
        if post.streaming:
            return {"ok": False, "error": "streaming_state_conflict"}
        post.fields = {"metadata": post.fields.get("metadata")} | arguments
        post.updates += 1
        return {"ts": post.ts}

    def _chat_delete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        post = self._find(arguments)
        if post is None:
            return {"ok": False, "error": "message_not_found"}
        self.posts.remove(post)
        return {}

    def _conversations_replies(self, arguments: dict[str, Any]) -> dict[str, Any]:
        listed = [m for m in self._messages(arguments) if m.get("thread_ts", m["ts"]) == arguments["ts"]]
        return {"messages": listed}

    def _conversations_history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [m for m in self._messages(arguments) if "thread_ts" not in m]}

    def _messages(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        everything = [
            {"type": "message", "ts": p.ts, "user": BOT_USER, "bot_id": BOT, "app_id": APP, "text": p.text}
            | ({"thread_ts": p.thread} if p.thread else {})
            | self._metadata(p, arguments)
            for p in self.posts
            if p.channel == arguments["channel"]
        ] + [m for m in self.said if m["channel"] == arguments["channel"]]
        oldest, latest = arguments.get("oldest", "0"), arguments.get("latest", "9")
        return sorted((m for m in everything if oldest <= m["ts"] <= latest), key=lambda m: m["ts"])

    def _metadata(self, post: Posted, arguments: dict[str, Any]) -> dict[str, Any]:
        metadata = post.fields.get("metadata")
        wanted = arguments.get("include_all_metadata") == "true"
        return {"metadata": metadata} if metadata and wanted else {}

    def _keep(self, arguments: dict[str, Any]) -> Posted:
        self._last = max(self._last + 1, int(time.time()))
        ts = f"{self._last}.000001"
        post = Posted(ts, arguments["channel"], arguments.get("thread_ts", ""), dict(arguments))
        self.posts.append(post)
        return post

    def _find(self, arguments: dict[str, Any]) -> Posted | None:
        return next((p for p in self.posts if p.ts == arguments["ts"]), None)

    # -- Socket Mode ------------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(json.dumps({"type": "hello"}))
        self.sockets.append(socket)
        async with self._changed:
            self._changed.notify_all()
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                acknowledgement = json.loads(message.data)
                self.envelopes.pop(acknowledgement["envelope_id"]).set_result(acknowledgement)
        if socket in self.sockets:
            self.sockets.remove(socket)
        return socket


def _name(method: str) -> str:
    """Return the name of what does a method: ``_chat_post_message`` for ``chat.postMessage``."""
    return "_" + re.sub("([A-Z])", r"_\1", method).replace(".", "_").lower()
