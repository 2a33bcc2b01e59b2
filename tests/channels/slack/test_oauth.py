"""Installing the app from a browser: what a person sees, and what strangers cannot do."""

from __future__ import annotations

import re
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp
import pytest
import structlog
from aiohttp import web
from cryptography.fernet import Fernet
from pydantic import SecretStr

from supportbot.config.models import ServerSection
from supportbot.errors import StoreUnavailable
from supportbot.metrics import Metrics
from supportbot.server import serve
from supportbot.testing import FakeCore
from supportbot.vault import Vault
from supportbot.web import new_application
from supportbot_slack.installs import Installs
from supportbot_slack.oauth import COOKIE, InstallPages
from supportbot_slack.pages import page
from tests.channels.slack.authority import CLIENT_ID, CLIENT_SECRET, REDIRECT, Authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.testing import Clock

BASE = REDIRECT.removesuffix("/oauth_redirect")


@dataclass
class Seen:
    status: int
    text: str
    headers: Any
    cookie: Any = None


@dataclass
class Browser:
    """A person's browser, in front of the install pages."""

    url: str
    http: aiohttp.ClientSession
    authority: Authority
    installs: Installs
    core: FakeCore
    half: str = ""

    async def get(self, path: str, *, half: str | None = None) -> Seen:
        half = self.half if half is None else half
        headers = {"Cookie": f"{COOKIE}={half}"} if half else {}
        async with self.http.get(self.url + path, headers=headers, allow_redirects=False) as response:
            cookies = SimpleCookie(response.headers.get("Set-Cookie", ""))
            return Seen(response.status, await response.text(), response.headers, cookies.get(COOKIE))

    async def ask(self) -> str:
        """Open the install page; return the state that goes to Slack."""
        seen = await self.get("/install")
        self.half = seen.cookie.value
        return parse_qs(urlsplit(_button(seen)).query)["state"][0]

    async def come_back(self, state: str, code: str = "good-code", **options: Any) -> Seen:
        return await self.get(f"/oauth_redirect?code={code}&state={state}", **options)


def _button(seen: Seen) -> str:
    found = re.search(r'href="([^"]+)"', seen.text)
    assert found
    return found[1].replace("&amp;", "&")


@asynccontextmanager
async def browsing(teams: tuple[str, ...] = (), bot_name: str = "Fern") -> AsyncIterator[Browser]:
    core = FakeCore("slack")
    vault = Vault([SecretStr(Fernet.generate_key().decode())])
    settings, metrics = ServerSection(port=0), Metrics()
    async with Authority() as authority, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        installs = Installs(core.records, vault, authority.grants())
        pages = InstallPages(
            bot_name=bot_name,
            client_id=CLIENT_ID,
            scopes={"chat:write", "app_mentions:read"},
            base_url=BASE,
            vault=vault,
            grants=authority.grants(),
            installs=installs,
            records=core.records,
            teams=teams,
        )
        root, app = new_application(settings, metrics), web.Application()
        app.add_routes(pages.routes())
        root.add_subapp("/channels/slack/", app)
        listening = await serve(root, settings, metrics)
        try:
            yield Browser(f"{listening.url}/channels/slack", http, authority, installs, core)
        finally:
            await listening.stop(grace=1.0)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as started:
        yield started


async def test_a_person_installs_the_app(browser: Browser) -> None:
    """From the button over Slack to a page that says what is next; the workspace is found from then on."""
    seen = await browser.come_back(await browser.ask())
    assert (200, True) == (seen.status, "Fern is in Acme" in seen.text)
    assert "https://app.slack.com/client/T1" == _button(seen)
    workspace = await browser.installs.get("T1")
    assert workspace is not None
    assert ("xoxb-granted-0001", "UBOT", "BBOT", "A1") == (
        workspace.bot_token, workspace.bot_user, workspace.bot_id, workspace.app_id
    )  # fmt: skip
    assert frozenset({"app_mentions:read", "chat:write"}) == workspace.scopes


async def test_the_button_leads_to_slack_with_all_that_it_wants(browser: Browser) -> None:
    """The client, the scopes, where to come back to, and a state."""
    seen = await browser.get("/install")
    url = urlsplit(_button(seen))
    assert ("https", "slack.com", "/oauth/v2/authorize") == (url.scheme, url.netloc, url.path)
    query = parse_qs(url.query)
    assert {
        "client_id": ["111.222"], "scope": ["app_mentions:read,chat:write"], "redirect_uri": [REDIRECT]
    } == {name: value for name, value in query.items() if name != "state"}  # fmt: skip


async def test_the_cookie_is_bound_to_this_site_and_browser(browser: Browser) -> None:
    """No script reads it, no plain connection carries it, no other site sets it or has it sent."""
    cookie = (await browser.get("/install")).cookie
    assert ("__Host-supportbot-install", "/", True, True, "Lax", "600", "") == (
        cookie.key, cookie["path"], cookie["secure"], cookie["httponly"], cookie["samesite"],
        cookie["max-age"], cookie["domain"],
    )  # fmt: skip


async def test_the_state_is_not_in_the_cookie(browser: Browser) -> None:
    """Whoever sees the address that leads to Slack does not know the browser's half."""
    state = await browser.ask()
    assert browser.half not in state
    assert state not in browser.half


async def test_a_page_runs_nothing_and_loads_nothing(browser: Browser) -> None:
    """Only the one style that is in it; no frame, no base, no form, no referrer, no cache."""
    for seen in (await browser.get("/install"), await browser.get("/oauth_redirect")):
        policy = seen.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert {"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert ("no-store", "no-referrer", "nosniff") == (
            seen.headers["Cache-Control"],
            seen.headers["Referrer-Policy"],
            seen.headers["X-Content-Type-Options"],
        )
        assert "<script" not in seen.text
        style = seen.text.partition("<style>")[2].partition("</style>")[0]
        assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy


async def test_a_state_works_once(browser: Browser) -> None:
    """The address in the history, opened again, installs nothing."""
    state = await browser.ask()
    browser.authority.codes["second"] = {}
    assert 200 == (await browser.come_back(state)).status
    again = await browser.come_back(state, "second")
    assert (400, True) == (again.status, "start again" in again.text)
    assert "second" in browser.authority.codes


async def test_a_state_with_padding_is_not_another_state(browser: Browser) -> None:
    """What base64 readers overlook does not make a used state new."""
    state = await browser.ask()
    browser.authority.codes["second"] = {}
    await browser.come_back(state)
    for twin in (f"{state}=", f"{state}A", f"{state}-_", f"{state}%0A"):
        assert 400 == (await browser.come_back(twin, "second")).status


async def test_a_state_is_of_one_browser(browser: Browser) -> None:
    """An address that somebody else prepared installs nothing here, with another cookie or none."""
    state = await browser.ask()
    for half in ("", "another", "\u00e9"):
        assert 400 == (await browser.come_back(state, half=half)).status
    assert [] == browser.authority.calls
    assert 200 == (await browser.come_back(state)).status


async def test_a_state_gets_old(browser: Browser, clock: Clock) -> None:
    """After ten minutes a person has to begin again."""
    state = await browser.ask()
    clock.advance(601)
    assert 400 == (await browser.come_back(state)).status


async def test_a_code_that_slack_does_not_know_is_explained(browser: Browser) -> None:
    """Nothing was installed, and there is a button to begin again."""
    seen = await browser.come_back(await browser.ask(), "bad-code")
    assert (400, f"{BASE}/install") == (seen.status, _button(seen))
    assert await browser.installs.get("T1") is None


async def test_our_own_mistake_is_the_operators(browser: Browser) -> None:
    """What Slack does not accept about the app stands in the log, by Slack's name for it; no secret does."""
    browser.authority.codes["good-code"] = {"token_type": "user"}
    with structlog.testing.capture_logs() as logged:
        seen = await browser.come_back(await browser.ask())
    assert (400, True) == (seen.status, "no_bot_token" in seen.text)
    assert [("slack.install_refused", "no_bot_token")] == [(line["event"], line["code"]) for line in logged]
    assert "xoxb-" not in f"{logged}{seen.text}"


@pytest.mark.parametrize("status", [200, 429, 500])
async def test_slack_is_away(browser: Browser, status: int) -> None:
    """It is said when to try again; nothing is installed by halves."""
    state = await browser.ask()
    browser.authority.away = status
    seen = await browser.come_back(state)
    assert (503, "60") == (seen.status, seen.headers["Retry-After"])
    assert await browser.installs.get("T1") is None


async def test_the_disk_is_full(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be stored is not called installed."""
    state = await browser.ask()

    async def fail(*_: Any, **__: Any) -> None:
        raise StoreUnavailable(cause="the disk is full")

    monkeypatch.setattr(browser.core.records, "put", fail)
    seen = await browser.come_back(state)
    assert (503, True) == (seen.status, "try again" in seen.text)


async def test_cancelling_is_fine(browser: Browser) -> None:
    """Slack says access_denied when a person presses Cancel."""
    seen = await browser.get("/oauth_redirect?error=access_denied&state=x")
    assert (200, True) == (seen.status, "pressed Cancel" in seen.text)


async def test_other_errors_of_slack_are_named(browser: Browser) -> None:
    """By Slack's own word, if it is one."""
    seen = await browser.get("/oauth_redirect?error=invalid_scope")
    assert (400, True) == (seen.status, "invalid_scope" in seen.text)


async def test_a_workspace_that_is_not_on_the_list_is_refused() -> None:
    """With ``teams`` set, nobody else's customers are served; the token is given back."""
    async with browsing(teams=("T9", "E9")) as browser:
        seen = await browser.come_back(await browser.ask())
        assert (403, True) == (seen.status, "T1" in seen.text)
        assert "token_revoked" == browser.authority.tokens["xoxb-granted-0001"]
        assert await browser.installs.get("T1") is None
        browser.authority.codes["grid"] = {"team": {"id": "T2"}, "enterprise": {"id": "E9", "name": "Grid"}}
        assert 200 == (await browser.come_back(await browser.ask(), "grid")).status


async def test_an_organisation_installs_it_for_all_its_workspaces(browser: Browser) -> None:
    """An org-wide installation has no team; each of the organisation's is found by way of it."""
    browser.authority.codes["org"] = {
        "team": None, "enterprise": {"id": "E1", "name": "Grid"}, "is_enterprise_install": True
    }  # fmt: skip
    seen = await browser.come_back(await browser.ask(), "org")
    assert (200, True) == (seen.status, "Fern is in Grid" in seen.text)
    found = await browser.installs.get("T77", "E1")
    assert found is not None
    assert ("T77", "E1") == (found.team, found.enterprise)
    assert await browser.installs.get("T77", "E2") is None


HOSTILE = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' or 1=1 --", "../../etc/passwd", "%00",
    "%ff%fe", "\u202e", "a" * 5000, "{{7*7}}", "gAAAAA", "=" * 400, "\U0001f600", "%0d%0aSet-Cookie:%20a=b",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
async def test_hostile_parameters_are_refused_and_not_repeated(browser: Browser, value: str) -> None:
    """Below 500, as a page, without the stranger's words; Slack is not asked and nothing is stored."""
    state, quoted = await browser.ask(), value if "%" in value else quote(value)
    stored = dict(browser.core.records._values)
    for path in (
        f"/oauth_redirect?code={quoted}&state={quoted}",
        f"/oauth_redirect?code=good-code&state={quoted}",
        f"/oauth_redirect?code=good-code&code={quoted}&state={state}",
        f"/oauth_redirect?code={quoted}{quote('<b>')}&state={state}",
        f"/oauth_redirect?error={quoted}",
        f"/oauth_redirect?error=access_denied&error={quoted}",
        f"/oauth_redirect?{quoted}",
        f"/install?team={quoted}&next={quoted}",
    ):
        seen = await browser.get(path)
        assert seen.status < 500
        assert value not in seen.text or value in {"gAAAAA", "%00"}
        assert len(seen.headers.getall("Set-Cookie", [])) <= 1
    assert ([], stored) == (browser.authority.calls, browser.core.records._values)


async def test_w11_other_sites_get_nothing(browser: Browser) -> None:
    """No page of another origin may read these; only a person's own browser comes here, by GET."""
    for origin in ("https://evil.example", "null", BASE):
        async with browser.http.get(browser.url + "/install", headers={"Origin": origin}) as response:
            assert [] == [name for name in response.headers if name.startswith("Access-Control")]
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        async with browser.http.request(method, browser.url + "/oauth_redirect?code=good-code") as response:
            assert 405 == response.status
    assert [] == browser.authority.calls


async def test_a_bot_s_name_is_text() -> None:
    """Also the operator's own words are no markup."""
    async with browsing(bot_name="<b>Fern</b>") as browser:
        assert "<b>Fern" not in (await browser.get("/install")).text


def test_every_word_of_a_page_is_text() -> None:
    """Heading, paragraph, address and button: none of them can end what it stands in."""
    text = str(page("<t>", "<p id=1>", link=('"><img>', "<w>")).text)
    assert not any(word in text for word in ("<t>", "<p id=1>", '"><img>', "<w>"))


async def test_strangers_cannot_make_us_ask_slack_faster(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With four exchanges under way the fifth is told to wait; its state is not used up."""
    state = await browser.ask()
    with monkeypatch.context() as patch:
        patch.setattr("asyncio.Semaphore.locked", lambda _: True)
        assert 429 == (await browser.come_back(state)).status
    assert 200 == (await browser.come_back(state)).status


async def test_no_secret_is_in_a_page(browser: Browser) -> None:
    """Neither the client secret, nor the token, nor the code."""
    state = await browser.ask()
    pages = (await browser.get("/install")).text + (await browser.come_back(state)).text
    assert not re.search(f"xoxb|{CLIENT_SECRET}|good-code", pages)
