"""The HTTP server: aiohttp on sockets that nobody can hold.

aiohttp closes a connection that is idle between two requests and no other. Here every socket has
its own clock: for a request's header, for its body, for the pause between requests, and for an answer
that the client does not read. An answer that lasts, such as an event stream, is never cut while its
client reads it. What is not HTTP is answered 400 in the same form as every other error, and costs one
line at ``debug``. A ``GET`` whose client left is cancelled: it changes nothing (RFC 9110, section
9.2.1), and an event stream ends at once instead of at its next word.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from supportbot.errors import CannotListen
from supportbot.log import whereabouts
from supportbot.web import STOPPING, BodyTooSlow, answering_errors, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader

    from supportbot.config.models import ServerSection
    from supportbot.metrics import Metrics

_CLIENTS_FAULT = (web.RequestPayloadError, HttpProcessingError, BodyTooSlow, ConnectionError)
_SAFE = frozenset({"GET", "HEAD"})
_SAFE_GRACE = 0.5  # seconds that an event stream gets to end by itself when the server stops
_SPARE_FILES = 128  # descriptors left for the store, the model's connections and the log

_BACKLOG = 4096
_ACCEPTED_AT_ONCE = 8
"""Connections that are accepted in one round of the event loop. uvloop accepts one for each listening
socket, and under load a round takes 10 ms: of a thousand clients at once the last would wait ten seconds."""

_log = structlog.get_logger("supportbot.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may take of the server. Times are in seconds."""

    header_timeout: float = 10.0
    """From a request's first byte to the end of its header."""
    body_timeout: float = 20.0
    """From the end of the header to the end of the body."""
    idle_timeout: float = 75.0
    """Between requests, and before the first."""
    read_timeout: float = 60.0
    """How long a client may leave an answer unread once the buffers are full."""
    linger: float = 1.0
    """How long the rest of a refused body is read, so that the client gets to see the answer."""
    connections: int = 10_000
    """Open at once; fewer where the process may not have as many open files."""
    header_fields: int = 64
    """Of one request."""
    field_size: int = 8190
    """Longest request line and longest header field, in bytes."""


class Listening:
    """A server that is listening. Made by ``serve``."""

    def __init__(self, runner: web.AppRunner, listeners: Sequence[asyncio.Server]) -> None:
        self._runner = runner
        self._listeners = listeners
        host, self.port = listeners[0].sockets[0].getsockname()[:2]
        address = ip_address(host)
        if address.is_unspecified:  # nobody can connect to "any address"
            address = ip_address("127.0.0.1" if address.version == 4 else "::1")
        shown = f"[{address}]" if address.version == 6 else str(address)
        self.url = f"http://{shown}:{self.port}"

    def drain(self) -> None:
        """Begin to stop: new requests are answered 503 with ``Retry-After``, and ``STOPPING`` is set, so that
        streams end. Requests that are being answered go on."""
        self._runner.app[STOPPING].set()

    async def stop(self, grace: float = 10.0) -> None:
        """Stop listening, give what is being answered up to ``grace`` seconds, cancel the rest, and clean
        the application up."""
        self.drain()
        for listener in self._listeners:
            listener.close()
        server = self._runner.server
        if server is not None:
            server.pre_shutdown()  # closes the idle connections
            await server.shutdown(grace / 2)  # waits so long for answers, and then again for cancelled ones
        await self._runner.cleanup()


async def serve(
    app: web.Application, section: ServerSection, metrics: Metrics, *, limits: Limits | None = None
) -> Listening:
    """Start the application (made by ``web.new_application``) and listen.

    Raises:
        CannotListen: the address is taken, or not ours.
    """
    limits = limits or Limits()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        listeners = await _listen(runner, section, _Sockets(limits, metrics))
    except OSError as error:
        await runner.cleanup()
        address = f"{section.host}:{section.port}"
        raise CannotListen(address=address, cause=error.strerror or type(error).__name__) from error
    return Listening(runner, listeners)


async def _listen(runner: web.AppRunner, section: ServerSection, sockets: _Sockets) -> list[asyncio.Server]:
    server = runner.server
    assert server is not None
    _instrument(server)
    loop = asyncio.get_running_loop()

    def connection() -> _Connection:
        return _Connection(server, loop, sockets)

    first = await loop.create_server(connection, section.host, section.port, backlog=_BACKLOG)
    more = [
        await loop.create_server(connection, sock=_same(listening.fileno()), backlog=_BACKLOG)
        for listening in first.sockets
        for _ in range(_ACCEPTED_AT_ONCE - 1)
    ]
    return [first, *more]


def _same(listening: int) -> socket.socket:
    """Return another descriptor of a listening socket."""
    return socket.socket(fileno=os.dup(listening))


def _instrument(server: web.Server) -> None:
    """Let connections know when a request begins, and answer what fails outside of the middlewares."""
    make_request, handle = server.request_factory, server.request_handler

    def began(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        request = make_request(message, payload, protocol, writer, task)
        assert isinstance(protocol, _Connection)
        protocol.request_began(request, payload, task)
        return request

    async def answer(request: Any) -> web.StreamResponse:
        return await answering_errors(request, handle)

    server.request_factory = began
    server.request_handler = answer


class _Sockets:
    """What the connections of one server share."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits = limits
        self.metrics = metrics
        self.open = 0
        self.capacity = max(1, min(limits.connections, _open_files_allowed() - _SPARE_FILES))

    def refused(self, status: int, reason: str) -> None:
        """Count and note something that never became a request."""
        self.metrics.http_answered("(refused)", status)
        _log.debug("connection.refused", status=status, reason=reason)


class _Connection(web.RequestHandler):
    """One client's connection. At any time at most one clock runs for reading and one for writing."""

    __slots__ = ("_answering", "_body", "_reading", "_socket", "_sockets", "_task", "_writing")

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, sockets: _Sockets) -> None:
        limits = sockets.limits
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type] # None switches it off, as run_app's own signature says
            keepalive_timeout=limits.idle_timeout,
            lingering_time=limits.linger,
            max_headers=limits.header_fields,
            max_line_size=limits.field_size,
            max_field_size=limits.field_size,
            auto_decompress=False,  # compressed bodies are refused, and nobody shall unpack them before that
        )
        self._sockets = sockets
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._socket: asyncio.Transport | None = None
        self._answering: web.BaseRequest | None = None
        self._task: asyncio.Task[None] | None = None
        self._body: StreamReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._sockets.open += 1
        super().connection_made(transport)
        self._socket = self.transport
        assert self._socket is not None
        self._socket.set_write_buffer_limits(high=0)  # any unread byte starts the clock for writing
        if self._sockets.open > self._sockets.capacity:
            self._refuse(503, "too many connections")

    def connection_lost(self, exc: BaseException | None) -> None:
        self._sockets.open -= 1
        self._stop_reading_clock()
        self._stop_writing_clock()
        super().connection_lost(exc)
        if self._task is not None and self._answers_safe_method():
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        if data and self._reading is None and self._between_requests():
            self._reading = self._loop.call_later(
                self._sockets.limits.header_timeout, self._refuse, 408, "slow header"
            )
        super().data_received(data)

    def request_began(self, request: web.BaseRequest, body: StreamReader, task: asyncio.Task[None]) -> None:
        """A header is complete, and its request is about to be answered, by ``task``."""
        self._stop_reading_clock()
        self._answering = request
        self._task = task
        self._body = body
        if not body.is_eof():
            self._reading = self._loop.call_later(self._sockets.limits.body_timeout, self._body_too_slow)
            body.on_eof(self._stop_reading_clock)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._answering = None

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """End within twice ``timeout`` seconds; what changes nothing is not waited for that long."""
        if timeout is not None and self._answers_safe_method():
            timeout = min(timeout, _SAFE_GRACE)
        await super().shutdown(timeout)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing = self._loop.call_later(self._sockets.limits.read_timeout, self._abort, "unread answer")

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_writing_clock()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp could not read as a request; the application's own errors do not get here."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionAbortedError("the client left, or has part of an answer already")
        self._sockets.refused(status, type(exc).__name__)
        return refusal(status)

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Note what failed outside of any handler, without a stack and without the request's bytes."""
        error = kwargs.get("exc_info")
        if isinstance(error, _CLIENTS_FAULT):
            _log.debug("connection.broken_off", reason=type(error).__name__)
        else:
            where = whereabouts(error) if isinstance(error, BaseException) else "a handler gave no response"
            _log.error("answer.failed", error=where)

    def _between_requests(self) -> bool:
        return self._answering is None and (self._body is None or self._body.is_eof())

    def _answers_safe_method(self) -> bool:
        return self._answering is not None and self._answering.method in _SAFE

    def _body_too_slow(self) -> None:
        """Let whoever reads the body answer 408; if nobody does within a second, hang up."""
        self._reading = self._loop.call_later(1.0, self._abort, "slow body")
        if self._body is not None:
            self._body.set_exception(BodyTooSlow())

    def _refuse(self, status: int, reason: str) -> None:
        """Answer where there is no request to answer, and hang up."""
        self._sockets.refused(status, reason)
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(_as_bytes(refusal(status)))
        self.force_close()

    def _abort(self, reason: str) -> None:
        _log.debug("connection.aborted", reason=reason)
        if self._socket is not None:
            self._socket.abort()

    def _stop_reading_clock(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _stop_writing_clock(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None


def _as_bytes(response: web.Response) -> bytes:
    body = response.body
    assert isinstance(body, bytes)
    head = (
        f"HTTP/1.1 {response.status} {response.reason}\r\n"
        f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        f"Server: {response.headers['Server']}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _open_files_allowed() -> int:
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
