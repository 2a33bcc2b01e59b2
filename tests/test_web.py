"""web: errors as JSON, refusals before anything is read, bodies with a limit, and who is asking."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from supportbot.config.models import ServerSection
from supportbot.errors import NotAccepting, NotFound, StoreUnavailable
from supportbot.metrics import Metrics
from supportbot.server import Limits, serve
from supportbot.web import (
    STOPPING,
    Problem,
    accepts_multipart,
    client_address,
    new_application,
    parse_networks,
    read_body,
    read_json,
)
from tests.raw_http import Reply, ask, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_MAX = 4096


async def _echo(request: web.Request) -> web.Response:
    return web.json_response(await read_json(request, limit=2000))


async def _anything(request: web.Request) -> web.Response:
    return web.json_response(await read_json(request, limit=2000, any_value=True))


async def _fail(request: web.Request) -> web.Response:
    errors: dict[str, Exception] = {
        "problem": Problem(422, "text_empty", "The text is empty.", headers={"X-More": "1"}),
        "stopping": NotAccepting(),
        "store": StoreUnavailable(cause="/secret/disk is full"),
        "missing": NotFound(what="conversation", id="conv_1"),
        "http": web.HTTPForbidden(text="<b>no</b>"),
        "json": web.HTTPConflict(text='{"error": {}}', content_type="application/json"),
        "redirect": web.HTTPSeeOther("/elsewhere"),
        "bug": KeyError("4111 1111 1111 1111"),
    }
    raise errors[request.match_info["how"]]


@accepts_multipart
async def _upload(request: web.Request) -> web.Response:
    return web.json_response({"bytes": len(await read_body(request, limit=2000))})


async def _late(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"so far, so good")
    raise KeyError("4111 1111 1111 1111")


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b": hello\n\n")
    await request.config_dict[STOPPING].wait()
    return response


@asynccontextmanager
async def _serving() -> AsyncIterator[tuple[web.Application, int]]:
    metrics = Metrics()

    async def figures(_: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition())

    app = new_application(ServerSection(port=0, max_body=_MAX), metrics)
    app.router.add_post("/echo", _echo)
    app.router.add_post("/anything", _anything)
    app.router.add_get("/fail/{how}", _fail)
    app.router.add_get("/late", _late)
    app.router.add_get("/stream", _stream)
    app.router.add_get("/figures", figures)
    below = web.Application()
    below.router.add_post("/upload", _upload)
    below.router.add_get("/fail/{how}", _fail)
    app.add_subapp("/channels/web", below)
    running = await serve(app, ServerSection(port=0), metrics, limits=Limits(linger=0.1))
    try:
        yield app, running.port
    finally:
        await running.stop(grace=0.2)


def _post(path: str, body: bytes, *headers: str, content_type: str = "application/json") -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: a",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


async def _once(request: bytes) -> Reply:
    async with _serving() as (_, port):
        return await ask(port, request)


# -- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mount", ["", "/channels/web"], ids=["root", "sub-application"])
@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("problem", 422, "text_empty"),
        ("stopping", 503, "unavailable"),
        ("store", 503, "unavailable"),
        ("missing", 404, "not_found"),
        ("http", 403, "forbidden"),
        ("bug", 500, "internal"),
    ],
)
async def test_whatever_goes_wrong_has_one_form(mount: str, how: str, status: int, code: str) -> None:
    """Errors of every kind answer as JSON with the right status, and never in another's words."""
    with structlog.testing.capture_logs() as lines:
        reply = await _once(_get(f"{mount}/fail/{how}"))
    assert (status, code) == (reply.status, reply.code)
    assert "application/json; charset=utf-8" == reply.headers["content-type"]
    for words in (b"4111", b"secret", b"Traceback", b"<b>"):
        assert words not in reply.body
    assert (["error"] if how == "bug" else []) == [line["log_level"] for line in lines]
    assert "4111" not in str(lines)


async def test_headers_of_a_problem_are_sent() -> None:
    """A problem's own headers, and when to come back where waiting helps."""
    async with _serving() as (_, port):
        assert "1" == (await ask(port, _get("/fail/problem"))).headers["x-more"]
        assert "5" == (await ask(port, _get("/fail/store"))).headers["retry-after"]


async def test_an_error_can_be_found_again() -> None:
    """The id in a 500's words is the one in its header and in the log."""
    with structlog.testing.capture_logs() as lines:
        reply = await _once(_get("/fail/bug"))
    assert lines[0]["request"] == reply.headers["x-request-id"]
    assert reply.headers["x-request-id"] in reply.body.decode()


async def test_redirects_and_json_pass() -> None:
    """What is no error, or is JSON already, stays as the handler made it."""
    async with _serving() as (_, port):
        moved = await ask(port, _get("/fail/redirect"))
        assert (303, "/elsewhere") == (moved.status, moved.headers["location"])
        conflict = await ask(port, _get("/fail/json"))
        assert (409, {"error": {}}) == (conflict.status, json.loads(conflict.body))


async def test_unknown_addresses_and_methods() -> None:
    """404 and 405 have the same form; 405 says what is allowed."""
    async with _serving() as (_, port):
        missing = await ask(port, _get("/%2e%2e/bot.yaml"))
        assert (404, "not_found") == (missing.status, missing.code)
        wrong = await ask(port, _get("/echo"))
        assert (405, "method_not_allowed", "POST") == (wrong.status, wrong.code, wrong.headers["allow"])


async def test_an_answer_that_began_is_broken_off() -> None:
    """An error behind the first bytes cannot be answered: the connection ends, and the log says where."""
    with structlog.testing.capture_logs() as lines:
        async with _serving() as (_, port), wire(port) as connection:
            await connection.send(_get("/late"))
            await connection.until(b"so far, so good")
            await connection.closed()
    assert ["answer.broken_off"] == [line["event"] for line in lines if line["log_level"] == "error"]
    assert "4111" not in str(lines)


async def test_every_answer_has_the_safe_headers() -> None:
    """No sniffing, no caching, no framing, no version; errors too."""
    for request in (_post("/echo", b"{}"), _get("/nothing"), _get("/fail/bug")):
        headers = (await _once(request)).headers
        assert "nosniff" == headers["x-content-type-options"]
        assert "no-store" == headers["cache-control"]
        assert "no-referrer" == headers["referrer-policy"]
        assert "default-src 'none'; frame-ancestors 'none'" == headers["content-security-policy"]
        assert "SupportBot" == headers["server"]


async def test_while_stopping_nothing_new_is_taken() -> None:
    """503, with when to come back, also below a sub-application."""
    async with _serving() as (app, port):
        app[STOPPING].set()
        for request in (_post("/echo", b"{}"), _get("/channels/web/fail/bug"), _get("/nothing")):
            reply = await ask(port, request)
            assert (503, "stopping", "5") == (reply.status, reply.code, reply.headers["retry-after"])


async def test_event_streams_are_counted_while_they_last() -> None:
    """The figure goes up with each stream's beginning and down when it ends; other answers do not count."""
    async with _serving() as (app, port), wire(port) as one, wire(port) as two:
        for stream in (one, two):
            await stream.send(_get("/stream"))
            await stream.until(b": hello\n\n")
        assert b"supportbot_sse_streams 2.0" in (await ask(port, _get("/figures"))).body
        app[STOPPING].set()
        for stream in (one, two):
            await stream.until(b"0\r\n\r\n")
        app[STOPPING].clear()
        assert b"supportbot_sse_streams 0.0" in (await ask(port, _get("/figures"))).body


# -- bodies ------------------------------------------------------------------------------------


async def test_reads_json() -> None:
    """An object comes through, under any name of JSON; other values only where they are wanted."""
    async with _serving() as (_, port):
        for content_type in ("application/json", "application/json; charset=UTF-8", "application/ld+json"):
            reply = await ask(port, _post("/echo", b'{"a": "\xc3\xa9"}', content_type=content_type))
            assert (200, {"a": "é"}) == (reply.status, json.loads(reply.body))
        assert b"[1]" == (await ask(port, _post("/anything", b"[1]"))).body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{nope",
        b"[]",
        b"null",
        b'"x"',
        b"{} x",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
    ],
)
async def test_what_is_not_a_strict_json_object_is_400(body: bytes) -> None:
    """W14: invalid JSON, another top level, trailing bytes, NaN, 1e999, duplicate keys, invalid UTF-8."""
    reply = await _once(_post("/echo", body))
    assert (400, "bad_json") == (reply.status, reply.code)


@pytest.mark.parametrize("part", [b"[", b'{"a":', b"1"], ids=["arrays", "objects", "digits"])
async def test_costly_json_is_refused_at_once(part: bytes) -> None:
    """Deep nesting and endless numbers cost no time, at the largest body the route takes."""
    async with _serving() as (_, port):
        began = time.process_time()
        reply = await ask(port, _post("/anything", part * (2000 // len(part))))
        assert (400, "bad_json") == (reply.status, reply.code)
        assert time.process_time() - began < 5  # seconds of CPU: a parser that backtracks takes minutes


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "text/json",
        "application/json; charset=utf-16",
        "",
    ],
)
async def test_other_content_is_415(content_type: str) -> None:
    """W13: only JSON in UTF-8 is JSON, so that no form of another site can send it."""
    reply = await _once(_post("/echo", b"{}", content_type=content_type))
    assert (415, "unsupported_media_type") == (reply.status, reply.code)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "x"])
async def test_compressed_bodies_are_refused_before_they_are_read(encoding: str) -> None:
    """W19: 415 comes although not one byte of the body was sent."""
    async with _serving() as (_, port), wire(port) as connection:
        request = _post("/echo", b"x" * 2000, f"Content-Encoding: {encoding}")
        await connection.send(request[:-2000])
        reply = await connection.reply()
        assert (415, "unsupported_encoding") == (reply.status, reply.code)
        assert await connection.closed()


async def test_a_bomb_is_not_unpacked() -> None:
    """W19: fifty megabytes behind four kilobytes stay packed, good or broken."""
    bomb = gzip.compress(gzip.compress(b"\0" * 50_000_000))
    async with _serving() as (_, port):
        await ask(port, _get("/nothing"))
        before = _resident()
        for body in (bomb, bomb[:-20], b"no gzip at all"):
            reply = await ask(port, _post("/echo", body, "Content-Encoding: gzip"))
            assert 415 == reply.status
        assert _resident() - before < 8 * 1024**2


def _resident() -> int:
    """The memory this process holds, in bytes; where that cannot be read, nothing."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * 4096 if status.exists() else 0


async def test_multipart_needs_a_route_that_takes_it() -> None:
    """W20: ten thousand parts are refused unread, unless the handler is marked."""
    body = b"--b\r\n\r\n\r\n" * 100 + b"--b--\r\n"
    form = "multipart/form-data; boundary=b"
    async with _serving() as (_, port):
        refused = await ask(port, _post("/echo", body, content_type=form))
        assert (415, "unsupported_media_type") == (refused.status, refused.code)
        taken = await ask(port, _post("/channels/web/upload", body, content_type=form))
        assert {"bytes": len(body)} == json.loads(taken.body)


@pytest.mark.parametrize("length", [2001, _MAX + 1, 10_000_000, 10**18])
async def test_a_body_that_is_too_long_is_refused_unread(length: int) -> None:
    """W16: 413 by the announced length, the route's limit or the server's, before a byte of it came."""
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    async with _serving() as (_, port), wire(port) as connection:
        await connection.send(head % length)
        reply = await connection.reply()
        assert (413, "too_large") == (reply.status, reply.code)
        assert await connection.closed()


async def test_a_body_that_grows_too_long_is_refused_on_the_way() -> None:
    """W16: without an announced length, reading stops at the limit, and the client gets to see why."""
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    async with _serving() as (_, port), wire(port) as connection:
        await connection.send(head + b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        await asyncio.sleep(0)
        await connection.send((b"3e8\r\n" + b"x" * 1000 + b"\r\n") * 2)
        reply = await connection.reply()
        assert (413, "too_large") == (reply.status, reply.code)


# -- who is asking -----------------------------------------------------------------------------

_PROXIES = parse_networks(["10.0.0.0/8", "127.0.0.1", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # not a proxy of ours: a forgery
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),  # what stands before may be forged
        ("10.0.0.1", ["1.2.3.4", "198.51.100.1 , 10.9.9.9"], "198.51.100.1"),
        ("10.0.0.1", ["10.2.2.2, 10.3.3.3"], "10.2.2.2"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1,"], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1%eth0", ["198.51.100.1"], "198.51.100.1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_clients_address(peer: str, forwarded: list[str], address: str) -> None:
    """W34: X-Forwarded-For counts from trusted networks only, and from its end."""
    headers = [("X-Forwarded-For", value) for value in forwarded]
    request = make_mocked_request("GET", "/", headers=CIMultiDict(headers)).clone(remote=peer)
    assert address == client_address(request, _PROXIES)


def test_without_trusted_proxies_nothing_is_believed() -> None:
    """The default: the peer is the client."""
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": "1.2.3.4"}).clone(
        remote="127.0.0.1"
    )
    assert "127.0.0.1" == client_address(request, ())


@pytest.mark.parametrize("network", ["10.0.0.0/33", "proxy.example", ""])
def test_a_network_that_is_none_is_an_error(network: str) -> None:
    """A mistake in the configuration does not become trust in everybody."""
    with pytest.raises(ValueError, match="does not appear to be"):
        parse_networks([network])
