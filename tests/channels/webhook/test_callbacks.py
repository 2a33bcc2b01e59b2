"""Replies posted to a program's callback URL."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from supportbot.errors import DeliveryError, Refused, RetryAfter, Unclear
from supportbot.messages import Citation, Outbound, Sent
from supportbot.testing.host import FakeCore
from supportbot_webhook import WebhookChannel, WebhookConfig
from tests.channels.webhook.driver import OLD_SECRET, SECRET, program_message, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.channels.webhook.driver import Site

OPEN: dict[str, Any] = {"allow_http": True, "allow_private_callbacks": True}


@dataclass
class Receiver:
    """A program that takes callbacks."""

    port: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[], web.StreamResponse] = field(default=lambda: web.Response(status=204))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.got.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        return self.answer()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A program on the loopback address that takes callbacks at /hook."""
    taking = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", taking.take)
    async with TestServer(app) as server:
        assert server.port is not None
        taking.port = server.port
        yield taking


async def _outbound(site: Site, text: str = "It is on its way.", **reply: Any) -> Outbound:
    answer = await site.pass_on(program_message())
    assert 202 == answer.status, answer.body
    return site.core.reply("ticket-1", text, **reply)


@asynccontextmanager
async def calling(receiver: Receiver, **section: Any) -> AsyncIterator[Site]:
    async with running(**{"callback_url": receiver.url, **OPEN, **section}) as site:
        yield site


async def test_a_reply_is_posted_signed(receiver: Receiver) -> None:
    """The receiver can verify it with the library, and finds all it needs in it."""
    async with calling(receiver) as site:
        await site.pass_on(program_message(), webhook_id="evt_1")
        cited = Citation(title="Orders", source="knowledge/orders.md", quote="Two days.")
        outbound = site.core.reply("ticket-1", "It is on its way.", citations=(cited,))
        outbound = outbound.evolve(created_at=1_763_000_000_123)
        sent = await site.channel.send(outbound)
    [(headers, body)] = receiver.got
    assert Sent(external_id=outbound.delivery_id) == sent
    assert outbound.delivery_id == headers["webhook-id"]
    assert "application/json" == headers["content-type"]
    assert Webhook(SECRET).verify(body, headers) == {
        "type": "message.replied",
        "timestamp": "2025-11-13T02:13:20.123Z",
        "data": {
            "conversation": "ticket-1",
            "conversation_id": outbound.conversation_id,
            "in_reply_to": "evt_1",
            "id": outbound.message_id,
            "seq": 2,
            "text": "It is on its way.",
            "citations": [{"title": "Orders", "source": "knowledge/orders.md", "quote": "Two days."}],
            "handoff": False,
        },
    }


async def test_every_try_has_the_same_id_and_body_and_its_own_time(receiver: Receiver) -> None:
    """The receiver drops a second try by its webhook-id; the signature is fresh, or it would expire."""
    async with calling(receiver) as site:
        outbound = await _outbound(site)
        await site.channel.send(outbound)
        with time_machine.travel(_hours_ahead(1), tick=True):
            await site.channel.send(outbound.evolve(attempt=2))
            (first, body), (second, again) = receiver.got
            Webhook(SECRET).verify(again, second)
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert 3500 < int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) < 3700


def _hours_ahead(hours: int) -> float:
    import time

    return time.time() + hours * 3600


async def test_the_first_secret_signs(receiver: Receiver) -> None:
    """During a rotation the receiver should know the new secret already."""
    async with calling(receiver, secrets=[SECRET, OLD_SECRET]) as site:
        await site.channel.send(await _outbound(site))
    [(headers, body)] = receiver.got
    Webhook(SECRET).verify(body, headers)


async def test_a_message_names_its_own_callback(receiver: Receiver) -> None:
    """callback_url of a message counts before the configured one, when its host is listed."""
    async with calling(
        receiver, callback_url=None, allow_callback_hosts=[f"127.0.0.1:{receiver.port}"]
    ) as site:
        answer = await site.pass_on(program_message(callback_url=receiver.url + "/own"))
        assert 202 == answer.status, answer.body
        await site.channel.send(site.core.reply("ticket-1", "Hello"))
    assert 1 == len(receiver.got)


async def _failure(site: Site, **changes: Any) -> DeliveryError:
    outbound = (await _outbound(site)).evolve(**changes)
    with pytest.raises(DeliveryError) as raised:
        await site.channel.send(outbound)
    return raised.value


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 301, 302, 307, 308])
async def test_refusals(receiver: Receiver, status: int) -> None:
    """A 4xx is for good, and no redirect is followed."""
    receiver.answer = lambda: web.Response(status=status, headers={"Location": "/elsewhere"})
    async with calling(receiver) as site:
        assert isinstance(await _failure(site), Refused)
    assert 1 == len(receiver.got)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "17", 17.0),
        (503, "17", 17.0),
        (429, None, None),
        (408, None, None),
        (409, None, None),
        (425, None, None),
        (429, "soon", None),
        (429, "999999999", 3600.0),
        (429, "-5", None),
    ],
)
async def test_answers_that_ask_to_wait(
    receiver: Receiver, status: int, header: str | None, seconds: float | None
) -> None:
    """What was not taken now may be taken later; how long a senseless Retry-After means, nobody knows."""
    headers = {} if header is None else {"Retry-After": header}
    receiver.answer = lambda: web.Response(status=status, headers=headers)
    async with calling(receiver) as site:
        failure = await _failure(site)
    assert isinstance(failure, RetryAfter)
    assert seconds == failure.seconds


async def test_retry_after_may_be_a_date(receiver: Receiver) -> None:
    """RFC 9110 allows a date."""
    receiver.answer = lambda: web.Response(
        status=503, headers={"Retry-After": formatdate(_hours_ahead(0) + 120, usegmt=True)}
    )
    async with calling(receiver) as site:
        failure = await _failure(site)
    assert isinstance(failure, RetryAfter)
    assert failure.seconds is not None
    assert 110 <= failure.seconds <= 121


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
async def test_errors_of_the_receiver_are_unclear(receiver: Receiver, status: int) -> None:
    """A 5xx may have come after the work was done."""
    receiver.answer = lambda: web.Response(status=status)
    async with calling(receiver) as site:
        assert isinstance(await _failure(site), Unclear)


async def test_a_reset_is_unclear() -> None:
    """A connection that breaks after the request was sent tells nothing."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, calling(Receiver(port)) as site:
        assert isinstance(await _failure(site), Unclear)


async def test_a_receiver_that_does_not_answer_is_unclear() -> None:
    """callback_timeout bounds the whole call."""
    done = asyncio.Event()

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, calling(Receiver(port), callback_timeout=0.1) as site:
        assert isinstance(await _failure(site), Unclear)
        done.set()


async def test_a_receiver_that_is_not_there_is_tried_later() -> None:
    """Nothing was sent, so nothing is unclear; how long it will take, nobody knows."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with calling(Receiver(port)) as site:
        failure = await _failure(site)
    assert isinstance(failure, RetryAfter)
    assert failure.seconds is None


async def test_a_huge_answer_is_not_read(receiver: Receiver) -> None:
    """Only the status counts."""
    receiver.answer = lambda: web.Response(status=200, body=b"x" * 20_000_000)
    async with calling(receiver) as site:
        assert (await site.channel.send(await _outbound(site))).external_id


# -- where callbacks may go ---------------------------------------------------------------------


def _redirected(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name resolve to these addresses, in this process."""

    async def getaddrinfo(_: Any, host: Any, port: Any, **__: Any) -> list[Any]:
        return [
            (
                socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ip_address(address).version == 6 else (address, port),
            )
            for address in addresses
        ]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["127.0.0.1", "10.0.0.1"],
    ],
)
async def test_a_name_that_resolves_to_a_private_address_is_refused(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    """W43: the address is checked where the connection is made, so DNS cannot lie its way in."""
    url = f"http://hooks.example.com:{receiver.port}/hook"
    async with running(callback_url=url, allow_http=True) as site:
        outbound = await _outbound(site)
        _redirected(monkeypatch, *addresses)
        with pytest.raises(Refused):
            await site.channel.send(outbound)
    assert [] == receiver.got


async def test_a_name_may_resolve_to_anything_where_that_is_allowed(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter-proof: with allow_private_callbacks the same call arrives."""
    url = f"http://hooks.example.com:{receiver.port}/hook"
    async with running(callback_url=url, **OPEN) as site:
        outbound = await _outbound(site)
        _redirected(monkeypatch, "127.0.0.1")
        await site.channel.send(outbound)
    assert 1 == len(receiver.got)


async def test_an_address_that_was_allowed_once_is_checked_again(receiver: Receiver) -> None:
    """A delivery that waited through a change of bot.yaml obeys the new one."""
    async with running() as site:
        outbound = (await _outbound(site)).evolve(address={"callback_url": receiver.url})
        with pytest.raises(Refused):
            await site.channel.send(outbound)
    assert [] == receiver.got


async def test_without_a_secret_nothing_is_posted(receiver: Receiver) -> None:
    """A delivery that waited while the secrets were taken away is refused: nothing goes out unsigned."""
    async with running(secrets=[], visitors={"enabled": True}, **OPEN) as site:
        visitor = await site.visitor()
        await visitor.say("Hello")
        outbound = site.core.reply(visitor.conversation, "Good day")
        with pytest.raises(Refused):
            await site.channel.send(outbound.evolve(address={"callback_url": receiver.url}))
    assert [] == receiver.got


# -- replies without a callback -----------------------------------------------------------------


async def test_without_a_callback_the_transcript_is_the_delivery(site: Site) -> None:
    """Sent at once, and found under the same id."""
    outbound = await _outbound(site)
    assert Sent(external_id=outbound.message_id) == await site.channel.send(outbound)
    assert Sent(external_id=outbound.message_id) == await site.channel.find(outbound)


async def test_an_unclear_callback_may_be_posted_again(receiver: Receiver) -> None:
    """Nobody can look it up, and the receiver drops a repetition: "not there" lets the core post it again."""
    async with calling(receiver) as site:
        outbound = await _outbound(site)
        assert None is await site.channel.find(outbound)


async def test_a_channel_that_does_not_run_sends_later() -> None:
    """A delivery before the start or after the stop is not lost."""
    core = FakeCore("web")
    section = {"type": "webhook", "secrets": [SECRET], "callback_url": "https://hooks.example.com/x"}
    channel = WebhookChannel(WebhookConfig.model_validate(section), core.host)
    outbound = Outbound(
        delivery_id="dlv_1",
        conversation_id="conv_1",
        message_id="msg_1",
        turn_id="turn_1",
        tenant="default",
        channel="web",
        external_id="ticket-1",
        address={"callback_url": "https://hooks.example.com/x"},
        text="Hello",
        seq=2,
    )
    with pytest.raises(RetryAfter):
        await channel.send(outbound)


async def test_no_secret_and_no_customer_text_in_a_failure(receiver: Receiver) -> None:
    """I9: what goes to the log is words of ours."""
    receiver.answer = lambda: web.Response(status=500, text="stack trace")
    async with calling(receiver) as site:
        failure = await _failure(site)
    told = json.dumps(str(failure))
    assert not any(word in told for word in (SECRET, "on its way", "stack", receiver.url))
