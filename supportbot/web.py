"""What every HTTP route shares: errors as JSON, refusals before anything is read, bodies with a limit.

``new_application`` makes the root application; routes and channels' sub-applications are added to it,
and ``supportbot.server`` serves it. Whatever goes wrong below answers::

    {"error": {"code": "too_large", "message": "The body may have 65536 bytes at most."}}

with the right status and never with a stack or a stranger's words. A handler raises ``Problem`` to
answer that way itself; an ``HTTPException`` whose body is JSON already passes as it is.
"""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import ExitStack
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import hdrs, web

from supportbot import strictjson
from supportbot.errors import NotAccepting, NotFound, StoreUnavailable
from supportbot.log import whereabouts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from ipaddress import IPv4Network, IPv6Network

    from supportbot.config.models import ServerSection
    from supportbot.metrics import Metrics

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Network = IPv4Network | IPv6Network

STOPPING: web.AppKey[asyncio.Event] = web.AppKey("stopping", asyncio.Event)
"""Set when the server begins to stop: answers that last (event streams, long polls) should end then.
Found from any handler as ``request.config_dict[STOPPING]``."""

TRUSTED_PROXIES: web.AppKey[tuple[Network, ...]] = web.AppKey("trusted_proxies", tuple)
"""The networks of ``server.trusted_proxies``, for ``client_address``; found like ``STOPPING``."""

SERVER_NAME = "SupportBot"
"""The Server header: what it is, and not which version of what it is made of."""

_RETRY_SOON = {"Retry-After": "5"}
_KEPT = (hdrs.ALLOW, hdrs.RETRY_AFTER)
_STREAM: web.RequestKey[ExitStack] = web.RequestKey("stream", ExitStack)
_REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
_HOST = re.compile(r"[A-Za-z0-9.\-_:\[\]]{1,300}", re.ASCII)
_JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json", re.ASCII)
_MESSAGES = {
    400: ("bad_request", "The request is not valid HTTP."),
    404: ("not_found", "There is nothing here."),
    405: ("method_not_allowed", "This address does not take that method."),
    408: ("too_slow", "The request took too long to arrive."),
    413: ("too_large", "The request is too large."),
    415: ("unsupported_media_type", "This address does not take that kind of content."),
    417: ("expectation_failed", "The only expectation this server meets is 100-continue."),
    503: ("unavailable", "The service cannot take this now. Try again."),
}

_log = structlog.get_logger("supportbot.web")


class Problem(Exception):
    """Answer the request with an error.

    Args:
        status: the HTTP status, 400 to 599.
        code: what went wrong, for programs: lower case, with underscores.
        message: the same for people, in words of ours.
        headers: more headers of the answer.
        close: close the connection behind the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
        self.close = close

    def response(self) -> web.Response:
        """Return the answer."""
        body = {"error": {"code": self.code, "message": self.message}}
        response = web.json_response(body, status=self.status, headers=self.headers)
        if self.close:
            response.force_close()
        return response


class BodyTooSlow(Exception):
    """The body did not arrive in time. The server puts it where the handler reads."""


def new_application(section: ServerSection, metrics: Metrics) -> web.Application:
    """Make the root application: all that is common to the routes, and no route yet."""
    app = web.Application(
        middlewares=[_counting(metrics), answering_errors, _admitting(section.max_body)],
        client_max_size=section.max_body,
    )
    app[STOPPING] = asyncio.Event()
    app[TRUSTED_PROXIES] = parse_networks(section.trusted_proxies)
    app.on_response_prepare.extend([_add_headers, _noting_streams(metrics)])
    return app


@web.middleware
async def closed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer for a process that takes no messages in over HTTP."""
    raise Problem(404, "not_found", "This process takes no messages in; ask one that has the role 'web'.")


def accepts_multipart(handler: Handler) -> Handler:
    """Mark a handler as one that takes ``multipart/*`` bodies; all others answer 415 to them."""
    handler.accepts_multipart = True  # type: ignore[attr-defined]
    return handler


def accepts_bodies(limit: int) -> Callable[[Handler], Handler]:
    """Mark a handler as one that takes bodies of so many bytes, also where ``server.max_body`` is less."""

    def mark(handler: Handler) -> Handler:
        handler.longest_body = limit  # type: ignore[attr-defined]
        return handler

    return mark


async def read_body(request: web.Request, *, limit: int) -> bytes:
    """Return the body's bytes. The server sees to it that they arrive in time.

    Raises:
        Problem: 413, there are more than ``limit`` bytes; no more than those were read.
    """
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


async def read_json(request: web.Request, *, limit: int, any_value: bool = False) -> Any:
    """Return the body's JSON object, read strictly (see ``supportbot.strictjson``).

    Args:
        limit: longest body, in bytes.
        any_value: also take what is not an object.

    Raises:
        Problem: 415 it is not declared as JSON in UTF-8, 413 it is too long, 400 it is not strict JSON.
    """
    if not _JSON_TYPE.fullmatch(request.content_type) or (request.charset or "utf-8").lower() != "utf-8":
        raise Problem(
            415, "unsupported_media_type", "Send the body as application/json, in UTF-8.", close=True
        )
    try:
        value = strictjson.parse(await read_body(request, limit=limit))
    except strictjson.JSONError as error:
        raise Problem(400, "bad_json", str(error)) from None
    if not any_value and not isinstance(value, dict):
        raise Problem(400, "bad_json", "The body must be a JSON object.")
    return value


def parse_networks(networks: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and networks such as ``10.0.0.0/8``.

    Raises:
        ValueError: one of them is neither.
    """
    return tuple(ip_network(network, strict=False) for network in networks)


def client_address(request: web.Request, trusted_proxies: Iterable[Network]) -> str:
    """Return the address of whoever sent the request, as text; empty when it is not known.

    Every proxy appends who came to it, so ``X-Forwarded-For`` is read from its end, and only for as
    long as the one who reported an entry is one of ``trusted_proxies``; what stands before may be forged.
    """
    address = _address(request.remote or "")
    hops = ",".join(request.headers.getall(hdrs.X_FORWARDED_FOR, [])).split(",")
    trusted = tuple(trusted_proxies)
    while address is not None and hops and any(address in network for network in trusted):
        earlier = _address(hops.pop().strip())
        if earlier is None:
            break
        address = earlier
    return "" if address is None else str(address)


@web.middleware
async def answering_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever goes wrong in a handler into its answer."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _shaped(error)
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception as error:
        if request.writer.output_size > 0:
            _log.error("answer.broken_off", request=request_id(request), error=whereabouts(error))
            raise ConnectionAbortedError("the answer had begun") from error
        return _problem(request, error).response()


def request_id(request: web.BaseRequest) -> str:
    """Return the request's id: what its answer says in ``X-Request-Id``, and the log where it failed."""
    if _REQUEST_ID not in request:
        request[_REQUEST_ID] = f"req_{os.urandom(8).hex()}"
    return request[_REQUEST_ID]


def refusal(status: int) -> web.Response:
    """Return the answer to something that never became a request: it closes the connection."""
    code, message = _words(status)
    return Problem(status, code, message, headers={"Server": SERVER_NAME}, close=True).response()


def _problem(request: web.Request, error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case NotFound():
            return Problem(404, *_words(404))
        case NotAccepting() | StoreUnavailable():
            return Problem(503, *_words(503), headers=_RETRY_SOON)
        case BodyTooSlow():
            return Problem(408, *_words(408), close=True)
        case web.RequestPayloadError():
            return Problem(400, "bad_body", "The body is not valid HTTP.", close=True)
        case _:
            _log.error("request.failed", request=request_id(request), error=whereabouts(error))
            message = f"Something failed on our side. Quote {request_id(request)} when you report it."
            return Problem(500, "internal", message)


def _shaped(error: web.HTTPException) -> web.StreamResponse:
    """An HTTPException as our kind of answer; redirects and what is JSON already stay."""
    if error.status < 400 or error.content_type == "application/json":
        raise error
    kept: dict[str, str] = {name: error.headers[name] for name in _KEPT if name in error.headers}
    too_large = error.status == 413
    return Problem(error.status, *_words(error.status), headers=kept, close=too_large).response()


def _words(status: int) -> tuple[str, str]:
    if status in _MESSAGES:
        return _MESSAGES[status]
    phrase = HTTPStatus(status).phrase
    return re.sub(r"[^a-z]+", "_", phrase.lower()), f"{phrase}."


def _admitting(max_body: int) -> Any:
    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.config_dict[STOPPING].is_set():
            message = "The service is restarting. Try again."
            raise Problem(503, "stopping", message, headers=_RETRY_SOON, close=True)
        _check_target(request)
        _check_body(request, max_body)
        return await handler(request)

    return admit


def _check_target(request: web.Request) -> None:
    """Refuse what a proxy in front of us might read otherwise than we do (RFC 9112, sections 3.2 and 6.1)."""
    host = request.headers.get(hdrs.HOST)
    if (
        not request.raw_path.startswith("/")
        or request.version not in {(1, 0), (1, 1)}
        or (host is not None and not _HOST.fullmatch(host))
        or (request.version == (1, 0) and hdrs.TRANSFER_ENCODING in request.headers)
    ):
        raise Problem(400, *_words(400), close=True)


def _check_body(request: web.Request, max_body: int) -> None:
    """Refuse a body by its headers, before any of it is read."""
    encodings = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, [])).strip().lower()
    if encodings not in {"", "identity"}:
        raise Problem(415, "unsupported_encoding", "Send the body without Content-Encoding.", close=True)
    if request.content_type.startswith("multipart/") and not _takes_multipart(request):
        raise Problem(415, *_words(415), close=True)
    limit = max(max_body, getattr(request.match_info.handler, "longest_body", 0))
    if (request.content_length or 0) > limit:
        raise _too_large(limit)


def _takes_multipart(request: web.Request) -> bool:
    return getattr(request.match_info.handler, "accepts_multipart", False) is True


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"The body may have {limit} bytes at most.", close=True)


def _counting(metrics: Metrics) -> Any:
    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        status = 499  # nginx's number for a client that left, which is how a handler ends without an answer
        try:
            with ExitStack() as request[_STREAM]:
                response = await handler(request)
            status = response.status
        except web.HTTPException as answer:
            status = answer.status
            raise
        else:
            return response
        finally:
            metrics.http_answered(_route(request), status)

    return count


def _noting_streams(metrics: Metrics) -> Any:
    async def note(request: web.Request, response: web.StreamResponse) -> None:
        """Count an event stream from its beginning until its handler ends."""
        if response.content_type == "text/event-stream":
            request[_STREAM].enter_context(metrics.sse_stream())

    return note


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "(none)" if resource is None else resource.canonical


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    headers = response.headers
    headers[hdrs.SERVER] = SERVER_NAME
    headers["X-Request-Id"] = request_id(request)
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])  # a link-local peer comes with its interface
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
