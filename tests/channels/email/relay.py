"""A real SMTP server that takes the bot's mail, and does with each what the test says."""

from __future__ import annotations

import asyncio
import base64
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.channels.email.dovecot import PASSWORD

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

Step = Literal["connect", "sender", "recipient", "data", "content"]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A mail that the server has."""

    sender: str
    recipient: str
    raw: bytes


class Relay:
    """Serves until the block ends."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None) -> None:
        self.mails: list[Taken] = []
        self.answers: dict[Step, str] = {}
        """What it says instead, such as ``{"recipient": "550 5.1.1 no such user"}``."""
        self.drop: Literal["", "before data", "before taking", "after taking"] = ""
        """Where it breaks the connection off."""
        self.hold: asyncio.Event | None = None
        """It has the mail, and answers the final dot when this is set."""
        self.has_dot = asyncio.Event()
        """Set when the final dot has come."""
        self.on_taken: Callable[[Taken], Awaitable[None]] | None = None
        self.connections = 0
        self.token = ""
        """Which access token it takes."""
        self.logins: list[tuple[str, str]] = []
        self.port = 0
        self._tls, self._starttls = tls, starttls
        self._servers: list[SMTP] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for server in self._servers:
            if server.transport is not None:
                server.transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)  # the transports close within the next rounds

    def mend(self, starttls: ssl.SSLContext) -> None:
        """Offer STARTTLS from now on."""
        self._starttls = starttls

    def section(self, **keys: Any) -> dict[str, Any]:
        """Return the channel's ``smtp``."""
        return {"host": "127.0.0.1", "port": self.port, "security": "none", **keys}

    def _protocol(self) -> SMTP:
        self.connections += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it does not like logins without TLS
            server = SMTP(
                _Handler(self),
                hostname="relay.test",
                tls_context=self._starttls,
                authenticator=self._authenticate,
                auth_required=True,
                auth_require_tls=self._starttls is not None,
                auth_exclude_mechanism=["LOGIN"],
            )
        self._servers.append(server)
        return server

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _how: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password.decode() == PASSWORD, handled=False)


class _Handler:
    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802
        """Log in with an access token (https://developers.google.com/gmail/imap/xoauth2-protocol)."""
        user, bearer = base64.b64decode(args[1]).decode().split("\x01")[:2]
        given = bearer.removeprefix("auth=Bearer ")
        self._relay.logins.append((user.removeprefix("user="), given))
        if given == self._relay.token:
            server.session.authenticated = True
            return AuthResult(success=True, auth_data=user)
        return AuthResult(success=False, handled=False)

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, _o: Any) -> str:  # noqa: N802
        if said := self._relay.answers.get("sender"):
            return said
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Any, address: str, _o: Any) -> str:  # noqa: N802
        if said := self._relay.answers.get("recipient"):
            return said
        if self._relay.drop == "before data":
            server.transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        relay = self._relay
        relay.has_dot.set()
        if said := relay.answers.get("content"):
            return said
        if relay.drop == "before taking":
            server.transport.abort()
            return "250 OK"
        taken = Taken(sender=envelope.mail_from, recipient=envelope.rcpt_tos[0], raw=envelope.content)
        relay.mails.append(taken)
        if relay.on_taken is not None:
            await relay.on_taken(taken)
        if relay.hold is not None:
            await relay.hold.wait()
        if relay.drop == "after taking":
            server.transport.abort()
        return "250 2.0.0 queued as 4711"
