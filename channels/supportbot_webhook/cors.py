"""Which websites' pages may use the API (https://fetch.spec.whatwg.org/#http-cors-protocol).

An exact list, and nothing else: no wildcard, no suffix, no ``null``; and the bot's own pages, on which the
widget lives. Tokens travel in a header that no browser adds by itself, so
``Access-Control-Allow-Credentials`` is never sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from supportbot.web import Problem

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiohttp.typedefs import Handler, Middleware

_PREFLIGHT = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST, PUT, DELETE",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type, Last-Event-ID",
    hdrs.ACCESS_CONTROL_MAX_AGE: "600",  # seconds
}
_READS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


class Cors:
    """The rules of one channel, as a middleware and a signal handler."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = frozenset(allowed)

    def middleware(self) -> Middleware:
        """Return a middleware: answers preflights, refuses changes that another website's page asks for."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            changes = request.method not in _READS and hdrs.ORIGIN in request.headers
            if changes and not self._origin(request) and not _is_own(request):
                raise Problem(403, "origin_not_allowed", "This website may not use this bot.")
            if changes and request.method == hdrs.METH_OPTIONS:
                return web.Response(status=204, headers=_PREFLIGHT)
            return await handler(request)

        return guard

    async def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let the page read the answer: an ``on_response_prepare`` handler, errors included."""
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        origin = self._origin(request)
        if origin:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = hdrs.RETRY_AFTER

    def _origin(self, request: web.Request) -> str:
        """Return the request's origin if it is allowed."""
        origins = request.headers.getall(hdrs.ORIGIN, [])
        return origins[0] if len(origins) == 1 and origins[0] in self._allowed else ""


def _is_own(request: web.Request) -> bool:
    """Say whether a request comes from a page of this very server.

    Browsers say so themselves over https and on localhost, in a header that no page can set
    (https://www.w3.org/TR/fetch-metadata/). Where they do not, the page's host must be the one asked for.
    """
    said = request.headers.getall("Sec-Fetch-Site", [])
    if said:
        return said == ["same-origin"]
    origins = request.headers.getall(hdrs.ORIGIN, [])
    scheme, found, authority = origins[0].partition("://") if len(origins) == 1 else ("", "", "")
    return bool(found) and scheme in {"http", "https"} and authority == request.headers.get(hdrs.HOST)
