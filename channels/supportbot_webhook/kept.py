"""A session kept in a cookie, for browsers that give a page in a frame no storage of its own.

The cookie authorises nothing. One route reads it, which changes nothing and answers the bot's own pages only,
with the token that stood in it; everything else wants that token in a header, which no browser adds by itself.
It is partitioned (https://github.com/privacycg/CHIPS): each website that embeds the widget has one of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs

from supportbot.ids import now_ms
from supportbot.web import Problem

if TYPE_CHECKING:
    from aiohttp import web

    from supportbot_webhook.sessions import Session

KEPT = "/sessions/kept"
"""The one route that the cookie goes to."""

_NAME = "supportbot_session"


def wants_keeping(request: web.Request) -> bool:
    """Say whether a page asked for the cookie."""
    return request.query.get("keep") == "cookie"


def kept_token(request: web.Request) -> str:
    """Return the token of the cookie; empty when there is none.

    Raises:
        Problem: 403, it is not one of the bot's own pages that asks, or a browser too old to say so.
    """
    if request.headers.getall("Sec-Fetch-Site", []) != ["same-origin"]:
        raise Problem(403, "origin_not_allowed", "Only the bot's own pages may ask this.")
    return request.cookies.get(_NAME, "")


def keep(response: web.StreamResponse, base_path: str, token: str, session: Session) -> None:
    """Let the browser keep a session for as long as it lives."""
    _set(response, base_path, token, max(0, (session.expires_at - now_ms()) // 1000))


def drop(response: web.StreamResponse, base_path: str) -> None:
    """Let the browser forget it."""
    _set(response, base_path, "", 0)


def _set(response: web.StreamResponse, base_path: str, token: str, seconds: int) -> None:
    """Write the header by hand: ``http.cookies`` knows Partitioned from Python 3.14 on."""
    response.headers.add(
        hdrs.SET_COOKIE,
        f"{_NAME}={token}; Path={base_path}{KEPT}; Max-Age={seconds}; "
        "HttpOnly; Secure; SameSite=None; Partitioned",
    )
