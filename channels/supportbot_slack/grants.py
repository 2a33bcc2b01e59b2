"""What Slack grants: a code becomes an installation, a refresh token becomes new tokens.

https://docs.slack.dev/authentication/installing-with-oauth and
https://docs.slack.dev/authentication/using-token-rotation; both are ``oauth.v2.access``.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from supportbot.ids import now_ms
from supportbot_slack.workspaces import Workspace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pydantic import SecretStr
    from slack_sdk.web.async_client import AsyncWebClient
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

_GONE = frozenset({
    "account_inactive", "invalid_auth", "not_authed", "token_revoked", "org_login_required",
    "team_access_not_granted", "missing_authorization",
})  # fmt: skip
"""What ``auth.test`` says of a token that will not come back to life. An expired one may: it is refreshed."""


class NotGranted(Exception):
    """Slack refused. ``code`` is its word for why, such as ``invalid_code``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SlackAway(Exception):
    """Slack could not be asked, or gave no answer that can be understood: try again later."""

    def __init__(self, status: int | None = None) -> None:
        super().__init__(status)
        self.status = status
        """The HTTP status of what did answer; None when nothing did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A workspace, or a whole organisation, with all that we keep of it."""

    workspace: Workspace
    name: str = ""
    """What people call it."""
    refresh_token: str = field(default="", repr=False)
    """Set when the app rotates its tokens."""
    expires_at: int | None = None
    """When the bot token ends, in Unix milliseconds; None when it does not."""
    disabled: str = ""
    """Why it is not used any more; empty while it is."""

    @property
    def id(self) -> str:
        """Return what it is found by: the team's id, or the organisation's when it covers all of it."""
        return self.workspace.team or self.workspace.enterprise


class Grants:
    """Asks Slack in the name of the app."""

    def __init__(self, client: AsyncWebClient, *, client_id: str, client_secret: SecretStr) -> None:
        """Take a client without a token of its own and without retries."""
        self._client = client
        self._client_id = client_id
        self._client_secret = client_secret

    @property
    def address(self) -> str:
        """Where it asks."""
        return self._client.base_url

    async def exchange(self, code: str, redirect_uri: str) -> Installation:
        """Return what a code from the install page stands for. A code works once.

        Raises:
            NotGranted: the code, or the app's credentials, are not what Slack wants.
            SlackAway: nobody knows; a new code is needed.
        """
        granted = await self._access(code=code, redirect_uri=redirect_uri)
        token = _token(granted)
        who = await _answer(lambda: self._client.auth_test(token=token))
        return _installation(granted, who)

    async def refresh(self, installation: Installation) -> Installation:
        """Return the installation with new tokens. The old refresh token works once.

        Raises:
            NotGranted: Slack does not take the refresh token: the app must be installed again.
            SlackAway: nobody knows; try again.
        """
        granted = await self._access(grant_type="refresh_token", refresh_token=installation.refresh_token)
        return replace(
            installation,
            workspace=replace(installation.workspace, bot_token=_token(granted)),
            refresh_token=_text(granted, "refresh_token") or installation.refresh_token,
            expires_at=_expiry(granted),
        )

    async def is_alive(self, installation: Installation) -> bool | None:
        """Ask whether a token still works; None when nobody can say."""
        token = installation.workspace.bot_token
        try:
            await _answer(lambda: self._client.auth_test(token=token))
        except NotGranted as error:
            return False if error.code in _GONE else None
        except SlackAway:
            return None
        return True

    async def give_back(self, installation: Installation) -> None:
        """Revoke a token that we do not want; if that fails, it is only not used."""
        token = installation.workspace.bot_token
        try:
            await _answer(lambda: self._client.auth_revoke(token=token))
        except (NotGranted, SlackAway):
            return

    async def _access(self, **what: str) -> Mapping[str, Any]:
        # Not by the client's oauth_v2_access: it proves the app with what aiohttp 3.14 calls deprecated.
        pair = f"{self._client_id}:{self._client_secret.get_secret_value()}".encode()
        headers = {"Authorization": f"Basic {b64encode(pair).decode()}"}
        return await _answer(lambda: self._client.api_call("oauth.v2.access", data=what, headers=headers))


async def asked(ask: Callable[[], Awaitable[AsyncSlackResponse]]) -> AsyncSlackResponse:
    """Return Slack's answer, whose ``data`` is an object.

    Raises:
        NotGranted: Slack refused.
        SlackAway: there is no answer that can be understood. The client's own errors hold all of an answer,
            tokens included, so they go no further.
    """
    try:
        response = await ask()
    except SlackApiError as error:
        raise _refusal(error) from None
    except AttributeError:  # the client's, which looks for a word in plain text with status 200
        raise SlackAway(200) from None
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError, ValueError):
        raise SlackAway from None
    if not isinstance(response.data, dict):
        raise SlackAway(response.status_code)
    return response


async def _answer(ask: Callable[[], Awaitable[AsyncSlackResponse]]) -> Mapping[str, Any]:
    data = (await asked(ask)).data
    assert isinstance(data, dict)
    return data


def _refusal(error: SlackApiError) -> Exception:
    data = getattr(error.response, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    status = int(getattr(error.response, "status_code", getattr(error.response, "status", 200)))
    if not isinstance(code, str) or status >= 429 or code in {"ratelimited", "internal_error", "fatal_error"}:
        return SlackAway(status)
    return NotGranted(code)


def _installation(granted: Mapping[str, Any], who: Mapping[str, Any]) -> Installation:
    team, enterprise = _part(granted, "team"), _part(granted, "enterprise")
    whole = granted.get("is_enterprise_install") is True
    return Installation(
        workspace=Workspace(
            team="" if whole else _text(team, "id"),
            enterprise=_text(enterprise, "id"),
            bot_token=_token(granted),
            bot_user=_text(granted, "bot_user_id") or _text(who, "user_id"),
            bot_id=_text(who, "bot_id"),
            app_id=_text(granted, "app_id"),
            scopes=frozenset(filter(None, _text(granted, "scope").split(","))),
        ),
        name=_text(enterprise if whole else team, "name"),
        refresh_token=_text(granted, "refresh_token"),
        expires_at=_expiry(granted),
    )


def _token(granted: Mapping[str, Any]) -> str:
    token = _text(granted, "access_token")
    if granted.get("token_type") != "bot" or not token:
        raise NotGranted("no_bot_token")
    return token


def _expiry(granted: Mapping[str, Any]) -> int | None:
    seconds = granted.get("expires_in")
    return now_ms() + seconds * 1000 if isinstance(seconds, int) else None


def _part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = fields.get(name)
    return part if isinstance(part, dict) else {}


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
