"""What the mailbox is logged into with: a password, or an access token from a program or the provider."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import orjson

from supportbot_email.failures import LoginRefused
from supportbot_email.logins import Logins

if TYPE_CHECKING:
    from supportbot_email.config import EmailConfig, Oauth

_WITHIN = 20.0
"""Seconds that a token may take."""

_LIVES = 300.0
"""Seconds a token is used for when nobody says; providers give 3600."""

_EARLY = 60.0
"""Seconds before its end at which a token is not used any more."""

_MOST = 65_536

_REFUSALS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)


class Tokens:
    """Gives access tokens, each used until it is nearly over. For several threads."""

    def __init__(self, oauth: Oauth) -> None:
        self._oauth = oauth
        self._lock = Lock()
        self._token = ""
        self._until = 0.0

    def get(self) -> str:
        """Return an access token; takes as long as the provider does.

        Raises:
            LoginRefused: there is none to be had.
        """
        with self._lock:
            if time.monotonic() >= self._until:
                self._token, lives = self._printed() if self._oauth.token_command else self._refreshed()
                self._until = time.monotonic() + max(0.0, lives - _EARLY)
            return self._token

    def forget(self) -> None:
        """The server did not like the token: the next one is new."""
        with self._lock:
            self._until = 0.0

    def _printed(self) -> tuple[str, float]:
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own program, and no shell
                self._oauth.token_command, capture_output=True, check=True, timeout=_WITHIN
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise LoginRefused(cause=f"token_command failed ({type(error).__name__})") from None
        token = done.stdout.decode("ascii", "replace").strip()
        if not token or "\ufffd" in token or "\n" in token:
            raise LoginRefused(cause="token_command printed no token")
        return token, _LIVES

    def _refreshed(self) -> tuple[str, float]:
        """Ask the provider (RFC 6749, section 6)."""
        fields = {
            "grant_type": "refresh_token",
            "client_id": self._oauth.client_id,
            "client_secret": self._oauth.client_secret.get_secret_value(),
            "refresh_token": self._oauth.refresh_token.get_secret_value(),
            "scope": self._oauth.scope,
        }
        body = urlencode({name: value for name, value in fields.items() if value}).encode()
        request = Request(self._oauth.token_url, data=body, method="POST")  # noqa: S310 - https, says the Config
        try:
            with urlopen(request, timeout=_WITHIN) as response:  # noqa: S310
                answer = orjson.loads(response.read(_MOST))
            return str(answer["access_token"]), float(answer.get("expires_in", _LIVES))
        except HTTPError as error:
            with error:
                raise LoginRefused(cause=f"the token endpoint says {_refusal(error)}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LoginRefused(cause=f"the token endpoint failed ({type(error).__name__})") from None


def _refusal(error: HTTPError) -> str:
    """Return why there is no token, as far as it is one of the words that exist for it (RFC 6749, 5.2)."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        said = orjson.loads(error.read(_MOST))["error"]
        if said in _REFUSALS:
            return str(said)
    return f"HTTP {error.code}"


class Credentials:
    """Who logs in, and with what."""

    def __init__(self, config: EmailConfig) -> None:
        self.username = config.login
        self.password = config.password.get_secret_value()
        self.tokens = Tokens(config.oauth) if config.oauth else None
        self.logins = Logins(bearable=1 if self.tokens else 0)

    @classmethod
    def of(cls, username: str, password: str) -> Credentials:
        """Return those of somebody else than the mailbox's owner."""
        made = cls.__new__(cls)
        made.username, made.password, made.tokens = username, password, None
        made.logins = Logins()
        return made
