"""One connection to the server that takes our mail: the few commands of a submission, one at a time.

The hand-over is in two steps, because between them lies what can never be taken back: ``ready`` ends with the
server's 354, when nothing has been handed over; ``finish`` writes the mail and the final dot.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from supportbot_email.credentials import Credentials
from supportbot_email.failures import Disconnected, LoginRefused, MailServerError, Unreachable

if TYPE_CHECKING:
    from typing import Literal

    from supportbot_email.config import EmailConfig, Smtp

    Step = Literal["sender", "recipient", "data", "content"]

_COMMAND = 20.0
"""Seconds for the connection, and for each command before the mail itself."""

_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate cannot be trusted"),
    (ssl.SSLError, "no protected connection came about: look at 'smtp.security' and the port"),
    (TimeoutError, "it did not answer in time"),
    (ConnectionRefusedError, "nothing listens there: check 'smtp.host' and 'smtp.port'"),
    (socket.gaierror, "its name is not known: check 'smtp.host'"),
)
"""What went wrong, and what to look at."""

_FINAL = 600.0
"""Seconds that a server may take over a mail that it has in full (RFC 5321, section 4.5.3.2.6)."""

_ADDRESS = re.compile(r"[^\s<>@]{1,200}@[^\s<>@,;]{1,200}")
_DOT = re.compile(rb"^\.", re.MULTILINE)


class Said(MailServerError):
    """The mail server answered {code} to the {step}: {cause}"""

    @property
    def code(self) -> int:
        """Its reply code (RFC 5321, section 4.2)."""
        return int(self.details["code"])

    @property
    def step(self) -> Step:
        """What it answered to."""
        step: Step = self.details["step"]
        return step

    @property
    def words(self) -> str:
        """What it said, in one line, without addresses."""
        return f"{self.code} {self.details['cause']}"


class Session:
    """A connection that is logged in.

    Raises, in every method:
        Said: the server answered, and not with yes.
        Disconnected: it is gone, silent, or talks something else.
    """

    def __init__(self, client: SMTP) -> None:
        self._client = client

    async def envelope(self, sender: str, recipient: str) -> None:
        """Say who sends and who shall get it. Nothing is sent by that."""
        await self.sender(sender)
        await self._command("recipient", f"RCPT TO:<{recipient}>")

    async def sender(self, sender: str) -> None:
        """Say who sends: where bounces go."""
        await self._command("sender", f"MAIL FROM:<{sender}>")

    async def ready(self) -> None:
        """Ask whether the server is ready for the mail; nothing has been handed over when it says so."""
        await self._command("data", "DATA", wanted=3)

    async def finish(self, raw: bytes) -> str:
        """Write the mail and the final dot, and return what the server said when it took it.

        Args:
            raw: the mail, with CRLF.
        """
        protocol = self._client.protocol
        if protocol is None:
            raise Disconnected(cause="before the mail was handed over")
        ending = b"" if raw.endswith(b"\r\n") else b"\r\n"
        try:
            protocol.write(_DOT.sub(b"..", raw) + ending + b".\r\n")
            code, words = await protocol.read_response(timeout=_FINAL)
        except (SMTPException, OSError) as error:
            raise Disconnected(cause=_reason(error)) from error
        if code // 100 in {4, 5}:
            raise Said(code=code, step="content", cause=_one_line(words))
        if code // 100 != 2:
            raise Disconnected(cause=f"it answered {code} to a mail")
        return _one_line(words)

    async def forget(self) -> None:
        """Take back what was said about the envelope."""
        await self._command("sender", "RSET")

    async def close(self) -> None:
        """Say good-bye if that is still possible, and close."""
        with suppress(SMTPException, OSError):
            await self._client.quit(timeout=1.0)
        self._client.close()

    def cut(self) -> None:
        """Break the connection off: a mail without its final dot is thrown away by the server."""
        if self._client.transport is not None:
            self._client.transport.abort()  # type: ignore[attr-defined]  # asyncio's, a stream's
        self._client.close()

    async def _command(self, step: Step, line: str, *, wanted: int = 2) -> None:
        try:
            command = line.encode("ascii")
        except UnicodeEncodeError:
            raise Said(code=553, step=step, cause="5.6.7 the address needs SMTPUTF8") from None
        try:
            code, words = await self._client.execute_command(command, timeout=_COMMAND)
        except (SMTPException, OSError) as error:
            raise Disconnected(cause=_reason(error)) from error
        if code // 100 in {4, 5}:
            raise Said(code=code, step=step, cause=_one_line(words))
        if code // 100 != wanted:
            raise Disconnected(cause=f"it answered {code} to the {step}")


class Submission:
    """Makes connections to the server that takes a mailbox's mail."""

    def __init__(self, config: EmailConfig, credentials: Credentials) -> None:
        """Wire it.

        Args:
            config: the mailbox, with ``smtp``.
            credentials: the mailbox's own; ``smtp`` may name others.
        """
        assert config.smtp is not None
        self._smtp: Smtp = config.smtp
        self._hello = config.domain
        self._credentials = _credentials(config.smtp, credentials)
        self._context: ssl.SSLContext | None = None

    async def session(self) -> Session:
        """Connect, see to it that nobody can listen, and log in.

        Raises:
            Unreachable: the server cannot be reached, or not safely.
            LoginRefused: it does not let us in.
        """
        if self._context is None:
            self._context = await asyncio.to_thread(ssl.create_default_context)
        client = SMTP(
            hostname=self._smtp.host,
            port=self._smtp.port,
            local_hostname=self._hello,
            use_tls=self._smtp.security == "tls",
            start_tls=self._smtp.security == "starttls",
            tls_context=self._context,
            timeout=_COMMAND,
        )
        try:
            await client.connect()
            await self._log_in(client)
        except BaseException as error:
            client.close()
            self._context = None  # somebody may now tell this machine whom to trust
            if isinstance(error, SMTPException | OSError):
                server = f"{self._smtp.host}:{self._smtp.port}"
                raise Unreachable(server=server, cause=_reason(error)) from error
            raise
        return Session(client)

    async def _log_in(self, client: SMTP) -> None:
        if not self._smtp.login:
            await client.ehlo()
            return
        who = self._credentials
        try:
            if who.tokens:
                token = await asyncio.to_thread(who.tokens.get)
                await client.auth_xoauth2(who.username, token)
            else:
                await client.login(who.username, who.password)
        except SMTPAuthenticationError as error:
            if who.tokens:
                who.tokens.forget()
            if error.code // 100 == 4:  # such as 454: too many at once
                raise Disconnected(cause=f"it answered {error.code} to the login") from None
            raise LoginRefused(cause="user name, password or token is wrong, or SMTP is off") from None
        except (SMTPServerDisconnected, TimeoutError):
            raise
        except SMTPException:
            raise LoginRefused(cause="it offers no login that we know") from None


def _credentials(smtp: Smtp, mailbox: Credentials) -> Credentials:
    if not smtp.username:
        return mailbox
    return Credentials.of(smtp.username, smtp.password.get_secret_value())


def _one_line(words: str) -> str:
    """Return what a server said without what could steer a terminal, and without anybody's address."""
    printable = "".join(c if c.isprintable() else " " for c in words.encode("utf-8", "replace").decode())
    return _ADDRESS.sub("…", " ".join(printable.split()))[:200]


def _reason(error: BaseException) -> str:
    causes: list[BaseException] = [error]
    while causes[-1].__cause__ is not None and len(causes) < 5:
        causes.append(causes[-1].__cause__)
    for kind, said in _REASONS:
        if any(isinstance(one, kind) for one in causes):
            return said
    if isinstance(error, SMTPResponseException) and error.code > 0:
        return f"it answered {error.code} {_one_line(error.message)}"
    if "STARTTLS" in str(error):
        return "it offers no STARTTLS"
    return type(causes[-1]).__name__
