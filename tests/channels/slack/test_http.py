"""Requests over HTTP: nothing unsigned is read, nothing signed breaks anything."""

from __future__ import annotations

import gzip
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import structlog
from aiohttp import ClientSession

from supportbot.errors import NotAccepting, StoreUnavailable
from supportbot.testing import FakeCore
from supportbot.testing.site import serving
from supportbot_slack import SlackChannel, http
from supportbot_slack.signature import Signatures
from tests.channels.slack.driver import SECRET, direct, event, mention, post, signed
from tests.channels.slack.workspace import ScriptedSlack
from tests.channels.test_contract import Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.testing.site import Site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """The channel in a real server, with a core that does what it is told."""
    async with Workspace() as platform, serving(SlackChannel, platform) as started:
        yield started


async def send(site: Site, body: bytes | str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    async with site.http.post(
        f"{site.url}/events", data=body, headers=signed(body) if headers is None else headers
    ) as response:
        return response.status, await response.text()


GOOD = json.dumps(direct())


def changed(**headers: str) -> dict[str, str]:
    return signed(GOOD) | headers


def unsigned() -> dict[str, dict[str, str]]:
    """Headers that sign nothing; made when they are used: a suite may outlive a signature."""
    now = int(time.time())
    timestamps = {
        "letters": "abc",
        "nan": "nan",
        "fraction": "1.5",
        "underscore": "1_00000000",
        "digits": "1" * 5000,
        "old": str(now - 900),
        "ahead": str(now + 900),
    }
    return {
        "nothing": {},
        "another secret": signed(GOOD, secret="another secret of an app"),
        "no signature": {"X-Slack-Request-Timestamp": str(now)},
        "no timestamp": {"X-Slack-Signature": "v0=" + "0" * 64},
        "not ASCII": changed(**{"X-Slack-Signature": "v0=\u00e9" + "0" * 63}),
        "too short": changed(**{"X-Slack-Signature": "v0=00"}),
        "upper case": changed(**{"X-Slack-Signature": "v0=" + "A" * 64}),
        "another body": signed(GOOD + " "),
    } | {
        f"timestamp {name}": signed(GOOD, timestamp=value) | {"X-Slack-Request-Timestamp": value}
        for name, value in timestamps.items()
    }


@pytest.mark.parametrize("name", unsigned())
async def test_what_is_not_signed_is_401_and_nothing_else(site: Site, name: str) -> None:
    """A short constant body, and nothing handed in."""
    status, body = await send(site, GOOD, unsigned()[name])
    assert 401 == status
    assert "not_signed" in body
    assert [] == site.handed_in


async def test_the_log_tells_of_unsigned_requests_once_a_minute(
    site: Site,
) -> None:
    """It says what may be wrong and how many there were, and nothing of what they hold."""
    wrong = signed(GOOD, secret="another secret of an app")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert 401 == (await send(site, GOOD, wrong))[0]
    [told] = [line for line in logs if line["event"] == "slack.not_signed"]
    assert 1 == told["refused"]
    assert "signing_secret is another app's, or this machine's clock is off" in told["problem"]
    assert {"event", "log_level", "refused", "problem"} == told.keys()


async def test_the_next_line_counts_what_was_refused_since() -> None:
    """The minute is measured from the line before."""
    requests = http.Requests(Signatures(["a secret of this app"]), events=_no, pressed=_no, command=_no)
    with structlog.testing.capture_logs() as logs:
        for now in (1000.0, 1001.0, 1059.9, 1060.0, 1061.0):
            requests._tell_of_refusal(now)
    assert [1, 3] == [line["refused"] for line in logs]


async def _no(_: object) -> None:
    raise AssertionError("nothing is handed in")


@pytest.mark.parametrize(
    "body", ["{nope", "[" * 100_000, '{"a":' * 100_000, "1" * 100_000, b"\xff\xfe", b"\xef\xbb\xbf{}", ""]
)
async def test_unsigned_bytes_are_not_even_read(site: Site, body: Any) -> None:
    """However they look."""
    status, _ = await send(site, body, {"X-Slack-Signature": "v0=" + "0" * 64})
    assert 401 == status


async def test_two_signatures_are_none(site: Site) -> None:
    """A proxy may have read the other one."""
    headers = [*signed(GOOD).items(), ("X-Slack-Signature", "v0=" + "0" * 64)]
    async with site.http.post(f"{site.url}/events", data=GOOD, headers=headers) as response:
        assert 401 == response.status


@pytest.mark.parametrize("away", [-290, 290])
async def test_clocks_may_differ_a_little(site: Site, away: int) -> None:
    """By less than five minutes, either way."""
    status, _ = await send(site, GOOD, signed(GOOD, timestamp=str(int(time.time()) + away)))
    assert 200 == status
    assert 1 == len(site.handed_in)


@pytest.mark.parametrize(
    "body",
    [
        "{nope",
        "[]",
        "null",
        '"x"',
        "1",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        "payload={nope",
        "[" * 5000,
        "",
        "a=1",
    ],
)
async def test_signed_nonsense_is_400_and_not_sent_again(site: Site, body: Any) -> None:
    """Slack is told so in its own header."""
    async with site.http.post(f"{site.url}/events", data=body, headers=signed(body)) as response:
        assert 400 == response.status
        assert "1" == response.headers["X-Slack-No-Retry"]


async def test_compressed_bodies_are_not_taken(site: Site) -> None:
    """Slack sends none, and they may be bombs."""
    body = gzip.compress(GOOD.encode())
    assert 415 == (await send(site, body, signed(body) | {"Content-Encoding": "gzip"}))[0]


async def test_the_content_type_does_not_matter(site: Site) -> None:
    """The bytes are signed; what they are called is not."""
    for number, kind in enumerate(("text/plain", "application/json", "application/octet-stream")):
        body = json.dumps(direct(str(number)))
        assert 200 == (await send(site, body, signed(body) | {"Content-Type": kind}))[0]
    assert 3 == len(site.handed_in)


async def test_the_url_is_verified_when_slack_asks(site: Site) -> None:
    """With the challenge as plain text, and only for Slack."""
    body = json.dumps({"type": "url_verification", "challenge": "<b>3eZbrw1a</b>"})
    async with site.http.post(f"{site.url}/events", data=body, headers=signed(body)) as response:
        assert (200, "<b>3eZbrw1a</b>", "text/plain") == (
            response.status, await response.text(), response.content_type
        )  # fmt: skip
    assert 401 == (await send(site, body, {}))[0]


@pytest.mark.parametrize("challenge", ["x" * 1_000_000, 17, None, {"a": 1}])
async def test_a_challenge_is_a_short_text(site: Site, challenge: Any) -> None:
    """Anything else is 400."""
    body = json.dumps({"type": "url_verification", "challenge": challenge})
    assert 400 == (await send(site, body))[0]


async def test_a_long_message_is_taken(site: Site) -> None:
    """40,000 characters come escaped, and twice, with their blocks."""
    text = "ü" * 40_000
    body = json.dumps(direct(text, blocks=[{"type": "rich_text", "elements": [{"text": text}]}]))
    assert 200 == (await send(site, body))[0]
    assert text == site.handed_in[0].text


async def test_half_a_character_does_not_lose_a_message(site: Site) -> None:
    """What no text can hold is replaced."""
    body = GOOD.replace("parcel", r"par\ud83dcel\u0000")
    assert 200 == (await send(site, body))[0]
    assert "par\ufffdcel" in site.handed_in[0].text


async def test_the_same_name_twice(site: Site) -> None:
    """The last counts; it is no verification without a signature either way."""
    body = GOOD.replace('"type": "event_callback"', '"type": "url_verification", "type": "event_callback"')
    assert 200 == (await send(site, body))[0]
    assert 1 == len(site.handed_in)


@pytest.mark.parametrize("error", [StoreUnavailable(cause="full"), NotAccepting()])
async def test_what_cannot_be_stored_is_not_acknowledged(site: Site, error: Exception) -> None:
    """503: Slack sends it again."""
    site.core.failure = error
    assert 503 == (await send(site, GOOD))[0]


async def test_either_secret_counts_while_they_are_rotated() -> None:
    """The one of before, too."""
    old = "0f742231b10e8888abcd99yyyzzz85a5"
    async with ScriptedSlack() as slack, ClientSession() as http:
        platform = Workspace()
        platform.slack = slack
        platform.more = {"previous_signing_secret": old}
        async with serving(SlackChannel, platform, FakeCore("slack")) as site:
            for secret, status in ((SECRET, 200), (old, 200), ("f" * 32, 401)):
                body = json.dumps(direct(secret))
                async with http.post(
                    f"{site.url}/events", data=body, headers=signed(body, secret=secret)
                ) as response:
                    assert status == response.status


IGNORED = {
    "unknown type": ({"type": "something_new"}, "unknown_type"),
    "rate limited": ({"type": "app_rate_limited"}, "rate_limited_by_slack"),
    "unknown event": (event({"type": "emoji_changed"}), "unknown_event"),
    "event is a list": (event([]), "malformed"),  # type: ignore[arg-type]
    "event is a text": (event("x"), "malformed"),  # type: ignore[arg-type]
    "event is null": (event(None), "malformed"),  # type: ignore[arg-type]
    "no event": ({k: v for k, v in direct().items() if k != "event"}, "malformed"),
    "no event id": ({k: v for k, v in direct().items() if k != "event_id"}, "malformed"),
    "no team": (direct() | {"team_id": None, "authorizations": []}, "malformed"),
    "no channel": (direct(channel=None), "malformed"),
    "no user": (direct(user=None), "malformed"),
    "no ts": (direct(ts=None), "malformed"),
    "a bot": (direct(bot_id="B9"), "bot"),
    "ourselves": (direct(user="UBOT"), "own_message"),
    "slackbot": (direct(user="USLACKBOT"), "bot"),
    "an edit": (direct(subtype="message_changed"), "edit"),
    "a deletion": (direct(subtype="message_deleted"), "deletion"),
    "a join": (direct(subtype="channel_join"), "join"),
    "a new subtype": (direct(subtype="something_new"), "subtype"),
    "not to us": (event(mention()["event"] | {"type": "message", "text": "hello"}), "not_addressed"),
}


@pytest.mark.parametrize(("payload", "reason"), IGNORED.values(), ids=IGNORED)
async def test_what_is_not_ours_to_answer_is_acknowledged_and_counted(
    site: Site, payload: Any, reason: str
) -> None:
    """With the reason."""
    assert 200 == await post(site.http, f"{site.url}/events", payload)
    assert [reason] == site.core.ignored
    assert [] == site.handed_in


async def test_another_workspace_or_app_is_not_ours(site: Site) -> None:
    """Once Slack has said who we are."""
    platform: Any = site.platform
    await platform.slack.until(lambda: platform.slack.calls)
    channel: Any = site.channel
    await channel._single.identity()
    other = direct() | {"team_id": "T9", "authorizations": []}
    assert 200 == await post(site.http, f"{site.url}/events", other)
    assert ["tenant"] == site.core.ignored


async def test_a_forms_payload_is_an_interaction(site: Site) -> None:
    """At any of the three names."""
    body = "payload=" + quote(json.dumps({"type": "block_actions", "actions": []}))
    for path in ("/events", "/interactivity", "/commands"):
        assert 200 == await site.post(path, data=body, headers=signed(body))
