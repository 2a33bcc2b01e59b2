"""Images from programs: handed in with the message, or named and fetched when a turn begins."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs
from yarl import URL

from supportbot.messages import Attachment, Message
from supportbot.testing.model_calls import a_prompt
from supportbot_webhook.images import Images
from tests.channels.webhook.driver import program_message, running, signed
from tests.raw_http import wire
from tests.test_images import drawn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.messages import Turn
    from tests.channels.webhook.driver import Site

LONGEST = 256 * 1024


@pytest.fixture
async def large() -> AsyncIterator[Site]:
    async with running(max_body=LONGEST) as site:
        yield site


def with_image(data: bytes | str, **more: Any) -> dict[str, Any]:
    text = data if isinstance(data, str) else b64encode(data).decode()
    return program_message(attachments=[{"name": "a.png", "data": text, **more}])


async def test_an_image_is_handed_in(large: Site) -> None:
    """As base64; its size is that of its bytes."""
    image = drawn("PNG") + bytes(100_000)
    answer = await large.pass_on(with_image(image, size=7))
    assert 202 == answer.status
    [inbound] = large.core.accepted
    assert (image, len(image)) == (inbound.attachments[0].data, inbound.attachments[0].size)
    [message] = large.core.messages("ticket-1")
    assert ("image/png", 64, 48, b"") == (
        message.attachments[0].content_type,
        message.attachments[0].width,
        message.attachments[0].height,
        message.attachments[0].data,
    )


@pytest.mark.parametrize("data", ["not base64!", "AAA", "AA\n==", 7, None])
async def test_what_is_no_base64_is_refused(site: Site, data: Any) -> None:
    """Not read leniently."""
    answer = await site.pass_on(program_message(attachments=[{"name": "a.png", "data": data}]))
    assert (422, "invalid") == (answer.status, answer.code)


async def test_the_limit_is_exact(large: Site) -> None:
    """So many bytes are taken, and not one more; the other routes' limit stays as it was."""
    body = json.dumps(with_image(""))
    for length, status in ((LONGEST, 202), (LONGEST + 1, 413)):
        answer = await large.pass_on(body + " " * (length - len(body)))
        assert status == answer.status
    opened = await large.ask("POST", "/sessions", json={"name": "x" * 70_000})
    assert 413 == opened.status


async def test_without_the_key_the_limit_is_what_it_was(site: Site) -> None:
    """64 KiB."""
    answer = await site.pass_on(with_image(bytes(64 * 1024)))
    assert (413, "too_large") == (answer.status, answer.code)


async def test_a_body_of_no_length_is_no_large_one(large: Site) -> None:
    """Room is made for what is announced, and for nothing else."""

    async def pieces() -> AsyncIterator[bytes]:
        yield content.encode()

    content = json.dumps(with_image("")) + " " * 70_000
    headers = {"Content-Type": "application/json"} | signed(content)
    answer = await large.ask("POST", "/messages", data=pieces(), headers=headers)
    assert 413 == answer.status


async def test_strangers_buy_no_memory(large: Site) -> None:
    """Four large bodies are read at once; the fifth is told to come again, and small ones are not held up."""
    headers = signed("x") | {"Content-Type": "application/json", "Content-Length": str(LONGEST)}
    headers |= {"Host": "x", "Expect": "100-continue"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    url = URL(large.url)
    async with AsyncExitStack() as stack:
        for _ in range(4):
            one = await stack.enter_async_context(wire(url.port or 0))
            await one.send(f"POST {url.path}/messages HTTP/1.1\r\n{head}\r\n".encode())
            await one.until(b"100 Continue")
        answer = await large.pass_on(with_image(bytes(100_000)))
        small = await large.pass_on(program_message())
    assert ((503, "busy"), 202) == ((answer.status, answer.code), small.status)


# -- named ---------------------------------------------------------------------------------------

IMAGE = drawn("PNG")


@pytest.fixture
async def shop() -> AsyncIterator[str]:
    """A website with images, on the loopback address; returns its URL."""

    async def give(request: web.Request) -> web.Response:
        if request.path == "/moved.png":
            raise web.HTTPFound("/a.png")
        if request.path != "/a.png":
            raise web.HTTPNotFound
        return web.Response(body=IMAGE)

    app = web.Application()
    app.router.add_get("/{path:.*}", give)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


def named(url: str, kind: str = "image/png") -> Turn:
    file = Attachment(name="a.png", content_type=kind, size=0, url=url)
    message = Message(id="msg_1", seq=1, author="customer", text="?", created_at=1, attachments=(file,))
    return a_prompt().turn.evolve(messages=(message,))


async def completed(turn: Turn, most: int, **guard: bool) -> bytes:
    """Return the bytes that a turn's attachment then has."""
    images = Images(most, **guard)
    running_images = images.run(web.Application())
    await anext(running_images)
    turn = await images.complete(turn)
    assert await anext(running_images, None) is None
    return turn.messages[0].attachments[0].data


@pytest.mark.parametrize(
    ("path", "kind", "most", "expected"),
    [
        ("a.png", "image/png", 10_000, IMAGE),
        ("a.png", "image/png", len(IMAGE), IMAGE),
        ("a.png", "image/png", len(IMAGE) - 1, b""),
        ("a.png", "image/png", 0, b""),
        ("a.png", "application/pdf", 10_000, b""),
        ("gone.png", "image/png", 10_000, b""),
        ("moved.png", "image/png", 10_000, b""),
    ],
    ids=["fetched", "just", "too large", "off", "no image", "gone", "moved"],
)
async def test_an_image_that_is_named_is_fetched(
    shop: str, path: str, kind: str, most: int, expected: bytes
) -> None:
    """If bot.yaml says so, and within its limit; no redirect is followed."""
    turn = named(shop + path, kind)
    assert expected == await completed(turn, most, allow_http=True, allow_private=True)


async def test_nothing_is_fetched_from_this_network(shop: str) -> None:
    """Only https, and only public addresses."""
    https = shop.replace("http://", "https://")
    for url in (shop + "a.png", https + "a.png", https.replace("127.0.0.1", "localhost") + "a.png"):
        assert b"" == await completed(named(url), 10_000)
    assert b"" == await completed(named(shop + "a.png"), 10_000, allow_http=True)
    assert b"" == await completed(named("https://[::1"), 10_000)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://shop.example/a.png", "its url must begin with https://"),
        ("https://127.0.0.1/a.png", "its url must not name a private address"),
        ("https://localhost/a.png", "its url must not name a private host"),
    ],
)
async def test_why_it_was_not_fetched_advises_nothing_that_does_not_help(url: str, reason: str) -> None:
    """The keys that lift this for callbacks do not lift it for images."""
    with capture_logs() as logs:
        await completed(named(url), 10_000)
    assert [reason] == [line["reason"] for line in logs if line["event"] == "webhook.image_not_fetched"]


async def test_the_channel_completes_turns() -> None:
    """And fetches nothing when bot.yaml does not say so."""
    async with running() as site:
        turn = named("https://shop.example/a.png")
        assert turn is await site.channel.complete(turn)
