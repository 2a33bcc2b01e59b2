"""Which websites may use the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.channels.webhook.driver import ORIGIN, program_message

if TYPE_CHECKING:
    from tests.channels.webhook.driver import Answer, Site, Visitor

STRANGERS = [
    "https://evil.example",
    "null",
    "",
    ORIGIN + ".evil.example",
    ORIGIN.replace("https", "http"),
    ORIGIN + ":8443",
    ORIGIN + "/",
    ORIGIN.upper(),
    "https://evil.example, " + ORIGIN,
    "https://evilwww.example.com",
]


def _grants(answer: Answer) -> list[str]:
    return [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("origin", STRANGERS)
async def test_strangers_change_nothing(site: Site, visitor: Visitor, origin: str) -> None:
    """W11: 403 for whatever changes something, and no header that would let the page read it."""
    headers = visitor.headers | {"Origin": origin}
    body = {"client_id": "c1", "text": "Hello"}
    answers = [
        await site.ask("POST", "/sessions", json={}, headers=headers),
        await site.ask("POST", "/conversation/messages", json=body, headers=headers),
        await site.ask("DELETE", "/sessions/current", headers=headers),
        await site.pass_on(program_message(), headers={"Origin": origin}),
    ]
    assert [(403, "origin_not_allowed")] * 4 == [(answer.status, answer.code) for answer in answers]
    assert [[]] * 4 == [_grants(answer) for answer in answers]
    assert {"Origin"} == {answer.headers["Vary"] for answer in answers}
    assert [] == site.core.accepted


@pytest.mark.parametrize("origin", STRANGERS)
async def test_strangers_read_nothing(site: Site, visitor: Visitor, origin: str) -> None:
    """W11: a page without permission cannot read an answer, and caches keep answers apart."""
    headers = visitor.headers | {"Origin": origin}
    answer = await site.ask("GET", "/conversation/messages", headers=headers)
    assert ([], "Origin") == (_grants(answer), answer.headers["Vary"])


@pytest.mark.parametrize("origin", STRANGERS)
async def test_strangers_need_not_ask(site: Site, origin: str) -> None:
    """A preflight from elsewhere is refused."""
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = await site.ask("OPTIONS", "/conversation/messages", headers=headers)
    assert (403, []) == (answer.status, _grants(answer))


async def test_an_allowed_page_may_use_everything(site: Site, visitor: Visitor) -> None:
    """The page's origin is named exactly; credentials are never allowed."""
    headers = visitor.headers | {"Origin": ORIGIN}
    body = {"client_id": "c1", "text": "Hello"}
    answers = [
        await site.ask("POST", "/conversation/messages", json=body, headers=headers),
        await site.ask("GET", "/conversation/messages", headers=headers),
        await site.ask("DELETE", "/sessions/current", headers=headers),
    ]
    assert [202, 200, 204] == [answer.status for answer in answers]
    for answer in answers:
        assert ORIGIN == answer.headers["Access-Control-Allow-Origin"]
        assert "Origin" == answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_an_allowed_page_may_read_errors_and_streams(site: Site, visitor: Visitor) -> None:
    """A widget has to see why it was refused, and its events."""
    refused = await site.ask("GET", "/conversation/messages", headers={"Origin": ORIGIN})
    assert (401, ORIGIN) == (refused.status, refused.headers["Access-Control-Allow-Origin"])
    assert "Retry-After" == refused.headers["Access-Control-Expose-Headers"]
    headers = visitor.headers | {"Origin": ORIGIN}
    async with site.http.get(site.url + "/conversation/events", headers=headers) as response:
        assert ORIGIN == response.headers["Access-Control-Allow-Origin"]


async def test_an_allowed_page_gets_its_preflight_answered(site: Site) -> None:
    """The browser asks first, without a token."""
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = await site.ask("OPTIONS", "/conversation/messages", headers=headers)
    assert (204, b"") == (answer.status, answer.body)
    assert ORIGIN == answer.headers["Access-Control-Allow-Origin"]
    assert "GET, POST, PUT, DELETE" == answer.headers["Access-Control-Allow-Methods"]
    assert {"authorization", "content-type", "last-event-id"} == {
        name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")
    }


async def test_two_origins_are_none(site: Site) -> None:
    """Nobody decides which of two origins counts."""
    headers = [("Origin", ORIGIN), ("Origin", "https://evil.example")]
    assert 403 == (await site.ask("POST", "/sessions", json={}, headers=headers)).status


async def test_no_origin_is_no_browser(site: Site) -> None:
    """curl and a phone's app send none, and need no permission."""
    answer = await site.ask("POST", "/sessions", json={})
    assert (201, []) == (answer.status, _grants(answer))


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_form_of_another_site_does_nothing(site: Site, visitor: Visitor, content_type: str) -> None:
    """W13: what a browser sends without asking first is refused by its type, even with no Origin."""
    headers = visitor.headers | {"Content-Type": content_type, "Cookie": f"token={visitor.token}"}
    body = '{"client_id": "c1", "text": "Hello"}'
    answer = await site.ask("POST", "/conversation/messages", data=body, headers=headers)
    assert (415, []) == (answer.status, site.core.accepted)


async def test_a_cookie_is_no_token(site: Site, visitor: Visitor) -> None:
    """W13: nothing that a browser adds by itself authorises anything."""
    headers = {"Cookie": f"token={visitor.token}; session={visitor.token}"}
    assert 401 == (await site.ask("GET", "/conversation/messages", headers=headers)).status
