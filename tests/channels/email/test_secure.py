"""Encrypted connections and access tokens, on a real server with a certificate of its own."""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from supportbot_email.config import EmailConfig
from supportbot_email.credentials import Credentials
from supportbot_email.failures import LoginRefused, Unreachable
from supportbot_email.imap import connect
from tests.channels.email.dovecot import PASSWORD, dovecot, mail, needs_dovecot
from tests.channels.email.oauth import certify, provider
from tests.channels.email.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.channels.email.dovecot import Dovecot
    from tests.channels.email.oauth import Provider

pytestmark = needs_dovecot


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    certify(folder)
    return folder


@pytest.fixture(scope="module")
def tokens(certificates: Path) -> Iterator[Provider]:
    with provider(certificates) as running:
        yield running


@pytest.fixture(scope="module")
def secure(certificates: Path, tokens: Provider) -> Iterator[Dovecot]:
    with dovecot(certificates=certificates, introspection=tokens.introspection) as running:
        yield running


@pytest.fixture
def trusted(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine trusts the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "server.pem"))


def config(address: str, server: Dovecot, security: str, **keys: Any) -> EmailConfig:
    port = server.tls_port if security == "tls" else server.port
    imap = {"host": "localhost", "port": port, "security": security}
    login = {} if "oauth" in keys else {"password": PASSWORD}
    return EmailConfig.model_validate({"type": "email", "address": address, "imap": imap, **login, **keys})


def subjects(config: EmailConfig) -> int:
    """Log in, and return how many mails there are."""
    with closing(connect(config, Credentials(config))) as connection:
        connection.open("INBOX")
        return len(connection.uids("ALL"))


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_mailbox_is_read_encrypted(secure: Dovecot, address: str, security: str) -> None:
    """From the first byte on, or from STARTTLS on."""
    secure.deliver(address, mail())
    assert 1 == subjects(config(address, secure, security))


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    secure: Dovecot, address: str, security: str
) -> None:
    """Nothing is said to such a server, and the problem is named."""
    with pytest.raises(Unreachable, match="certificate cannot be trusted"):
        subjects(config(address, secure, security))


def test_a_certificate_for_another_name_is_refused(
    secure: Dovecot, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody with a good certificate for their own name is not our server."""
    certify(tmp_path, host="elsewhere.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with dovecot(certificates=tmp_path) as other, pytest.raises(Unreachable, match="cannot be trusted"):
        subjects(config(address, other, "tls"))


async def test_a_stripped_starttls_is_no_way_in(server: Dovecot, address: str) -> None:
    """A server, or somebody before it, that offers no encryption does not hear the password."""
    async with Wire(server.port) as wire:
        imap = {"host": "localhost", "port": wire.port, "security": "starttls"}
        keys = {"type": "email", "address": address, "imap": imap, "password": PASSWORD}
        stripped = EmailConfig.model_validate(keys)
        with pytest.raises(Unreachable):
            await asyncio.to_thread(subjects, stripped)
        assert not [line for line in wire.seen if b"LOGIN" in line or b"AUTHENTICATE" in line]


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_token_of_a_program_lets_us_in(
    secure: Dovecot, tokens: Provider, address: str, security: str
) -> None:
    """XOAUTH2 with what ``token_command`` prints."""
    secure.deliver(address, mail())
    command = [sys.executable, "-c", f"print('{tokens.issue(address)}')"]
    assert 1 == subjects(config(address, secure, security, oauth={"token_command": command}))


@pytest.mark.usefixtures("trusted")
def test_a_refresh_token_gets_access_tokens(secure: Dovecot, tokens: Provider, address: str) -> None:
    """One is used for several connections; a refused one is replaced by a new one."""
    tokens.owner = address
    tokens.asked.clear()
    oauth = {
        "token_url": tokens.token_url,
        "client_id": "bot",
        "client_secret": "hush",
        "refresh_token": tokens.refresh_token,
        "scope": "imap",
    }
    section = config(address, secure, "tls", oauth=oauth)
    credentials = Credentials(section)
    for _ in range(2):
        connect(section, credentials).close()
    assert [
        {
            "grant_type": "refresh_token",
            "client_id": "bot",
            "client_secret": "hush",
            "refresh_token": tokens.refresh_token,
            "scope": "imap",
        }
    ] == tokens.asked
    tokens.users.clear()  # the provider took them back
    with pytest.raises(LoginRefused):
        connect(section, credentials)
    connect(section, credentials).close()
    assert 2 == len(tokens.asked)


@pytest.mark.usefixtures("trusted")
def test_a_refresh_token_that_ended_parks_the_mailbox(
    secure: Dovecot, tokens: Provider, address: str
) -> None:
    """The problem names the endpoint, and none of the secrets."""
    oauth = {"token_url": tokens.token_url, "client_id": "bot", "refresh_token": "ended-token"}
    with pytest.raises(LoginRefused, match="token endpoint says invalid_grant") as refused:
        subjects(config(address, secure, "tls", oauth=oauth))
    assert "ended-token" not in str(refused.value)


@pytest.mark.usefixtures("trusted")
def test_somebody_else_s_token_is_refused(secure: Dovecot, tokens: Provider, address: str) -> None:
    """The server says whose a token is."""
    command = [sys.executable, "-c", f"print('{tokens.issue('eve@example.com')}')"]
    with pytest.raises(LoginRefused):
        subjects(config(address, secure, "tls", oauth={"token_command": command}))
