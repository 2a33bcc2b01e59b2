"""Hostile inputs against the running API: known ones, by their number in the catalogue, and then any at all.

Every answer below 500, in the shape of an error, without a stack and without the stranger's words.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.channels.webhook.driver import OLD_SECRET, ORIGIN, program_message, running, signed
from tests.raw_http import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.channels.webhook.driver import Site, Visitor

ROUTES = [
    ("POST", "/messages"),
    ("GET", "/messages"),
    ("POST", "/sessions"),
    ("DELETE", "/sessions/current"),
    ("POST", "/conversation/messages"),
    ("GET", "/conversation/messages"),
    ("GET", "/conversation/events"),
    ("GET", "/openapi.json"),
]

NOT_JSON = {
    "nothing": b"",
    "cut off": b"{nope",
    "array": b"[]",
    "null": b"null",
    "string": b'"x"',
    "number": b"1",
    "trailing bytes": b'{"client_id":"c1","text":"a"}x',
    "two documents": b"{}{}",
    "NaN": b'{"client_id":"c1","text":NaN}',
    "1e999": b'{"client_id":"c1","text":1e999}',
    "duplicate keys": b'{"client_id":"c1","text":"a","text":"b"}',
    "BOM": b'\xef\xbb\xbf{"client_id":"c1","text":"a"}',
    "invalid UTF-8": b'{"client_id":"c1","text":"\xff"}',
    "UTF-16": '{"client_id":"c1","text":"a"}'.encode("utf-16"),
    "raw NUL": b'{"client_id":"c1","text":"a\x00b"}',
    "deep": b'{"a":' * 10_000,
    "long number": b'{"a":' + b"9" * 50_000 + b"}",
}


@pytest.mark.parametrize("name", NOT_JSON)
async def test_w14_what_is_no_json_object_is_400(site: Site, visitor: Visitor, name: str) -> None:
    """W14, W17: strict JSON, from visitors and from programs with a good signature."""
    headers = visitor.headers | {"Content-Type": "application/json"}
    body = NOT_JSON[name]
    answer = await site.ask("POST", "/conversation/messages", data=body, headers=headers)
    assert (400, "bad_json") == (answer.status, answer.code)
    if name in {"invalid UTF-8", "UTF-16"}:
        headers = signed("x") | {"Content-Type": "application/json"}
    else:
        headers = signed(body.decode()) | {"Content-Type": "application/json"}
    answer = await site.ask("POST", "/messages", data=body, headers=headers)
    assert (400, "bad_json", []) == (answer.status, answer.code, site.core.accepted)


@pytest.mark.parametrize("name", ["cut off", "array", "NaN", "deep", "long number", "duplicate keys"])
async def test_w01_unsigned_is_401_whatever_it_holds(site: Site, name: str) -> None:
    """Nothing is parsed before the signature is checked."""
    headers = signed("something else") | {"Content-Type": "application/json"}
    answer = await site.ask("POST", "/messages", data=NOT_JSON[name], headers=headers)
    assert 401 == answer.status
    assert {
        "error": {"code": "unauthorized", "message": "The request is not signed as it should be."}
    } == answer.body


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 422),
        ("   \n", 422),
        ("\u3000\u00a0", 422),
        ("x" * (32 * 1024), 202),
        ("x" * (32 * 1024 + 1), 413),
        ("ü" * (16 * 1024 + 1), 413),
        ("x" * 1_000_000, 413),
    ],
    ids=["empty", "spaces", "other spaces", "32 KiB", "32 KiB + 1", "32 KiB + 2 in bytes", "1 MB"],
)
async def test_w16_texts_have_a_length(site: Site, visitor: Visitor, text: str, status: int) -> None:
    """W16: empty is 422, too long is 413, for visitors and programs."""
    assert status == (await visitor.say(text)).status
    assert status == (await site.pass_on(program_message(text=text))).status


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "\\udc00x", "\\ud83d\\ud83d"])
async def test_w17_what_no_store_can_hold_is_replaced(site: Site, visitor: Visitor, escape: str) -> None:
    """W17: NUL and half pairs become U+FFFD, and the message is answered like any."""
    body = f'{{"client_id":"c1","text":"a{escape}b"}}'
    headers = visitor.headers | {"Content-Type": "application/json"}
    answer = await site.ask("POST", "/conversation/messages", data=body, headers=headers)
    [message] = site.core.messages(visitor.conversation)
    assert (202, "ab") == (answer.status, message.text.replace("\ufffd", "").replace("x", ""))
    assert "\ufffd" in message.text


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"0" * 20_000_000)),
        ("gzip", b"no gzip"),
        ("deflate", zlib.compress(b"0" * 1_000_000)),
        ("br", b"\x1b\xff\xff"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"0", mtime=0), mtime=0)),
        ("zstd", b"x"),
        ("x", b"x"),
    ],
)
async def test_w19_compressed_bodies_are_415(
    site: Site, visitor: Visitor, encoding: str, body: bytes
) -> None:
    """W19: nothing is unpacked."""
    headers = visitor.headers | {"Content-Type": "application/json", "Content-Encoding": encoding}
    for path in ("/conversation/messages", "/sessions", "/messages"):
        assert 415 == (await site.ask("POST", path, data=body, headers=headers)).status


async def test_w20_w41_uploads_are_off(site: Site, visitor: Visitor) -> None:
    """W20, W41: a form with files is 415, however many parts it has."""
    part = b'--x\r\nContent-Disposition: form-data; name="f"; filename="../../x.svg"\r\n\r\n<svg/>\r\n'
    headers = visitor.headers | {"Content-Type": "multipart/form-data; boundary=x"}
    for path in ("/conversation/messages", "/sessions", "/messages"):
        answer = await site.ask("POST", path, data=part * 300 + b"--x--", headers=headers)
        assert 415 == answer.status


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_w29_an_old_or_early_signature_is_401(site: Site, minutes: int) -> None:
    """W29: five minutes either way."""
    import time

    answer = await site.pass_on(program_message(), at=time.time() + minutes * 60)
    assert (401, []) == (answer.status, site.core.accepted)


async def test_w31_a_webhook_id_has_no_dots(site: Site) -> None:
    """W31: the dot separates what is signed; an id with one could be read in two ways."""
    answer = await site.pass_on(program_message(), webhook_id="evt.1")
    assert (400, []) == (answer.status, site.core.accepted)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": None},
        {"webhook-id": None},
        {"webhook-timestamp": None},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,A"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "²"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-id": "evt_other"},
    ],
)
async def test_signatures_that_are_none(site: Site, change: dict[str, str | None]) -> None:
    """R401: one constant small body, no row."""
    content = json.dumps(program_message())
    headers = {"Content-Type": "application/json"} | signed(content) | change
    sent = {name: value for name, value in headers.items() if value is not None}
    answer = await site.ask("POST", "/messages", data=content, headers=sent)
    assert (401, []) == (answer.status, site.core.accepted)


async def test_a_signature_of_another_secret_is_401(site: Site) -> None:
    """S01's twin."""
    assert 401 == (await site.pass_on(program_message(), secret=OLD_SECRET)).status


@pytest.mark.parametrize(
    "path",
    [
        "/conversations/1/messages",
        "/conversation/../../../etc/passwd",
        "/conversation/%00",
        "/conversation/" + "x" * 5000,
        "/conversation/<script>",
        "/conversation/'--",
        "/%2e%2e/bot.yaml",
        "/..\\bot.yaml",
        "/sessions/vst_x",
        "/sessions/current/",
        "//sessions",
        "/admin",
        "/metrics",
    ],
)
async def test_w04_w46_there_is_nothing_elsewhere(site: Site, path: str) -> None:
    """W04, W46: ids and files are nowhere in a path, so every trick with one is 404."""
    request = f"GET {site.core.host.base_path}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    reply = await ask(site.server.port, request.encode())
    assert (404, "not_found") == (reply.status, reply.code)


async def test_w35_a_flood_of_one_session_is_bounded(site: Site) -> None:
    """W35: a thousand messages at once: some are accepted, in order, the rest is 429, none is 5xx."""
    limits = {"messages_per_session": {"per_minute": 30, "burst": 10}}
    async with running(limits=limits) as limited:
        visitor = await limited.visitor()
        statuses = [
            answer.status for answer in await asyncio.gather(*(visitor.say(f"{n}") for n in range(300)))
        ]
        numbers = [message.seq for message in limited.core.messages(visitor.conversation)]
    assert {202, 429} == set(statuses)
    assert statuses.count(202) == len(numbers)
    assert list(range(1, len(numbers) + 1)) == numbers


async def test_errors_do_not_repeat_what_was_sent(site: Site, visitor: Visitor) -> None:
    """I7, I9: no stranger's words in an answer."""
    marker = "xyzzy-<script>"
    bodies: list[dict[str, Any]] = [
        {marker: 1},
        {"client_id": marker, "text": "a"},
        {"client_id": "c1", "text": {marker: 1}},
    ]
    for body in bodies:
        answer = await site.ask("POST", "/conversation/messages", json=body, headers=visitor.headers)
        assert 422 == answer.status
        assert marker not in json.dumps(answer.body)
    for query in ("after", "limit"):
        assert marker not in json.dumps((await visitor.read(**{query: marker})).body)


# -- anything at all ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _shared_loop() -> Iterator[asyncio.Runner]:
    """A loop for hypothesis, which calls a test many times."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def shared(_shared_loop: asyncio.Runner) -> Iterator[tuple[asyncio.Runner, Site, Visitor]]:
    """One server for all examples of a test."""
    context = running(visitors={"allowed_origins": [ORIGIN]})
    site = _shared_loop.run(context.__aenter__())
    yield _shared_loop, site, _shared_loop.run(site.visitor())
    _shared_loop.run(context.__aexit__(None, None, None))


_TOKEN_CHARS = st.characters(codec="latin-1", exclude_characters="\r\n\x00")
_NAMES = st.sampled_from(
    [
        "Authorization",
        "Content-Type",
        "Accept",
        "Origin",
        "Last-Event-ID",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "X-Forwarded-For",
        "Cookie",
        "Access-Control-Request-Method",
        "Range",
        "If-None-Match",
        "X-Anything",
    ]
)
_HEADERS = st.lists(st.tuples(_NAMES, st.text(_TOKEN_CHARS, max_size=60)), max_size=8)


@dataclass(frozen=True)
class Anything:
    """A request of any kind."""

    route: tuple[str, str]
    method: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    def encode(self, base_path: str, more: list[tuple[str, str]]) -> bytes:
        """Return the request as it travels."""
        own, path = self.route
        length = ("Content-Length", str(len(self.body)))
        fields = [*self.headers, *more, ("Host", "x"), ("Connection", "close"), length]
        lines = [f"{self.method or own} {base_path}{path}?{self.query} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + self.body


_ANYTHING = st.builds(
    Anything,
    route=st.sampled_from(ROUTES),
    method=st.sampled_from(["", "", "PUT", "OPTIONS", "HEAD", "PATCH", "TRACE"]),
    query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
    headers=_HEADERS,
    body=st.binary(max_size=300),
)


@given(request=_ANYTHING, known=st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_an_error_of_ours(
    shared: tuple[asyncio.Runner, Site, Visitor], request: Anything, known: bool
) -> None:
    """Any method, query, headers and body on any route, with and without a good token: never a 5xx."""
    runner, site, visitor = shared
    good = [("Authorization", f"Bearer {visitor.token}"), ("Content-Type", "application/json")]
    raw = request.encode(site.core.host.base_path, good if known else [])
    assert runner.run(_status(site.server.port, raw)) < 500


async def _status(port: int, request: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(10):
            writer.write(request)
            return int((await reader.readline()).split()[1])
    finally:
        writer.transport.abort()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    [
        "conversation",
        "sender",
        "text",
        "author",
        "callback_url",
        "attachments",
        "wants_person",
        "client_id",
        "name",
    ]
)


@given(body=st.dictionaries(_FIELDS, _JSON, max_size=6))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_makes_an_error_of_ours(
    shared: tuple[asyncio.Runner, Site, Visitor], body: dict[str, Any]
) -> None:
    """Any JSON under the known fields' names, signed or with a token: accepted or refused, never a 5xx."""
    runner, site, visitor = shared
    content = json.dumps(program_message() | body)
    passed_on = runner.run(site.pass_on(content))
    said = runner.run(
        site.ask(
            "POST",
            "/conversation/messages",
            data=json.dumps({"client_id": "c1", "text": "a"} | body),
            headers=visitor.headers | {"Content-Type": "application/json"},
        )
    )
    opened = runner.run(site.ask("POST", "/sessions", json=body))
    assert {passed_on.status, said.status, opened.status} <= {200, 201, 202, 400, 409, 413, 422}
