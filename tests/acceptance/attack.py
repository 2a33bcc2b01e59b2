"""Hostile requests, byte for byte: rows W of the catalogue of bad inputs that are over at once."""

from __future__ import annotations

import gzip
import json
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from supportbot.chaos.clients import BASE, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.chaos.clients import Visitor

GOOD_ORIGIN = "https://good.example"
"""The only origin that the bot allows."""

JSON_TYPE = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Row:
    """Bytes, and which statuses may answer them."""

    name: str
    request: bytes
    statuses: tuple[int, ...]


class Attack:
    """Makes requests in the name of a visitor and of a program."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor

    def rows(self) -> Iterator[Row]:
        """Yield every row that is over at once."""
        yield from self._identity()
        yield from self._origins()
        yield from self._bodies()
        yield from self._http()
        yield from self._signatures()
        yield from self._addresses()

    def _identity(self) -> Iterator[Row]:
        read = f"GET {BASE}/conversation/messages"
        token = self._visitor.headers["Authorization"].removeprefix("Bearer ")
        yield Row("W01 no token", request(read), (401,))
        for number, bad in enumerate(
            ["x", token + "x", token[:-1], token.upper(), "vst_" + "A" * 43, "\xe9", "' OR 1=1", "A" * 4000]
        ):
            yield Row(f"W01 token {number}", request(read, {"Authorization": f"Bearer {bad}"}), (401,))
        yield Row("W01 two tokens", request(read, {"Authorization": ["Bearer a", "Bearer b"]}), (401,))
        yield Row("W05 token in the URL", request(f"{read}?token={token}"), (401,))
        yield Row("W05 other name", request(f"{read}?access_token={token}"), (401,))
        query = f"conversation={self._visitor.conversation}x"
        headers = signed(uuid4().hex, query)
        yield Row("W02 no such conversation", request(f"GET {BASE}/messages?{query}", headers), (404,))
        for path in ("..%2f..%2fetc%2fpasswd", "%00", "x" * 4000, "%3Cscript%3E", "'%20OR%201"):
            yield Row(f"W04 {path[:9]}", request(f"GET {BASE}/sessions/{path}"), (404, 405))

    def _origins(self) -> Iterator[Row]:
        for origin in ("https://evil.example", "null", f"{GOOD_ORIGIN}.evil.example", "http://good.example"):
            headers = JSON_TYPE | {"Origin": origin, "Host": "bot.example"}
            yield Row(f"W11 {origin}", request(f"POST {BASE}/sessions", headers, b"{}"), (403,))
        headers = {"Content-Type": "text/plain", "Origin": "https://evil.example", "Cookie": "a=b"}
        yield Row("W13", request(f"POST {BASE}/sessions", headers, b"{}"), (403, 415))

    def _bodies(self) -> Iterator[Row]:
        for number, body in enumerate(
            [
                b"{nope",
                b"[]",
                b"null",
                b"{}x",
                b'{"client_id":"c","text":NaN}',
                b'{"client_id":"c","text":1e999}',
                b'{"client_id":"c","text":"a","text":"b"}',
                b'{"a":' * 10_000,
                b"9" * 60_000,
                b'{"client_id":"c","text":"\xff"}',
                b'{"client_id":"c","text":"\x00"}',
            ]
        ):
            yield Row(f"W14 body {number}", self._write(body), (400,))
        yield Row("W16 empty", self._text(""), (422,))
        yield Row("W16 spaces", self._text(" \n"), (422,))
        yield Row("W16 32 KiB + 1", self._text("x" * (32 * 1024 + 1)), (413,))
        yield Row("W16 10 MB", self._write(b"x" * 1000, length=10_000_000), (413,))
        yield Row("W17 NUL", self._write(b'{"client_id":"nul","text":"kodd1-1 \\u0000"}'), (202,))
        yield Row("W17 half", self._write(b'{"client_id":"half","text":"kodd1-2 \\ud800"}'), (202,))
        bomb = gzip.compress(b"0" * 50_000_000)
        for encoding in ("gzip", "deflate", "br", "gzip, gzip", "zstd"):
            headers = {"Content-Encoding": encoding}
            yield Row(f"W19 {encoding}", self._write(bomb[:60_000], headers), (415,))
        parts = b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n" * 1200
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        yield Row("W20 multipart", self._write(parts, headers), (415,))
        yield Row("W41 upload", request(f"POST {BASE}/uploads", headers, parts), (404, 415))

    def _http(self) -> Iterator[Row]:
        many = {f"X-{number}": "y" for number in range(5000)}
        yield Row("W20 headers", request("GET /healthz", many), (400,))
        yield Row("W20 long header", request("GET /healthz", {"X-Long": "y" * 100_000}), (400,))
        cookies = ['=;;\x01="; ,=' * 10] * 40
        yield Row("W22 cookies", request("GET /healthz", {"Cookie": cookies}), (200, 400))
        yield Row("W23 two hosts", b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", (400,))
        yield Row("W23 absolute", b"GET http://evil.example/healthz HTTP/1.1\r\nHost: a\r\n\r\n", (400,))
        yield Row("W23 two lengths", request("POST /x", {"Content-Length": ["3", "4"]}, b"abcd"), (400,))
        smuggled = {"Content-Length": "4", "Transfer-Encoding": "chunked"}
        yield Row("W23 length and chunks", request("POST /x", smuggled, b"0\r\n\r\n"), (400,))
        yield Row("W23 odd chunks", request("POST /x", {"Transfer-Encoding": "xchunked"}, b"0"), (400,))
        yield Row("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,))
        yield Row("other protocol", b"SSH-2.0-OpenSSH_9.9\r\n\r\n", (400,))

    def _signatures(self) -> Iterator[Row]:
        body = json.dumps({"conversation": "w", "sender": {"id": "c1"}, "text": "kodd2-1 hello"})
        good = signed("evt_good", body) | JSON_TYPE
        post = f"POST {BASE}/messages"
        yield Row("W28 first", request(post, good, body.encode()), (202,))
        yield Row("W01 unsigned", request(post, JSON_TYPE, body.encode()), (401,))
        yield Row("W01 changed", request(post, good, body.replace("hello", "hellp").encode()), (401,))
        now = math.floor(time.time())
        for stamp in (now - 360, now + 360, now * 1000, f"{now}.5", "abc", "nan", "\xb2", "9" * 5000):
            headers = good | {"webhook-timestamp": str(stamp)}
            yield Row(f"W29 {str(stamp)[:12]}", request(post, headers, body.encode()), (400, 401))
        yield Row("W29 two ids", request(post, good | {"webhook-id": ["a", "b"]}, body.encode()), (401,))
        dotted = signed("evt.1", body) | JSON_TYPE
        yield Row("W31 dot", request(post, dotted, body.encode()), (400,))
        unsigned = request("POST /channels/open/messages", good, body.encode())
        yield Row("W32 no secret", unsigned, (404,))
        for url in (
            "http://127.0.0.1/x",
            "https://[::]/x",
            "https://169.254.169.254/",
            "https://0x7f.1/",
            "file:///etc/passwd",
            "https://user@good.example@127.0.0.1/",
        ):
            inner = json.dumps(json.loads(body) | {"callback_url": url})
            headers = signed(uuid4().hex, inner) | JSON_TYPE
            yield Row(f"W43 {url}", request(post, headers, inner.encode()), (422,))

    def _addresses(self) -> Iterator[Row]:
        events = f"GET {BASE}/conversation/events"
        for bad in ("abc", "-1", "9" * 30, "1;DROP TABLE messages", "1.5"):
            headers = self._visitor.headers | {"Last-Event-ID": bad}
            yield Row(f"W38 {bad[:8]}", request(events, headers), (400,))
        for bad in ("abc", "-1", "9" * 30, "1%20OR%201=1", "%00"):
            path = f"GET {BASE}/conversation/messages?after={bad}"
            yield Row(f"W40 {bad[:8]}", request(path, self._visitor.headers), (422,))
        for path in ("/metrics", "/readyz"):
            yield Row(f"W44 {path}", request(f"GET {path}"), (404,))
            headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": "127.0.0.1"}
            yield Row(f"W44 {path} wrong", request(f"GET {path}", headers), (404,))
        for path in ("/%2e%2e/bot.yaml", "/../bot.yaml", "/..%5cbot.yaml", "//bot.yaml", "/bot.yaml", "/%00"):
            yield Row(f"W46 {path}", request(f"GET {path}"), (400, 404))

    def _write(self, body: bytes, headers: dict[str, Any] | None = None, *, length: int = 0) -> bytes:
        headers = self._visitor.headers | JSON_TYPE | (headers or {})
        if length:
            headers["Content-Length"] = str(length)
        return request(f"POST {BASE}/conversation/messages", headers, body)

    def _text(self, text: str) -> bytes:
        return self._write(json.dumps({"client_id": uuid4().hex, "text": text}).encode())


def request(line: str, headers: dict[str, Any] | None = None, body: bytes = b"") -> bytes:
    """Return a request's bytes; a list gives a header several times."""
    headers = {"Host": "good.example", **(headers or {})}
    if body and not {"Content-Length", "Transfer-Encoding"} & headers.keys():
        headers["Content-Length"] = str(len(body))
    fields = [
        f"{name}: {value}"
        for name, values in headers.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return "\r\n".join([f"{line} HTTP/1.1", *fields, "", ""]).encode("latin-1") + body
