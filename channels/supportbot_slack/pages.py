"""The pages that a person sees while installing the app: plain HTML; no script, nothing loaded or echoed."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from aiohttp import web

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:15vh auto 0;padding:0 1em;color:#1d1c1d}"
    "a.button{display:inline-block;padding:.6em 1.2em;border-radius:.4em;background:#4a154b;color:#fff;"
    "text-decoration:none}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
}
"""All else that a page needs (nosniff, no-store, no-referrer) every answer has; see ``supportbot.web``."""


def page(title: str, *paragraphs: str, link: tuple[str, str] = ("", ""), status: int = 200) -> web.Response:
    """Return a page. Everything is escaped: the arguments are text, not HTML.

    Args:
        title: its heading.
        paragraphs: what it says.
        link: where to go on, as (address, words); none when the address is empty.
        status: the HTTP status.
    """
    url, words = link
    button = (
        f'<p><a class="button" rel="noreferrer" href="{escape(url)}">{escape(words)}</a></p>' if url else ""
    )
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return web.Response(
        status=status,
        headers=_HEADERS,
        content_type="text/html",
        charset="utf-8",
        text=(
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
            f"<body><h1>{escape(title)}</h1>{text}{button}</body></html>"
        ),
    )
