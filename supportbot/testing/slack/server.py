"""The fake Slack's server: the Web API, Socket Mode, the OAuth pages, the files, and what is to go wrong."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
import secrets
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from supportbot.testing.slack.app_methods import oauth_access
from supportbot.testing.slack.calls import Call, SlackError, read_call
from supportbot.testing.slack.faults import FaultKind, SlackFault, fail
from supportbot.testing.slack.methods import METHODS
from supportbot.testing.slack.people import People
from supportbot.testing.slack.workspace import Workspace
from supportbot.testing.slack.world import StoredFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.testing.slack.store import Message

_POSTING = {"chat.postMessage", "chat.update"}


class FakeSlack(People):
    """An async context manager: serves on a free port of the loopback address."""

    def __init__(self, *, signing_secret: str = "fake-signing-secret", posts_per_second: float = 0) -> None:  # noqa: S107
        """Say how to behave.

        Args:
            signing_secret: what events are signed with.
            posts_per_second: how many posts and edits a channel takes; more get a 429. 0: any number.
        """
        super().__init__(signing_secret)
        self.calls: list[Call] = []
        """Every call of the Web API, in order."""
        self.faults: list[SlackFault] = []
        """What is to go wrong. The first that befalls a call is the one."""
        self._per_second = posts_per_second
        self._next_post: dict[tuple[str, str], float] = {}
        self._moved = asyncio.Condition()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/socket", self.sockets.serve)
        app.router.add_get("/oauth/v2/authorize", self._authorize)
        app.router.add_get("/files/{id}/{name}", self._download)
        app.router.add_get("/signin", self._sign_in)
        app.router.add_post("/response", self._response)
        self.responses: list[dict[str, Any]] = []
        """What was posted to a ``response_url``."""
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        """Begin to serve."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024).start()
        self.world.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop; what is still being served is cut off."""
        await self.sockets.close()
        if self._http is not None:
            await self._http.close()
        await self._runner.cleanup()

    @property
    def api_url(self) -> str:
        """The ``base_url`` of a client."""
        return f"{self.world.url}/api/"

    @property
    def authorize_url(self) -> str:
        """Where a person allows an installation."""
        return f"{self.world.url}/oauth/v2/authorize"

    def workspace(
        self, team: str = "T0FAKE", *, enterprise_id: str | None = None, installed: bool = True
    ) -> Workspace:
        """Make a workspace with the app in it, and return it. Its ``token`` is a good one."""
        rest = team.removeprefix("T0")
        made = Workspace(
            team,
            team.title(),
            self.sockets.app_id,
            f"U0BOT{rest}",
            f"B0BOT{rest}",
            enterprise_id=enterprise_id,
        )
        made.user(made.bot_user, is_bot=True)
        if installed:
            made.issue()
        self.world.workspaces[team] = made
        return made

    def fail(self, method: str, kind: FaultKind, **more: Any) -> SlackFault:
        """Let the next call of a method fail. ``more`` are fields of ``SlackFault``."""
        fault = SlackFault(method=method, kind=kind, **more)
        self.faults.append(fault)
        return fault

    def messages(self, channel: str, thread_ts: str = "") -> list[Message]:
        """Return the messages of a channel in any workspace, or of one thread."""
        everything = [message for place, message in self.world.store.everywhere() if place[1] == channel]
        return [m for m in everything if not thread_ts or thread_ts in (m.ts, m.thread_ts)]

    def posts(self, channel: str, thread_ts: str = "") -> list[str]:
        """Return what the bot says there now: the texts of its messages."""
        return [message.text for message in self.messages(channel, thread_ts) if message.bot_id]

    def visible(self, channel: str, thread_ts: str = "") -> list[tuple[str, str]]:
        """Return what a person sees there now: who said what."""
        return [(message.user, message.text) for message in self.messages(channel, thread_ts)]

    def hide_posts(self, reads: int) -> None:
        """Let what the bot posts from now on be absent from so many reads: Slack shows late at times."""
        self.world.store.unseen = reads

    def called(self, method: str = "") -> list[Call]:
        """Return the calls of a method, or of those that begin so."""
        return [call for call in self.calls if call.method.startswith(method)]

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is true, looking whenever a call comes, is taken or ends."""
        async with self._moved:
            await self._moved.wait_for(true)

    def add_file(
        self, team: str, name: str, content: bytes, mimetype: str, *, redirect: str = "", **shown: Any
    ) -> str:
        """Keep a file that somebody uploaded, and return its id.

        ``redirect`` is where its download leads instead; ``shown`` goes into what Slack says of the file.
        """
        file = f"F{secrets.token_hex(5).upper()}"
        url = f"{self.world.url}/files/{file}/{name}"
        known = {
            "id": file,
            "name": name,
            "title": name,
            "mimetype": mimetype,
            "size": len(content),
            "mode": "hosted",
        }
        urls = {"url_private": url, "url_private_download": url, "filetype": name.rpartition(".")[2]}
        self.world.files[file] = StoredFile({**known, **urls, **shown}, content, team, redirect)
        return file

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        try:
            call = await read_call(request, method)
        except SlackError as error:
            return web.json_response(error.answer)
        self.calls.append(call)
        await self._tell()
        try:
            return await self._serve(request, call)
        finally:
            await self._tell()

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def _serve(self, request: web.Request, call: Call) -> web.StreamResponse:
        fault = next((fault for fault in self.faults if fault.befalls(call)), None)
        call.fault = fault.kind if fault else ""
        if fault and not fault.after and fault.kind not in {"slow", "cut"}:
            return await fail(request, fault, web.Response())
        if wait := self._too_fast(call):
            call.fault = "ratelimited"
            busy = SlackFault(kind="ratelimited", retry_after=wait)
            return await fail(request, busy, web.Response())
        response = self._answer(request, call)
        await self._tell()
        return await fail(request, fault, response) if fault else response

    def _answer(self, request: web.Request, call: Call) -> web.Response:
        headers: dict[str, str] = {}
        try:
            answer = self._outside(request, call)
            answer = self._inside(call, headers) if answer is None else answer
            call.taken, call.answer = True, {"ok": True, **answer}
        except SlackError as error:
            call.answer = error.answer
        return web.json_response(call.answer, headers=headers)

    def _inside(self, call: Call, headers: dict[str, str]) -> dict[str, Any]:
        """Answer a method that needs a bot token."""
        caller = self.world.caller(call)
        call.team = caller.workspace.id
        headers["x-oauth-scopes"] = ",".join(caller.token.scopes)
        if call.method not in METHODS:
            raise SlackError("unknown_method", req_method=call.method)
        method, scopes = METHODS[call.method]
        caller.require(*scopes)
        return method(self.world, caller, call)

    def _outside(self, request: web.Request, call: Call) -> dict[str, Any] | None:
        """Answer the two methods that need no bot token; None for the others."""
        if call.method == "oauth.v2.access":
            return oauth_access(self.world, call, _client(request, call))
        if call.method == "apps.connections.open":
            if call.token != self.world.app_token:
                raise SlackError("invalid_auth" if call.token else "not_authed")
            return {"url": f"ws{self.world.url.removeprefix('http')}/socket?ticket={self.sockets.ticket()}"}
        return None

    def _too_fast(self, call: Call) -> int:
        """Return after how many seconds a call may come again; 0 when it may now."""
        if not self._per_second or call.method not in _POSTING:
            return 0
        key, now = (call.token, call.text("channel")), time.monotonic()
        if now < (free := self._next_post.get(key, 0)):
            return math.ceil(free - now)
        self._next_post[key] = now + 1 / self._per_second
        return 0

    async def _authorize(self, request: web.Request) -> web.Response:
        """Allow the installation at once, in the workspace named by ``team``, else in the first."""
        team = request.query.get("team") or next(iter(self.world.workspaces))
        code = secrets.token_hex(8)
        self.world.codes[code] = team
        back = {"code": code, "state": request.query.get("state", "")}
        raise web.HTTPFound(f"{request.query['redirect_uri']}?{urlencode(back)}")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """Give a file to a token that may read it; everybody else is sent to a page to sign in."""
        stored = self.world.files.get(request.match_info["id"])
        call = Call("download", {}, request.headers.get("Authorization", "").removeprefix("Bearer "))
        self.calls.append(call)
        try:
            caller = self.world.caller(call)
        except SlackError:
            raise web.HTTPFound("/signin") from None
        if stored is None or stored.team != caller.workspace.id or "files:read" not in caller.token.scopes:
            return web.Response(status=404)
        if stored.redirect:
            raise web.HTTPFound(stored.redirect)
        return web.Response(body=stored.content, content_type=stored.shown["mimetype"])

    async def _sign_in(self, _: web.Request) -> web.Response:
        page = "<!DOCTYPE html><html><title>Sign in to Slack</title></html>"
        return web.Response(text=page, content_type="text/html")

    async def _response(self, request: web.Request) -> web.Response:
        self.responses.append(await request.json())
        return web.json_response({"ok": True})


def _client(request: web.Request, call: Call) -> tuple[str, str]:
    """Return the client's id and secret: basic authentication, or among the arguments."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return "", ""
        return name, password
    return call.text("client_id"), call.text("client_secret")
