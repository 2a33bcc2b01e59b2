"""Slack as far as it grants: oauth.v2.access, auth.test, auth.revoke, apps.connections.open."""

from __future__ import annotations

import asyncio
import base64
from itertools import count
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from supportbot_slack.grants import Grants

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp.typedefs import Handler, Middleware

CLIENT_ID = "111.222"
CLIENT_SECRET = "0123456789abcdef0123456789abcdef"
REDIRECT = "https://bot.example.com/channels/slack/oauth_redirect"
SCOPES = "app_mentions:read,chat:write"


class Authority:
    """Grants each code of ``codes`` once, and each refresh token once."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, Any]] = {"good-code": {}}
        """What each code's grant says differently."""
        self.tokens: dict[str, str] = {}
        """The bot tokens that were given out, and what is wrong with each: empty while it works."""
        self.refresh_tokens: set[str] = set()
        self.scopes = SCOPES
        self.rotates = False
        self.calls: list[str] = []
        self.posts: list[Mapping[str, Any]] = []
        self.fields: list[Mapping[str, Any]] = []
        self.before: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0)
        """Awaited before anything is answered."""
        self.away: int | None = None
        self.away_with: str | None = None
        """While it is set, everything is answered with this status and nothing else."""
        self._numbers = count(1)

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._failing()])
        app.add_routes([
            web.post("/oauth.v2.access", self.access),
            web.post("/auth.test", self.test),
            web.get("/auth.revoke", self.revoke),
            web.post("/apps.connections.open", self.open),
            web.post("/chat.postMessage", self.post),
            web.post("/conversations.replies", self.replies),
            web.post("/conversations.history", self.replies),
        ])  # fmt: skip
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def _failing(self) -> Middleware:
        @web.middleware
        async def fail(request: web.Request, handler: Handler) -> web.StreamResponse:
            await self.before()
            return (
                await handler(request)
                if self.away is None
                else web.Response(status=self.away, text=self.away_with)
            )

        return fail

    def client(self, token: str | None = None) -> AsyncWebClient:
        """Return a client that talks to it, as the channel makes its own."""
        return AsyncWebClient(token, base_url=f"{self.url}/", retry_handlers=[], timeout=10)

    def grants(self) -> Grants:
        return Grants(self.client(), client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET))

    def give(self, token: str) -> str:
        self.tokens[token] = ""
        return token

    async def access(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        self.calls.append("oauth.v2.access")
        self.fields.append(form)
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {expected}":
            return web.json_response({"ok": False, "error": "bad_client_secret"})
        if form.get("grant_type") == "refresh_token":
            if form["refresh_token"] not in self.refresh_tokens:
                return web.json_response({"ok": False, "error": "invalid_refresh_token"})
            self.refresh_tokens.discard(str(form["refresh_token"]))
            return web.json_response(self._grant({}))
        if form.get("redirect_uri") != REDIRECT:
            return web.json_response({"ok": False, "error": "bad_redirect_uri"})
        if form.get("code") not in self.codes:
            return web.json_response({"ok": False, "error": "invalid_code"})
        return web.json_response(self._grant(self.codes.pop(str(form["code"]))))

    async def test(self, request: web.Request) -> web.Response:
        self.calls.append("auth.test")
        wrong = self.tokens.get(_bearer(request), "invalid_auth")
        if wrong:
            return web.json_response({"ok": False, "error": wrong})
        who = {
            "ok": True,
            "team_id": "T1",
            "user_id": "UBOT",
            "bot_id": "BBOT",
            "team": "Acme",
            "user": "fern",
        }
        return web.json_response(who, headers={"X-OAuth-Scopes": self.scopes})

    async def revoke(self, request: web.Request) -> web.Response:
        self.calls.append("auth.revoke")
        self.tokens[_bearer(request)] = "token_revoked"
        return web.json_response({"ok": True, "revoked": True})

    async def post(self, request: web.Request) -> web.Response:
        self.calls.append("chat.postMessage")
        if wrong := self.tokens.get(_bearer(request), "invalid_auth"):
            return web.json_response({"ok": False, "error": wrong})
        message = await request.json()
        self.posts.append(message)
        return web.json_response({"ok": True, "channel": message["channel"], "ts": f"9.{len(self.posts):06}"})

    async def replies(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "messages": []})

    async def open(self, request: web.Request) -> web.Response:
        self.calls.append("apps.connections.open")
        if wrong := self.tokens.get(_bearer(request), "invalid_auth"):
            return web.json_response({"ok": False, "error": wrong})
        return web.json_response({"ok": True, "url": "wss://wss.slack.example/link"})

    def _grant(self, changes: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        grant: dict[str, Any] = {
            "ok": True,
            "access_token": self.give(f"xoxb-granted-{number:04}"),
            "token_type": "bot",
            "scope": self.scopes,
            "bot_user_id": "UBOT",
            "app_id": "A1",
            "team": {"id": "T1", "name": "Acme"},
            "enterprise": None,
            "is_enterprise_install": False,
            "authed_user": {"id": "U1"},
        }
        if self.rotates:
            refresh = f"xoxe-1-refresh-{number:04}"
            self.refresh_tokens.add(refresh)
            grant |= {"refresh_token": refresh, "expires_in": 43_200}
        return grant | changes


def _bearer(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")
