"""Nobody can listen: what is sent is sent over TLS, to a server that can be trusted, or not at all."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from supportbot.testing import FakeCore
from supportbot_email.channel import EmailChannel
from supportbot_email.credentials import Credentials
from supportbot_email.failures import Disconnected, LoginRefused
from supportbot_email.smtp import Submission
from tests.channels.email.dovecot import PASSWORD, needs_dovecot
from tests.channels.email.mailboxes import config
from tests.channels.email.oauth import certify
from tests.channels.email.relay import Relay

if TYPE_CHECKING:
    from pathlib import Path

    from supportbot_email.config import EmailConfig
    from tests.channels.email.dovecot import Dovecot

ADDRESS = "support@example.com"


@pytest.fixture
def certified(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and the certificate that vouches for it."""
    certify(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    return context, tmp_path / "server.pem"


def submission(relay: Relay, **keys: Any) -> Submission:
    settings = config(ADDRESS, 1, mode="send", send_to_unverified=True, smtp=relay.section(**keys))
    return Submission(settings, Credentials(settings))


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_it_logs_in_under_tls(
    certified: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    """From the first byte or from STARTTLS on; before that no password is said."""
    context, vouches = certified
    monkeypatch.setenv("SSL_CERT_FILE", str(vouches))
    relay = Relay(tls=context) if security == "tls" else Relay(starttls=context)
    async with relay:
        session = await submission(relay, security=security).session()
        await session.sender(ADDRESS)
        await session.close()
    assert [(ADDRESS, PASSWORD)] == relay.logins


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_stranger_s_certificate_is_not_trusted(
    certified: tuple[ssl.SSLContext, Path], security: str
) -> None:
    """Whoever answers in the server's place learns no password."""
    context, _ = certified
    relay = Relay(tls=context) if security == "tls" else Relay(starttls=context)
    async with relay:
        with pytest.raises(Disconnected, match="certificate cannot be trusted"):
            await submission(relay, security=security).session()
    assert [] == relay.logins


async def test_without_starttls_nothing_is_said() -> None:
    """A server, or somebody in between, that offers none gets no login."""
    async with Relay() as relay:
        with pytest.raises(Disconnected, match="offers no STARTTLS"):
            await submission(relay, security="starttls").session()
    assert [] == relay.logins


async def test_a_wrong_password_is_told_without_it() -> None:
    """It says what to look at."""
    async with Relay() as relay:
        wrong = submission(relay, username="other", password="no-such-password")
        with pytest.raises(LoginRefused) as error:
            await wrong.session()
    assert "no-such-password" not in str(error.value)


async def test_a_relay_that_knows_this_machine_needs_no_login() -> None:
    """Where bot.yaml says so."""
    async with Relay() as relay:
        session = await submission(relay, login=False).session()
        await session.close()
    assert [] == relay.logins


@needs_dovecot
async def test_a_configuration_is_tried(server: Dovecot, address: str) -> None:
    """``check --online``: where mail is read, and where it is sent; nothing is sent, and no password told."""
    async with Relay() as relay:

        async def wrong(**keys: Any) -> list[str]:
            sending = {"mode": "send", "send_to_unverified": True, "smtp": relay.section(), **keys}
            channel = EmailChannel(config(address, server.port, **sending), FakeCore().host)
            return await channel.verify()

        assert [] == await wrong()
        drafting = {"mode": "draft", "smtp": None}
        assert [] == await wrong(**drafting)
        assert ["imap"] == [one[:4] for one in await wrong(**drafting, password="no-such-password")]
        [imap, smtp] = await wrong(password="no-such-password")
        [folder] = await wrong(folders={"drafts": "Nowhere"})
    assert ("imap 127.0.0.1: The mail server does not let us in", True) == (imap[:50], "no-such" not in imap)
    assert (f"smtp 127.0.0.1:{relay.port} (none): ", True) == (
        smtp.partition("The ")[0],
        "no-such" not in smtp,
    )
    assert "folders.drafts" in folder or "Nowhere" in folder
    assert [] == relay.mails


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"mode": "send"}, "mode 'send' needs smtp"),
        ({"smtp": {"host": "smtp.example.com", "security": "none"}}, "use tls or starttls"),
        ({"smtp": {"host": "smtp.example.com", "username": "a"}}, "username and password go together"),
        (
            {"smtp": {"host": "s.example", "username": "a", "password": "b", "login": False}},
            "login is false, and there is a username",
        ),
        ({"mode": "post"}, "'draft' or 'send'"),
        ({"mode": "send", "smtp": {"host": "smtp.example.com"}}, "mode 'send' needs authserv_id"),
    ],
)
def test_what_cannot_work_is_said_before_the_start(section: dict[str, Any], problem: str) -> None:
    """A password over a bare line is none of the things one can set."""
    with pytest.raises(ValidationError) as error:
        config(ADDRESS, 993, **section)
    assert problem in str(error.value)


def test_the_port_is_the_usual_one() -> None:
    """465 for TLS, 587 for STARTTLS (RFC 8314, RFC 6409), unless it is named."""
    ports = [
        _port({"host": "s.example"}),
        _port({"host": "s.example", "security": "starttls"}),
        _port({"host": "s.example", "security": "starttls", "port": 25}),
    ]
    assert [465, 587, 25] == ports


def _port(smtp: dict[str, Any]) -> int:
    made: EmailConfig = config(ADDRESS, 993, smtp=smtp)
    assert made.smtp is not None
    return made.smtp.port


async def test_an_access_token_logs_in(tmp_path: Path) -> None:
    """XOAUTH2, as for the mailbox; one that is refused is not used again."""
    program = tmp_path / "token"
    program.write_text('#!/bin/sh\necho x >> "$0.asked"\necho ya29.token\n')
    program.chmod(0o700)
    async with Relay() as relay:
        settings = config(
            ADDRESS,
            1,
            mode="send",
            send_to_unverified=True,
            smtp=relay.section(),
            password="",
            oauth={"token_command": [str(program)]},
        )
        sending = Submission(settings, Credentials(settings))
        for token, accepted in (("ya29.token", True), ("ya29.other", False), ("ya29.other", False)):
            relay.token = token
            if accepted:
                await (await sending.session()).close()
            else:
                with pytest.raises(LoginRefused):
                    await sending.session()
    assert [(ADDRESS, "ya29.token")] * 3 == relay.logins
    assert 2 == len((tmp_path / "token.asked").read_text().split())
