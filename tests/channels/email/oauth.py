"""A provider of access tokens, and certificates of our own: what a mailbox with XOAUTH2 over TLS needs."""

from __future__ import annotations

import datetime
import ipaddress
import json
import secrets
import ssl
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def certify(folder: Path, *, host: str = "localhost") -> None:
    """Write a certificate for this machine, signed by itself: server.pem and server.key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host)]
    if host == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))  # type: ignore[arg-type]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.pem").write_bytes(made.public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.key").write_bytes(pem)


class Provider:
    """Gives access tokens for a refresh token, and tells a mail server whose they are."""

    def __init__(self) -> None:
        self.refresh_token = secrets.token_hex(8)
        self.users: dict[str, str] = {}
        """Who an access token is good for."""
        self.asked: list[dict[str, str]] = []
        """What the token endpoint was asked, form by form."""
        self.owner = ""
        """Whose the refresh token is."""
        self.token_url = ""
        self.introspection = ""

    def issue(self, user: str) -> str:
        """Make an access token."""
        token = secrets.token_hex(8)
        self.users[token] = user
        return token

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return the status and JSON of an answer."""
        if path == "/token":  # RFC 6749, section 6
            self.asked.append(form)
            if form.get("refresh_token") != self.refresh_token:
                return 400, {"error": "invalid_grant"}
            return 200, {"access_token": self.issue(self.owner), "expires_in": 3600, "token_type": "Bearer"}
        user = self.users.get(form.get("token", ""))
        return 200, {"active": True, "username": user} if user else {"active": False}


@contextmanager
def provider(certificates: Path) -> Iterator[Provider]:
    """Run one until the block ends: the token endpoint over TLS, introspection for a server beside it."""
    given = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(body)

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def _answer(self, query: str) -> None:
            form = {name: values[0] for name, values in parse_qs(query).items()}
            status, answer = given.answer(urlsplit(self.path).path, form)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    plain, secure = (ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2))
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threads = [Thread(target=server.serve_forever, args=(0.05,)) for server in (plain, secure)]
    for thread in threads:
        thread.start()
    given.introspection = f"http://127.0.0.1:{plain.server_port}/introspect"
    given.token_url = f"https://localhost:{secure.server_port}/token"
    try:
        yield given
    finally:
        for server, thread in zip((plain, secure), threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()
