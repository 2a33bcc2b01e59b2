"""Slack's Web API: what an answer means for what was asked."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from supportbot_slack.api import Declined, Lost, NotReached, RateLimited, SlackApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@asynccontextmanager
async def answered(handler: Callable[[web.Request], Any]) -> AsyncIterator[SlackApi]:
    app = web.Application()
    app.router.add_post("/api/{method}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    api = SlackApi(f"http://{host}:{port}/api/")
    running = api.run(web.Application())
    await anext(running)
    try:
        yield api
    finally:
        with pytest.raises(StopAsyncIteration):
            await anext(running)
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (200, '{"ok": false, "error": "is_archived"}', Declined),
        (200, '{"ok": false}', Declined),
        (200, '{"ok": false, "error": 7}', Declined),
        (200, '{"ok": false, "error": "ratelimited"}', RateLimited),
        (200, '{"ok": false, "error": "internal_error"}', Lost),
        (200, '{"ok": false, "error": "fatal_error"}', Lost),
        (500, '{"ok": false, "error": "is_archived"}', Lost),
        (500, '{"ok": true}', Lost),
        (200, '{"ok": "yes"}', Lost),
        (200, "[]", Lost),
        (200, "<html>", Lost),
        (200, "", Lost),
        (302, "", Lost),
        (429, "", RateLimited),
    ],
)
async def test_what_an_answer_means(status: int, body: str, raised: type[Exception]) -> None:
    """Refused, to be tried later, or nobody knows: nothing in between."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    async with answered(handler) as api:
        with pytest.raises(raised):
            await api.call("xoxb-1-test", "chat.postMessage", {})


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("", 30.0), ("soon", 30.0), ("-1", 30.0), ("99999", 3600.0)]
)
async def test_how_long_slack_asks_to_wait(header: str, seconds: float) -> None:
    """As it says; half a minute when that makes no sense; an hour at most."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": header} if header else {})

    async with answered(handler) as api:
        with pytest.raises(RateLimited) as raised:
            await api.call("xoxb-1-test", "chat.postMessage", {})
    assert seconds == raised.value.seconds


async def test_an_answer_may_come_in_pieces() -> None:
    """All of it is read."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"ok": true, "messages": [', b'"' + b"x" * 300_000 + b'"', b"]}"):
            await response.write(piece)
            await asyncio.sleep(0)
        return response

    async with answered(handler) as api:
        answer = await api.read("xoxb-1-test", "conversations.replies", {"limit": 5, "inclusive": True})
    assert 300_000 == len(answer["messages"][0])


async def test_nobody_there_is_not_lost() -> None:
    """Slack has not seen the call, and it may be made again."""
    api = SlackApi("http://127.0.0.1:9/api/")
    with pytest.raises(NotReached):
        await api.call("xoxb-1-test", "chat.postMessage", {})
    running = api.run(web.Application())
    await anext(running)
    with pytest.raises(NotReached):
        await api.call("xoxb-1-test", "chat.postMessage", {})
    with pytest.raises(StopAsyncIteration):
        await anext(running)
