"""The widget as a website gets it: the loader script, the page in its frame, and the page by itself.

Nothing is written into a page but a data block of JSON, in which no ``<`` stands. The rules that go with it
(Content-Security-Policy, level 3) allow this server's own script and style and nothing else, and say who may
frame it: the origins that may use the API.
"""

from __future__ import annotations

import re
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import orjson
from aiohttp import hdrs, web

from supportbot.ids import now_ms
from supportbot_webhook.assets import IMMUTABLE, Asset, Assets
from supportbot_webhook.colors import on_color, readable
from supportbot_webhook.inbound import MAX_TEXT, MOST_IMAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.host import Host
    from supportbot_webhook.appearance import Widget
    from supportbot_webhook.config import WebhookConfig

Mode = Literal["frame", "page"]

IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")
_RIGHT_TO_LEFT = frozenset({"ar", "he"})
_SCHEMES = frozenset({"auto", "light", "dark"})
_PLACEHOLDER = b'"%SUPPORTBOT_CONFIG%"'
_LAUNCHER_TEXTS = ("launcher_open", "launcher_close", "frame_title", "launcher_unread")
_BRIEFLY = "public, max-age=300"  # the loader's address does not change when its content does
_ASK_AGAIN = "no-cache"
_FROM_ANYWHERE = {"Cross-Origin-Resource-Policy": "cross-origin"}
_FROM_HERE = {"Cross-Origin-Resource-Policy": "same-origin"}
_TAG = re.compile(r"([a-zA-Z]{2,3})(?:-[a-zA-Z0-9]{1,8})*|\*")
_LONGEST_HEADER = 500  # characters of Accept-Language that are looked at

GROUNDS = {"light": "#f1f3f5", "dark": "#262a30"}
"""What an answer's links lie on: ``--sb-soft`` of chat.css."""

_PAGE = """<!doctype html>
<html lang="{language}" dir="{direction}" data-mode="{mode}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="chat.css?v={style}">
<script type="application/json" id="config">{config}</script>
<script type="module" src="chat.js?v={script}"></script>
</head>
<body><div id="app"></div><noscript>{noscript}</noscript></body>
</html>
"""

_ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="9" fill="{color}"/>
<path fill="none" stroke="{on_color}" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round" \
d="M25 16a8 8 0 0 1-8 8H8l1.8-3.2A8 8 0 1 1 25 16Z"/>
</svg>
"""


class Pages:
    """The handlers of the widget's routes."""

    def __init__(self, config: WebhookConfig, host: Host, assets: Assets) -> None:
        self._config = config
        self._widget: Widget = config.widget
        self._host = host
        self._assets = assets
        self._made: dict[tuple[Any, ...], Asset] = {}

    async def loader(self, request: web.Request) -> web.Response:
        """Return the script that a website embeds, with how the launcher looks in it."""
        return self._loader.answer(request, caching=_BRIEFLY)

    async def frame(self, request: web.Request) -> web.Response:
        """Return the page that the loader frames."""
        return self._page(request, "frame")

    async def page(self, request: web.Request) -> web.Response:
        """Return the page that stands by itself."""
        return self._page(request, "page")

    async def script(self, request: web.Request) -> web.Response:
        """Return the page's script."""
        return _versioned(request, self._script)

    async def style(self, request: web.Request) -> web.Response:
        """Return the page's style."""
        return _versioned(request, self._style)

    async def late_script(self, request: web.Request) -> web.Response:
        """Return what the page fetches once it is needed."""
        return _versioned(request, self._late)

    async def icon(self, request: web.Request) -> web.Response:
        """Return the symbol of the browser's tab."""
        return self._icon.answer(request, caching=_ASK_AGAIN)

    async def types(self, request: web.Request) -> web.Response:
        """Return the TypeScript types of the JavaScript API."""
        found = self._assets.get("widget.d.ts", "text/plain", _FROM_HERE)
        return found.answer(request, caching=_ASK_AGAIN)

    @property
    def _script(self) -> Asset:
        return self._assets.get("chat.js", "text/javascript", _FROM_HERE)

    @property
    def _late(self) -> Asset:
        return self._assets.get("late.js", "text/javascript", _FROM_HERE)

    @property
    def _style(self) -> Asset:
        return self._assets.get("chat.css", "text/css", _FROM_HERE)

    @cached_property
    def _loader(self) -> Asset:
        source = self._assets.get("widget.js", "text/javascript").body
        before, found, after = source.partition(_PLACEHOLDER)
        assert found, "widget.js has a place for its configuration"
        body = before + in_script(self._launcher()) + after
        return Asset(body=body, content_type="text/javascript", headers=_FROM_ANYWHERE)

    @cached_property
    def _icon(self) -> Asset:
        color = self._widget.color
        body = _ICON.format(color=color, on_color=on_color(color)).encode()
        headers = {"Content-Security-Policy": "default-src 'none'; sandbox", **_FROM_HERE}
        return Asset(body=body, content_type="image/svg+xml", headers=headers)

    def _page(self, request: web.Request, mode: Mode) -> web.Response:
        language = self._language(request)
        scheme = _one_of(request, "theme", _SCHEMES.__contains__) or self._widget.scheme
        away = is_away(self._widget)
        key = (mode, language, scheme, away)
        if key not in self._made:
            self._made[key] = self._compose(mode, language, scheme, away=away)
        return self._made[key].answer(request, caching=_ASK_AGAIN, vary="Accept-Language")

    def _compose(self, mode: Mode, language: str, scheme: str, *, away: bool) -> Asset:
        texts = self._texts(language)
        title = escape(self._host.company or self._host.bot_name)
        body = _PAGE.format(
            language=language,
            direction=_direction(language),
            mode=mode,
            title=title,
            icon=self._widget.logo or "icon.svg",
            style=self._style.version,
            script=self._script.version,
            config=in_script(self._settings(mode, language, scheme, texts, away=away)).decode(),
            noscript=escape(texts.get("noscript", "This chat needs JavaScript.")),
        )
        headers = {
            "Content-Security-Policy": self._rules(mode),
            "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
            "Cross-Origin-Resource-Policy": "cross-origin" if mode == "frame" else "same-origin",
        }
        return Asset(body=body.encode(), content_type="text/html", headers=headers)

    def _rules(self, mode: Mode) -> str:
        """Return the page's Content-Security-Policy."""
        framed_by = "'none'"
        if mode == "frame":
            framed_by = " ".join(["'self'", *self._config.visitors.allowed_origins])
        logo = f" {self._widget.logo}" if self._widget.logo else ""
        return "; ".join(
            [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                f"img-src 'self' blob:{logo}",
                "connect-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                f"frame-ancestors {framed_by}",
                "require-trusted-types-for 'script'",
                "trusted-types 'none'",
            ]
        )

    def _launcher(self) -> dict[str, Any]:
        """Return what the loader needs to show the launcher before anything else is fetched."""
        widget = self._widget
        texts = {language: self._texts(language) for language in widget.languages}
        return {
            "color": widget.color,
            "on_color": on_color(widget.color),
            "position": widget.position,
            "corner": widget.corner,
            "offset": [widget.offset_x, widget.offset_y],
            "logo": widget.logo or "",
            "label": widget.label or "",
            "texts": {lang: [words.get(key, "") for key in _LAUNCHER_TEXTS] for lang, words in texts.items()},
            "language": self._fallback,
        }

    def _settings(
        self, mode: Mode, language: str, scheme: str, texts: dict[str, str], *, away: bool
    ) -> dict[str, Any]:
        """Return what the page needs to know."""
        widget = self._widget
        return {
            "bot": self._host.bot_name,
            "company": self._host.company,
            "language": language,
            "dir": _direction(language),
            "mode": mode,
            "theme": {
                "light": _shades(widget.color, GROUNDS["light"]),
                "dark": _shades(widget.color_dark or widget.color, GROUNDS["dark"]),
                "corner": widget.corner,
                "scheme": scheme,
                "logo": widget.logo or "",
            },
            "texts": texts,
            "greeting": texts.get("greeting", "") if widget.greeting is None else widget.greeting,
            "suggestions": list(widget.suggestions),
            "features": {
                "images": widget.images,
                "ratings": widget.ratings,
                "survey": widget.survey,
                "handoff": widget.handoff,
                "email": widget.email,
            },
            "limits": {
                "text": MAX_TEXT,
                "images": MOST_IMAGES,
                "image_bytes": widget.image_bytes,
                "image_types": list(IMAGE_TYPES),
            },
            "late": f"./late.js?v={self._late.version}",
            "away": away,
            "heartbeat": self._config.streams.heartbeat,
            "identity": self._config.identity is not None,
            "origins": list(self._config.visitors.allowed_origins) if mode == "frame" else [],
        }

    def _texts(self, language: str) -> dict[str, str]:
        changed: dict[str, str] = dict(self._widget.texts.get(language, {}))  # type: ignore[call-overload]
        return self._assets.texts(language) | changed

    @property
    def _fallback(self) -> str:
        """The language of who speaks none of those there are."""
        languages = self._widget.languages
        return self._widget.language if self._widget.language in languages else languages[0]

    def _language(self, request: web.Request) -> str:
        """Return the language for a request: as the page wishes (``lang``), else as its browser does."""
        wished = request.query.get("lang", "")[:_LONGEST_HEADER]
        asked = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")[:_LONGEST_HEADER]
        languages: frozenset[str] = frozenset(self._widget.languages)
        return choose_language(wished, languages) or choose_language(asked, languages) or self._fallback


def choose_language(accepted: str, languages: frozenset[str]) -> str:
    """Return the first of ``Accept-Language``'s languages, by weight, that there is; empty if none is.

    See RFC 9110, section 12.5.4; of a tag such as ``de-AT`` the language counts.
    """
    wishes = []
    for place, part in enumerate(accepted.split(",")):
        tag, _, weight = part.partition(";")
        found = _TAG.fullmatch(tag.strip())
        if found and found[1]:
            wishes.append((-_weight(weight), place, found[1].lower()))
    return next((language for weight, _, language in sorted(wishes) if weight and language in languages), "")


def in_script(value: object) -> bytes:
    """Return a value as JSON for a script or a data block: it can neither end it nor begin another."""
    text = orjson.dumps(value)
    for special, escaped in _SPECIAL:
        text = text.replace(special, escaped)
    return text


def is_away(widget: Widget) -> bool:
    """Say whether nobody of the team is there now."""
    return widget.hours is not None and widget.hours.away(now_ms())


_SPECIAL = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


def _shades(color: str, ground: str) -> dict[str, str]:
    """Return the site's colour, what stands on it, and the colour of links: CSS variables of these names."""
    return {"color": color, "on-color": on_color(color), "link": readable(color, ground)}


def _weight(parameter: str) -> float:
    found = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", parameter)
    return float(found[1]) if found else 1.0


def _direction(language: str) -> str:
    return "rtl" if language in _RIGHT_TO_LEFT else "ltr"


def _one_of(request: web.Request, name: str, known: Callable[[str], bool]) -> str:
    value = request.query.get(name, "")
    return value if known(value) else ""


def _versioned(request: web.Request, asset: Asset) -> web.Response:
    """Return a file for ever where its address names this content, else for this once."""
    named = request.query.get("v") == asset.version
    return asset.answer(request, caching=IMMUTABLE if named else _ASK_AGAIN)
