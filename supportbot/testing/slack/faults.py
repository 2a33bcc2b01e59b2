"""How the fake Slack fails: before it has taken a call, or after."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aiohttp import web

if TYPE_CHECKING:
    from supportbot.testing.slack.calls import Call

FaultKind = Literal["reset", "hang", "status", "html", "malformed", "ratelimited", "slow", "cut", "error"]
"""Break the connection; never answer; an HTTP error; a page instead of JSON; half of the JSON; 429; a late
answer; an answer that is cut off within its Content-Length; an ``error`` of Slack's."""


@dataclass(slots=True, kw_only=True)
class SlackFault:
    """What befalls calls of a method."""

    kind: FaultKind
    method: str = ""
    """A method, or how several begin, such as ``chat.``; empty: all."""
    after: bool = False
    """Slack takes the call first, and only the answer is lost."""
    times: int = 1
    """How many calls it befalls; 0: no end."""
    skip: int = 0
    """How many calls pass before."""
    every: int = 1
    """Only each n-th call from there on."""
    status: int = 500
    error: str = "internal_error"
    retry_after: int = 1
    """Seconds, of ``ratelimited``."""
    seconds: float = 0.1
    """How late a ``slow`` answer is."""
    _seen: int = 0
    _hit: int = 0

    def befalls(self, call: Call) -> bool:
        """Count a call, and say whether this is one to fail."""
        if not call.method.startswith(self.method) or (self.times and self._hit >= self.times):
            return False
        self._seen += 1
        if self._seen <= self.skip or (self._seen - self.skip) % self.every:
            return False
        self._hit += 1
        return True


async def fail(request: web.Request, fault: SlackFault, answer: web.Response) -> web.StreamResponse:
    """Answer in a fault's way. ``answer`` is what would have been said."""
    if fault.kind == "hang":
        await asyncio.Event().wait()
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        return answer
    if fault.kind == "cut":
        return await _cut(request, answer)
    if fault.kind == "reset":
        _abort(request)
    return _instead(fault)


def _instead(fault: SlackFault) -> web.Response:
    if fault.kind == "ratelimited":
        headers = {"Retry-After": str(fault.retry_after)}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
    if fault.kind == "html":
        page = "<!DOCTYPE html><html><body>Slack is having trouble.</body></html>"
        return web.Response(text=page, content_type="text/html")
    if fault.kind == "malformed":
        return web.Response(text='{"ok": tru', content_type="application/json")
    if fault.kind == "error":
        return web.json_response({"ok": False, "error": fault.error})
    return web.Response(status=fault.status, text="upstream connect error")


async def _cut(request: web.Request, answer: web.Response) -> web.StreamResponse:
    body = answer.body if isinstance(answer.body, bytes) else b""
    response = web.StreamResponse(headers={"Content-Length": str(len(body))})
    response.content_type = "application/json"
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    _abort(request)
    return response


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
