"""Slack's Web API, as far as the hot path needs it: one POST, and what its answer means.

On our own shared aiohttp session: ``slack_sdk``'s client costs several times the CPU per call, and it posts
a message twice when a connection breaks after Slack took it, unless its retries are taken out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import orjson

from supportbot import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import web

_TIMEOUT = 20.0
"""Seconds for one call; less than ``deliveries.timeout``, so that we say what happened."""
_CONNECTIONS = 200
_LONGEST_ANSWER = 8 * 1024 * 1024
_LONGEST_PAUSE = 3600.0


class SlackError(Exception):
    """A call of Slack's Web API did not do what it should. ``cause`` is one line of ours, for logs."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class NotReached(SlackError):
    """Slack could not be reached: it has not seen the call."""


class RateLimited(SlackError):
    """Slack did not take the call, and says when it may take it."""

    def __init__(self, seconds: float) -> None:
        super().__init__("Slack asks to slow down")
        self.seconds = seconds


class Declined(SlackError):
    """Slack answered ``{"ok": false, "error": code}``: it did nothing."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Slack answered {code}")
        self.code = code


class Lost(SlackError):
    """Nobody knows whether Slack took the call."""


class SlackApi:
    """One connection pool for all calls of a channel."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url
        self._session: aiohttp.ClientSession | None = None

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Hold the connections for as long as the application runs: a ``cleanup_ctx``."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT, sock_connect=5.0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"SupportBot/{__version__}"},
        ) as self._session:
            yield
        self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The connection pool, for what is no call of the Web API.

        Raises:
            NotReached: the channel does not run.
        """
        if self._session is None:
            raise NotReached("the channel is not running")
        return self._session

    async def call(self, token: str, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a method once, and return its answer.

        Args:
            token: on whose behalf.
            method: such as ``chat.postMessage``.
            arguments: sent as JSON.

        Raises:
            NotReached: Slack has not seen the call.
            RateLimited: it was not taken; it may be later.
            Declined: it was refused.
            Lost: nobody knows.
        """
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
        return await self._post(method, orjson.dumps(arguments), headers)

    async def read(self, token: str, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The same for a method that reads: those take their arguments as a form only.

        https://docs.slack.dev/apis/web-api/#methods-supporting-json
        """
        form = aiohttp.FormData({name: _form_value(value) for name, value in arguments.items()})
        return await self._post(method, form, {"Authorization": f"Bearer {token}"})

    async def identify(self, token: str) -> tuple[dict[str, Any], frozenset[str]]:
        """Return what ``auth.test`` says of a token, and the scopes it has."""
        headers = {"Authorization": f"Bearer {token}"}
        answer, scopes = await self._exchange("auth.test", b"", headers)
        return answer, frozenset(filter(None, (scope.strip() for scope in scopes.split(","))))

    async def _post(self, method: str, data: Any, headers: dict[str, str]) -> dict[str, Any]:
        answer, _ = await self._exchange(method, data, headers)
        return answer

    async def _exchange(self, method: str, data: Any, headers: dict[str, str]) -> tuple[dict[str, Any], str]:
        try:
            async with self.session.post(
                self._base + method, data=data, headers=headers, allow_redirects=False
            ) as response:
                if response.status == 429:
                    raise RateLimited(_pause(response.headers.get("Retry-After", "")))
                body = await response.content.read(_LONGEST_ANSWER)
                status, scopes = response.status, response.headers.get("X-OAuth-Scopes", "")
        except aiohttp.ClientConnectorError as error:
            raise NotReached("Slack cannot be reached") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Lost(f"Slack did not answer ({type(error).__name__})") from error
        return _answer(status, body), scopes


def _answer(status: int, body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Lost(f"Slack answered {status} without JSON") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        raise Lost(f"Slack answered {status} with something else")
    if answer["ok"]:
        if status != 200:
            raise Lost(f"Slack answered {status}")
        return answer
    code = answer.get("error")
    code = code if isinstance(code, str) else "an error without a name"
    if code in _UNSURE or status >= 500:
        raise Lost(f"Slack answered {code}")
    if code in {"ratelimited", "rate_limited", "message_limit_exceeded"}:
        raise RateLimited(_DEFAULT_PAUSE)
    raise Declined(code)


_DEFAULT_PAUSE = 30.0
_UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
"""Slack's own troubles: https://docs.slack.dev/reference/methods/chat.postMessage#errors says that a part
may have been done."""


def _pause(header: str) -> float:
    return min(float(header), _LONGEST_PAUSE) if header.isascii() and header.isdigit() else _DEFAULT_PAUSE


def _form_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()
