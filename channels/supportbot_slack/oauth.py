"""Installing the app from a browser: two routes below the channel's own path.

    GET /channels/<name>/install           a page with one button, which leads to Slack
    GET /channels/<name>/oauth_redirect    where Slack sends the person back, with a code

What holds them together is ``state``, which goes to Slack and comes back: sealed by us, ten minutes old at
most, good once, and only in the browser that asked for it, which holds the other half in a cookie
(RFC 6749, section 10.12; RFC 9700, section 4.7). Nothing is stored before a person comes back from Slack.

slack-bolt has such a flow. It is not used here: its state cookie has no SameSite and holds the state
itself, its addresses are put together without quoting, and a code that Slack refuses ends in the log.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import structlog
from aiohttp import web

from supportbot.errors import StoreUnavailable
from supportbot.ids import now_ms
from supportbot.vault import CannotOpen
from supportbot_slack.grants import NotGranted, SlackAway
from supportbot_slack.pages import page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from supportbot.host import Records
    from supportbot.vault import Vault
    from supportbot_slack.grants import Grants, Installation
    from supportbot_slack.installs import Installs

INSTALL = "/install"
REDIRECT = "/oauth_redirect"
AUTHORIZE_URL = "https://slack.com/oauth/v2/authorize"
COOKIE = "__Host-supportbot-install"
"""The prefix makes browsers see to it that it is ours: Secure, Path=/, no Domain (RFC 6265bis, 4.1.3.2)."""

_LIFETIME = 600
"""Seconds from the install page to the way back."""
_AT_ONCE = 4
"""Codes that are exchanged at the same time: strangers cannot make us ask Slack faster."""
_STATE = re.compile(r"[A-Za-z0-9_=-]{1,600}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9._-]{1,500}", re.ASCII)
_WORD = re.compile(r"[a-z_]{1,60}", re.ASCII)
_PURPOSE = "oauth state"

_STALE_CODES = frozenset({"invalid_code", "code_already_used", "code_expired"})

log = structlog.get_logger(__name__)


class InstallPages:
    """The handlers of the two routes."""

    def __init__(
        self,
        *,
        bot_name: str,
        client_id: str,
        scopes: Iterable[str],
        base_url: str,
        vault: Vault,
        grants: Grants,
        installs: Installs,
        records: Records,
        teams: Iterable[str] = (),
        authorize_url: str = AUTHORIZE_URL,
    ) -> None:
        """Wire the handlers.

        Args:
            bot_name: what people know the bot by.
            client_id: the app's.
            scopes: what the bot token is to be allowed.
            base_url: where the channel's routes are from outside, without a slash at the end.
            vault: seals ``state``.
            grants: asks Slack.
            installs: keeps what it grants.
            records: remembers which state was used.
            teams: who may install it; everybody when empty.
            authorize_url: Slack's page.
        """
        self._bot_name = bot_name
        self._client_id = client_id
        self._scopes = ",".join(sorted(scopes))
        self._install_url = base_url + INSTALL
        self._redirect_url = base_url + REDIRECT
        self._vault = vault
        self._grants = grants
        self._installs = installs
        self._records = records
        self._teams = frozenset(teams)
        self._authorize_url = authorize_url
        self._exchanging = asyncio.Semaphore(_AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        """Return the two routes."""
        return [web.get(INSTALL, self.install), web.get(REDIRECT, self.redirect)]

    async def install(self, _: web.Request) -> web.Response:
        """Show the button, and give the browser its half of the state."""
        half = secrets.token_urlsafe(32)
        state = self._vault.seal(_PURPOSE, {"id": secrets.token_urlsafe(16), "browser": _hash(half)})
        response = page(
            f"Add {self._bot_name} to Slack",
            "Slack will ask which workspace, and show what the bot may do there. It answers where it is "
            "written to, mentioned or invited, and nowhere else.",
            link=(self._slack_url(state), "Add to Slack"),
        )
        response.set_cookie(
            COOKIE, half, max_age=_LIFETIME, path="/", secure=True, httponly=True, samesite="Lax"
        )
        return response

    async def redirect(self, request: web.Request) -> web.Response:
        """Take the person back from Slack: the code becomes an installation, or the page says why not."""
        if "error" in request.query:
            return self._declined(_one(request, "error", _WORD))
        code = _one(request, "code", _CODE)
        if not code:
            return self._stale()
        if self._exchanging.locked():
            return self._try_again(429, "Several people are installing this app right now.")
        async with self._exchanging:
            return await self._finish(request, code)

    async def _finish(self, request: web.Request, code: str) -> web.Response:
        try:
            if not await self._is_ours(request):
                return self._stale()
            response = await self._granted(await self._grants.exchange(code, self._redirect_url))
        except NotGranted as error:
            return self._refused(error.code)
        except SlackAway:
            return self._try_again(503, "Slack does not answer at the moment.")
        except StoreUnavailable:
            return self._try_again(503, "The bot cannot store anything at the moment.")
        response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
        return response

    async def _is_ours(self, request: web.Request) -> bool:
        """Say whether the state is ours, young, this browser's, and used for the first time."""
        state, half = _one(request, "state", _STATE), request.cookies.get(COOKIE, "")
        try:
            sealed = self._vault.open(_PURPOSE, state, within=_LIFETIME)
        except CannotOpen:
            return False
        if not hmac.compare_digest(sealed["browser"], _hash(half)):
            return False
        used = f"oauth_state:{sealed['id']}"
        return await self._records.add(used, 1, expires_at=now_ms() + 2 * _LIFETIME * 1000)

    async def _granted(self, installation: Installation) -> web.Response:
        workspace = installation.workspace
        if self._teams and not self._teams & {workspace.team, workspace.enterprise}:
            await self._grants.give_back(installation)
            log.warning("slack.install_not_allowed", team=installation.id)
            return page(
                "This workspace is not on the list",
                f"{self._bot_name} can only be added to workspaces that its operator has named. "
                f"Ask them to add {installation.id} to oauth.teams in bot.yaml, then install it again.",
                status=403,
            )
        await self._installs.save(installation)
        return page(
            f"{self._bot_name} is in {installation.name or installation.id}",
            f"Open Slack and write to {self._bot_name} under Apps, or invite it to a channel with /invite "
            "and mention it there.",
            link=(f"https://app.slack.com/client/{workspace.team or workspace.enterprise}", "Open Slack"),
        )

    # -- what went wrong, and what to do -------------------------------------------------------------

    def _declined(self, word: str) -> web.Response:
        if word == "access_denied":
            return self._page("Nothing was installed", "You pressed Cancel, which is fine.", status=200)
        why = f"Slack reported the error {word}." if word else "Slack reported an error."
        return self._page(
            "Nothing was installed", why, "If it comes again, tell the bot's operator.", status=400
        )

    def _stale(self) -> web.Response:
        return self._page(
            "Please start again",
            "This address works once, for ten minutes, and in the browser that asked for it; cookies must be "
            "allowed. Nothing was installed.",
            status=400,
        )

    def _refused(self, code: str) -> web.Response:
        if code in _STALE_CODES:
            return self._stale()
        log.error("slack.install_refused", code=code)
        return self._page(
            "Slack did not accept the installation",
            "That is not your mistake. The bot's operator finds what to do in the log, under the name "
            f"{code if _WORD.fullmatch(code) else 'slack.install_refused'}.",
            status=400,
        )

    def _try_again(self, status: int, why: str) -> web.Response:
        response = self._page("Please try again in a minute", why, "Nothing was lost.", status=status)
        response.headers["Retry-After"] = "60"
        return response

    def _page(self, title: str, *paragraphs: str, status: int) -> web.Response:
        return page(title, *paragraphs, link=(self._install_url, "Start again"), status=status)

    def _slack_url(self, state: str) -> str:
        query = {
            "client_id": self._client_id,
            "scope": self._scopes,
            "redirect_uri": self._redirect_url,
            "state": state,
        }
        return f"{self._authorize_url}?{urlencode(query)}"


def _one(request: web.Request, name: str, shape: re.Pattern[str]) -> str:
    """Return a query parameter that is there once and has the right shape; empty otherwise."""
    values = request.query.getall(name, [])
    return values[0] if len(values) == 1 and shape.fullmatch(values[0]) else ""


def _hash(half: str) -> str:
    return hashlib.sha256(half.encode(errors="replace")).hexdigest()
