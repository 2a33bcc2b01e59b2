"""server: sockets that nobody can hold, and an end that comes in time. Raw bytes against a real server."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from aiohttp import web

from supportbot.config.models import ServerSection
from supportbot.errors import CannotListen
from supportbot.metrics import Metrics
from supportbot.server import Limits, Listening, serve
from supportbot.web import STOPPING, Problem, new_application, read_body, read_json
from tests.raw_http import ask, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.raw_http import Wire

_LONG = 30.0  # a timeout that is not what the test is about
_PATIENT = Limits(header_timeout=_LONG, body_timeout=_LONG, idle_timeout=_LONG, read_timeout=_LONG)
_GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
_POST = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


class _App:
    """An application with one route of each kind."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.ended = asyncio.Event()
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.app = new_application(ServerSection(), self.metrics)
        self.app.router.add_get("/hello", self.hello)
        self.app.router.add_post("/echo", self.echo)
        self.app.router.add_post("/begun", self.begun)
        self.app.router.add_get("/stream", self.stream)
        self.app.router.add_get("/flood", self.flood)
        self.app.router.add_route("*", "/slow", self.slow)
        self.app.router.add_get("/broken", self.broken)
        self.app.router.add_get("/nothing", self.nothing)

    async def hello(self, request: web.Request) -> web.Response:
        return web.json_response({"cookies": len(request.cookies), "url": str(request.url)})

    async def echo(self, request: web.Request) -> web.Response:
        return web.json_response(await read_json(request, limit=1000))

    async def begun(self, request: web.Request) -> web.Response:
        self.started.set()
        return web.Response(body=await read_body(request, limit=1000))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Speak once at the beginning and then only when the test wants to."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await response.write(b": hello\n\n")
            self.started.set()
            await self.release.wait()
            await response.write(b": still here\n\n")
            await request.config_dict[STOPPING].wait()
        finally:
            self.ended.set()
        return response

    async def flood(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        finally:
            self.ended.set()

    async def slow(self, request: web.Request) -> web.Response:
        self.started.set()
        try:
            await self.release.wait()
        finally:
            self.ended.set()
        return web.json_response({"slow": True})

    async def broken(self, request: web.Request) -> web.Response:
        raise ValueError("the customer wrote: 4111 1111 1111 1111")

    async def nothing(self, request: web.Request) -> Any:
        return None


@asynccontextmanager
async def _serving(limits: Limits = _PATIENT) -> AsyncIterator[tuple[_App, Listening]]:
    app = _App()
    running = await serve(app.app, ServerSection(port=0), app.metrics, limits=limits)
    try:
        yield app, running
    finally:
        await running.stop(grace=0.2)


async def _drip(connection: Wire, data: bytes, every: float) -> None:
    """Send byte by byte until the server has had enough."""
    with suppress(ConnectionError, RuntimeError):  # the second is uvloop's, for a transport that is closed
        for byte in data:
            await connection.send(bytes([byte]))
            await asyncio.sleep(every)  # the pace is what is tested


async def test_answers_and_keeps_the_connection() -> None:
    """Two requests on one connection, without a word about what the server is made of."""
    async with _serving() as (_, running), wire(running.port) as connection:
        for _ in range(2):
            await connection.send(_GET)
            reply = await connection.reply()
            assert 200 == reply.status
            assert "SupportBot" == reply.headers["server"]
            assert reply.headers["x-request-id"].startswith("req_")
        assert f"http://127.0.0.1:{running.port}" == running.url


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Requests sent at once are answered one after the other, as they came."""
    async with _serving() as (_, running), wire(running.port) as connection:
        bodies = [json.dumps({"n": n}).encode() for n in range(40)]
        await connection.send(b"".join(_POST + b"Content-Length: %d\r\n\r\n%b" % (len(b), b) for b in bodies))
        assert bodies == [(await connection.reply()).body for _ in bodies]


def test_the_clocks_are_what_the_page_says() -> None:
    """W25: ten, twenty and seventy-five seconds unless told otherwise; a minute for what is not read."""
    limits = Limits()
    clocks = (limits.header_timeout, limits.body_timeout, limits.idle_timeout, limits.read_timeout)
    assert (10, 20, 75, 60) == clocks


# -- clocks ------------------------------------------------------------------------------------


async def test_a_slow_header_is_cut_off() -> None:
    """A header that comes byte by byte is answered 408 when its time is over, however busy it is."""
    limits = Limits(header_timeout=0.3, idle_timeout=_LONG)
    async with _serving(limits) as (_, running), wire(running.port) as connection:
        began = time.monotonic()
        drip = asyncio.create_task(_drip(connection, _GET + b"x" * 1000, every=0.02))
        reply = await connection.reply()
        assert (408, "too_slow") == (reply.status, reply.code)
        assert await connection.closed()
        assert time.monotonic() - began >= 0.25
        await drip


async def test_a_slow_second_header_is_cut_off_too() -> None:
    """The clock runs for every request of a connection, not for the first alone."""
    limits = Limits(header_timeout=0.2, idle_timeout=_LONG)
    async with _serving(limits) as (_, running), wire(running.port) as connection:
        await connection.send(_GET)
        assert 200 == (await connection.reply()).status
        await connection.send(b"GET /hello HT")
        assert 408 == (await connection.reply()).status
        assert await connection.closed()


async def test_a_slow_body_is_cut_off() -> None:
    """A body that comes byte by byte is answered 408 when its time is over."""
    limits = Limits(body_timeout=0.3, header_timeout=_LONG, idle_timeout=_LONG)
    async with _serving(limits) as (_, running), wire(running.port) as connection:
        await connection.send(_POST + b"Content-Length: 900\r\n\r\n")
        drip = asyncio.create_task(_drip(connection, b" " * 900, every=0.02))
        reply = await connection.reply()
        assert (408, "too_slow") == (reply.status, reply.code)
        assert await connection.closed()
        await drip


async def test_a_body_nobody_reads_is_cut_off() -> None:
    """A body that is announced and never sent ends its connection even when the handler does not read."""
    limits = Limits(body_timeout=0.1, header_timeout=_LONG, idle_timeout=_LONG)
    async with _serving(limits) as (app, running), wire(running.port) as connection:
        await connection.send(b"GET /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n")
        assert await connection.closed()
        await app.ended.wait()


@pytest.mark.parametrize("first", [b"", _GET], ids=["silent from the start", "after a request"])
async def test_an_idle_connection_is_closed(first: bytes) -> None:
    """Silence ends a connection, whether or not it ever said anything."""
    async with _serving(Limits(idle_timeout=0.2)) as (_, running), wire(running.port) as connection:
        if first:
            await connection.send(first)
            assert 200 == (await connection.reply()).status
        assert await connection.closed()


async def test_a_stream_is_not_cut() -> None:
    """An event stream outlives every clock for as long as its client reads it."""
    limits = Limits(header_timeout=0.05, body_timeout=0.05, idle_timeout=0.05, read_timeout=0.05)
    async with _serving(limits) as (app, running), wire(running.port) as connection:
        await connection.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await connection.until(b": hello\n\n")
        await asyncio.sleep(0.4)  # longer than all clocks together
        app.release.set()
        assert await connection.until(b": still here\n\n")


async def test_an_answer_nobody_reads_is_cut_off() -> None:
    """A client that does not read holds neither a task nor memory for long."""
    async with _serving(Limits(read_timeout=0.2)) as (app, running):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1024)
        writer.write(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            await app.ended.wait()
        writer.transport.abort()
        del reader


@pytest.mark.parametrize("path", [b"/stream", b"/slow"])
async def test_a_get_whose_client_left_is_cancelled(path: bytes) -> None:
    """A stream ends when its client leaves, not at its next word."""
    async with _serving() as (app, running), wire(running.port) as connection:
        await connection.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
        await app.started.wait()
        connection.abort()
        await app.ended.wait()


async def test_a_post_whose_client_left_goes_on() -> None:
    """What may change something is not broken off in the middle."""
    async with _serving() as (app, running), wire(running.port) as connection:
        await connection.send(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        await app.started.wait()
        connection.abort()
        assert 200 == (await ask(running.port, _GET)).status
        assert not app.ended.is_set()


async def test_too_many_connections_are_refused() -> None:
    """The one beyond the limit gets 503; when another leaves there is room again."""
    async with _serving(Limits(connections=2)) as (_, running):
        async with wire(running.port) as one, wire(running.port) as two, wire(running.port) as three:
            await one.send(_GET)
            assert 200 == (await one.reply()).status
            assert 503 == (await three.reply()).status
            assert await three.closed()
            await two.send(b"GET / HTTP/1.0\r\n\r\n")
            assert 404 == (await two.reply()).status
            assert await two.closed()
        async with wire(running.port) as four:
            await four.send(_GET)
            assert 200 == (await four.reply()).status


# -- what is not proper HTTP ---------------------------------------------------------------------

_CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /hello\r\n\r\n",
        b"GET /hello HTTP/2.0\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /hello HTTP/1.1\r\n\r\n",
        b"GET /hello HTTP/1.1\nHost: a\n\n",
        b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a@b/c\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://evil.example/hello HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n folded\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 65 + b"\r\n",
        _POST + _CHUNKED + b"Content-Length: 2\r\n\r\n0\r\n\r\n",
        _POST + b"Content-Length: 2\r\n" + _CHUNKED + b"\r\n0\r\n\r\n",
        _POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        _POST + b"Content-Length: 2, 2\r\n\r\n{}",
        _POST + b"Content-Length: +2\r\n\r\n{}",
        _POST + b"Content-Length: -1\r\n\r\n{}",
        _POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        _POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        _POST.replace(b"1.1", b"1.0") + _CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n",
        _POST + _CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
        _POST + _CHUNKED + b"\r\n2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    ],
    ids=lambda data: data[:60],
)
async def test_improper_http_is_answered_400_and_closed(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Every kind of smuggling and nonsense gets the same short JSON and no second answer, and logs nothing
    above debug."""
    with structlog.testing.capture_logs() as lines:
        async with _serving() as (_, running), wire(running.port) as connection:
            await connection.send(request_bytes)
            reply = await connection.reply()
            assert 400 == reply.status
            assert reply.code in {"bad_request", "bad_body"}
            assert "SupportBot" == reply.headers["server"]
            assert await connection.closed()
    assert [] == [line for line in lines if line["log_level"] != "debug"]
    assert len(lines) <= 1
    assert [] == caplog.records


async def test_a_smuggled_second_request_is_not_answered() -> None:
    """What stands behind an ambiguous body is never taken for a request."""
    smuggled = _POST + _CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + _GET
    async with _serving() as (app, running), wire(running.port) as connection:
        await connection.send(smuggled)
        assert 400 == (await connection.reply()).status
        assert await connection.closed()
        assert 'route="/hello"' not in app.metrics.exposition().decode()


async def test_a_body_that_breaks_ends_with_its_clock() -> None:
    """Chunks that turn to nonsense while the handler reads are a body that never comes: one 408, no stack.

    (aiohttp's parser does not tell the reader of a body that it gave up on it.)
    """
    limits = Limits(body_timeout=0.3, header_timeout=_LONG, idle_timeout=_LONG)
    with structlog.testing.capture_logs() as lines:
        async with _serving(limits) as (app, running), wire(running.port) as connection:
            begun = _POST.replace(b"/echo", b"/begun")
            await connection.send(begun + _CHUNKED + b"\r\n1\r\n{\r\n")
            await app.started.wait()
            await connection.send(b"zz\r\n")
            reply = await connection.reply()
            assert (408, "too_slow") == (reply.status, reply.code)
            assert await connection.closed()
    assert [] == [line for line in lines if line["log_level"] != "debug"]


async def test_an_unknown_expectation_is_refused_in_our_form() -> None:
    """417 comes as JSON and does not repeat the header (RFC 9110, section 10.1.1)."""
    async with _serving() as (_, running):
        reply = await ask(running.port, _POST + b"Expect: <script>\r\nContent-Length: 2\r\n\r\n{}")
        assert (417, "expectation_failed") == (reply.status, reply.code)
        assert b"script" not in reply.body


async def test_malformed_cookies_cost_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """Five thousand broken cookies, read by a handler, are no storm in the log."""
    cookies = b";".join(b"a[%d]" % n for n in range(1000))[:8000]
    header = b"".join(b"Cookie: %b\r\n" % cookies for _ in range(6))
    with caplog.at_level("INFO"):
        async with _serving() as (_, running):
            reply = await ask(running.port, b"GET /hello HTTP/1.1\r\nHost: a\r\n%b\r\n" % header)
            assert reply.status in {200, 400}
    assert [] == caplog.records


async def test_refusals_are_counted_without_their_paths() -> None:
    """What never became a request is one label, so that strangers cannot make new ones."""
    async with _serving() as (app, running):
        await ask(running.port, b"nonsense\r\n\r\n")
        await ask(running.port, b"GET /some/path/%00 HTTP/1.1\r\nHost: a\r\n\r\n")
        text = app.metrics.exposition().decode()
        assert 'supportbot_http_requests_total{route="(refused)",status="400"} 1.0' in text
        assert 'supportbot_http_requests_total{route="(none)",status="404"} 1.0' in text


# -- our own mistakes ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/broken", "/nothing"])
async def test_our_own_mistake_is_one_line_without_its_words(path: str) -> None:
    """A handler's error answers 500 with an id; the log says where, and nothing of what a customer wrote."""
    with structlog.testing.capture_logs() as lines:
        async with _serving() as (_, running):
            reply = await ask(running.port, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert 500 == reply.status
            assert b"Traceback" not in reply.body
            assert b"4111" not in reply.body
    assert 1 == len([line for line in lines if line["log_level"] == "error"])
    assert "4111" not in str(lines)


# -- the end -------------------------------------------------------------------------------------


async def test_draining_refuses_what_is_new_and_finishes_what_began() -> None:
    """While the bot stops, a new request on an open connection gets 503, and an old one its answer."""
    async with _serving() as (app, running), wire(running.port) as busy, wire(running.port) as idle:
        await busy.send(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        await app.started.wait()
        running.drain()
        await idle.send(_GET)
        refused = await idle.reply()
        assert (503, "stopping", "5") == (refused.status, refused.code, refused.headers["retry-after"])
        stop = asyncio.create_task(running.stop(grace=10))
        app.release.set()
        assert b'{"slow": true}' == (await busy.reply()).body
        await stop


async def test_stops_in_time_with_a_hundred_streams() -> None:
    """Streams that watch nothing, and one handler that would take for ever, do not hold the server up."""
    async with _serving() as (app, running):
        connections = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(101)]
        for _, writer in connections[:100]:
            writer.write(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        connections[100][1].write(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        for reader, _ in connections[:100]:
            await reader.readuntil(b": hello\n\n")
        began = time.monotonic()
        await running.stop(grace=2)
        assert time.monotonic() - began < 4
        assert app.ended.is_set()
        for _, writer in connections:
            writer.transport.abort()
        with pytest.raises(OSError, match=r"refused|Connect"):
            await asyncio.open_connection("127.0.0.1", running.port)


async def test_a_taken_port_is_said_in_words() -> None:
    """The error names the address and what to change."""
    async with _serving() as (_, running):
        app = new_application(ServerSection(), Metrics())
        with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{running.port}.*server\.port"):
            await serve(app, ServerSection(port=running.port), Metrics())


async def test_problems_of_handlers_are_unharmed_by_the_server() -> None:
    """The outer net does not catch what the application has shaped already."""
    app = _App()

    async def teapot(request: web.Request) -> web.Response:
        raise Problem(418, "teapot", "Short and stout.", headers={"X-Tea": "yes"})

    app.app.router.add_get("/tea", teapot)
    running = await serve(app.app, ServerSection(port=0), app.metrics, limits=_PATIENT)
    try:
        reply = await ask(running.port, b"GET /tea HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (418, "teapot", "yes") == (reply.status, reply.code, reply.headers["x-tea"])
    finally:
        await running.stop(grace=0.2)
