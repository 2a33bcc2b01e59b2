"""Slack's requests over HTTP: events, presses of buttons, commands.

One handler takes them all, so that one Request URL can be given everywhere. The raw bytes are verified
before anything reads them; what is not signed is answered 401 and nothing else happens.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson
import structlog
from aiohttp import web

from supportbot import strictjson
from supportbot.web import Problem, accepts_bodies, read_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from supportbot_slack.signature import Signatures

    Take = Callable[[Any], Awaitable[Any]]

PATHS = ("/events", "/interactivity", "/commands")
_LONGEST_BODY = 1024 * 1024
"""Bytes: a message of 40,000 characters comes several times in one event, and escaped."""
_LONGEST_CHALLENGE = 4096
_MOST_FIELDS = 100
_COMPLAIN_EVERY = 60.0
"""Seconds between two lines in the log while requests are refused: anybody may send some."""
_UNSIGNED = (
    "requests were refused that this app's Slack did not sign within five minutes: if Slack's own are among "
    "them, signing_secret is another app's, or this machine's clock is off"
)
_NO_RETRY = {"X-Slack-No-Retry": "1"}

log = structlog.get_logger(__name__)


class Requests:
    """The routes of the HTTP way in."""

    def __init__(self, signatures: Signatures, *, events: Take, pressed: Take, command: Take) -> None:
        """Wire it.

        Args:
            signatures: tells Slack's requests.
            events: takes an event's body.
            pressed: takes what a person did with a button, a shortcut or a view; may return an answer.
            command: takes a slash command's fields; may return an answer.
        """
        self._signatures = signatures
        self._events = events
        self._pressed = pressed
        self._command = command
        self._refused = 0
        self._silent_until = 0.0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes: one handler behind three names."""

        @accepts_bodies(_LONGEST_BODY)
        async def handle(request: web.Request) -> web.Response:
            return await self._handle(request)

        return [web.post(path, handle) for path in PATHS]

    async def _handle(self, request: web.Request) -> web.Response:
        body = await read_body(request, limit=_LONGEST_BODY)
        if not self._signatures.fit(request.headers, body, time.time()):
            self._tell_of_refusal(asyncio.get_running_loop().time())
            raise Problem(401, "not_signed", "The request is not signed by Slack, or too old.")
        if body[:1] in b"{[ \t\r\n\xef" and body:
            return await self._event(_json(body))
        fields = _fields(body)
        if "payload" in fields:
            return _answer(await self._pressed(_json(fields["payload"].encode())))
        if "command" in fields:
            return _answer(await self._command(fields))
        if "ssl_check" in fields:  # Slack looks at the certificate only
            return web.Response()
        return await self._event(_json(body))

    def _tell_of_refusal(self, now: float) -> None:
        """Count it, and tell the operator now and then; nothing of the request is told."""
        self._refused += 1
        if now >= self._silent_until:
            log.warning("slack.not_signed", refused=self._refused, problem=_UNSIGNED)
            self._refused = 0
            self._silent_until = now + _COMPLAIN_EVERY

    async def _event(self, payload: Any) -> web.Response:
        if not isinstance(payload, dict):
            raise _not_slacks("The body must be a JSON object.")
        if payload.get("type") == "url_verification":
            return _challenge(payload.get("challenge"))
        await self._events(payload)
        return web.Response()


def _json(data: bytes) -> Any:
    """Parse fast; what that parser refuses, such as half a surrogate pair, gets a second, slower look."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return strictjson.parse(data)
    except strictjson.JSONError as error:
        raise _not_slacks(str(error)) from None


def _fields(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise _not_slacks("The body is neither JSON nor a form.") from None


def _challenge(challenge: object) -> web.Response:
    """Answer Slack's question whether the URL is ours."""
    if not isinstance(challenge, str) or len(challenge) > _LONGEST_CHALLENGE:
        raise _not_slacks("The challenge is no short text.")
    return web.Response(text=challenge, headers={"X-Content-Type-Options": "nosniff"})


def _answer(value: object) -> web.Response:
    if value is None:
        return web.Response()
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _not_slacks(message: str) -> Problem:
    return Problem(400, "bad_request", message, headers=_NO_RETRY)
