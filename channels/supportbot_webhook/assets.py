"""The built files of the widget, as they are served: hashed, compressed once, kept in memory.

What can be served is named in the code; a request never becomes a path. The files are built from ``widget/``
and lie in its ``dist/``. They are read when they are first asked for: start-up does without.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import orjson
from aiohttp import hdrs, web

if TYPE_CHECKING:
    from collections.abc import Mapping

Language = Literal["ar", "de", "en", "es", "fr", "he", "it", "ja", "nl", "pl", "pt", "zh"]
LANGUAGES: tuple[Language, ...] = ("ar", "de", "en", "es", "fr", "he", "it", "ja", "nl", "pl", "pt", "zh")
"""What the interface speaks."""

DIST = Path(__file__).parent / "widget" / "dist"

IMMUTABLE = "public, max-age=31536000, immutable"
"""For an address that names the content (RFC 8246)."""

_SMALL = 500  # bytes; compressing less gains nothing


@dataclass(frozen=True, kw_only=True)
class Asset:
    """Bytes to serve, under the tag that changes when they do."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def version(self) -> str:
        """The beginning of the content's SHA-256, for the address of an immutable file."""
        return sha256(self.body).hexdigest()[:16]

    @cached_property
    def _compressed(self) -> bytes:
        return gzip.compress(self.body, compresslevel=9, mtime=0)

    def answer(self, request: web.Request, *, caching: str, vary: str = "") -> web.Response:
        """Return it, or 304 when the request knows it already (RFC 9110, section 13.1.2)."""
        headers = {
            **self.headers,
            hdrs.ETAG: f'W/"{self.version}"',
            hdrs.CACHE_CONTROL: caching,
            hdrs.VARY: f"{vary}, Accept-Encoding" if vary else "Accept-Encoding",
        }
        if _knows(request, self.version):
            return web.Response(status=304, headers=headers)
        body = self.body
        if len(body) > _SMALL and _takes_gzip(request):
            body = self._compressed
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(body=body, content_type=self.content_type, charset="utf-8", headers=headers)


class Assets:
    """The files of one folder."""

    def __init__(self, folder: Path = DIST) -> None:
        self._folder = folder
        self._read: dict[str, Asset] = {}
        self._texts: dict[str, dict[str, str]] = {}

    def get(self, name: str, content_type: str, headers: Mapping[str, str] | None = None) -> Asset:
        """Return a file; ``name`` is ours and never a stranger's."""
        if name not in self._read:
            body = (self._folder / name).read_bytes()
            self._read[name] = Asset(body=body, content_type=content_type, headers=headers or {})
        return self._read[name]

    def texts(self, language: str) -> dict[str, str]:
        """Return the interface's texts in one of ``LANGUAGES``."""
        if language not in self._texts:
            self._texts[language] = orjson.loads((self._folder / "texts" / f"{language}.json").read_bytes())
        return self._texts[language]


def text_keys(folder: Path = DIST) -> frozenset[str]:
    """Return the keys of the interface's texts."""
    return frozenset(Assets(folder).texts("en"))


def _knows(request: web.Request, version: str) -> bool:
    tags = request.if_none_match or ()
    return any(tag.value in {version, "*"} for tag in tags)


def _takes_gzip(request: web.Request) -> bool:
    """Say whether ``Accept-Encoding`` names gzip, other than with the weight 0 (RFC 9110, section 12.5.3)."""
    for part in request.headers.get(hdrs.ACCEPT_ENCODING, "")[:500].lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
