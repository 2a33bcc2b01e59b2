"""Rules for values that several sections of bot.yaml share."""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

MIN_SECRET = 16
"""Shortest secret that is taken for one, in characters."""

_PLACEHOLDERS = (
    "changeme", "replaceme", "placeholder", "yoursecret", "yourtoken", "mysecret", "supersecret",
    "password", "example", "insertsecret", "xxxxxxxx",
)  # fmt: skip
_MAKE_ONE = "make one with: openssl rand -hex 32"


_MAKE_KEY = "make one with: openssl rand -base64 32 | tr '+/' '-_'"


def _encryption_key(secret: SecretStr) -> SecretStr:
    """Hold a key to Fernet's form: 32 bytes in URL-safe base64 (https://github.com/fernet/spec)."""
    try:
        key = base64.b64decode(secret.get_secret_value(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ValueError(f"is not a key of 32 bytes in URL-safe base64: {_MAKE_KEY}")
    if len(set(key)) < 16:
        raise ValueError(f"is not random: {_MAKE_KEY}")
    return secret


EncryptionKey = Annotated[SecretStr, AfterValidator(_encryption_key)]
"""What is encrypted with in our database."""


def strong(secret: SecretStr) -> SecretStr:
    """Refuse a secret that could be guessed.

    Raises:
        ValueError: it is shorter than 16 characters, a placeholder, or hardly more than one character.
    """
    value = secret.get_secret_value()
    if len(value) < MIN_SECRET:
        raise ValueError(f"is shorter than {MIN_SECRET} characters, which can be guessed: {_MAKE_ONE}")
    letters = re.sub(r"[^a-z]", "", value.lower())
    if any(placeholder in letters for placeholder in _PLACEHOLDERS):
        raise ValueError(f"is still a placeholder: {_MAKE_ONE}")
    if len(set(value)) < 6:
        raise ValueError(f"has too few different characters, which can be guessed: {_MAKE_ONE}")
    return secret


def one_line(secret: SecretStr) -> SecretStr:
    """Refuse a secret that cannot travel in an HTTP header (RFC 9110, section 5.5).

    Raises:
        ValueError: it is empty, or not made of visible ASCII characters alone.
    """
    value = secret.get_secret_value()
    if not value:
        raise ValueError("is empty: give it a value, or leave the key out")
    if not all("!" <= character <= "~" for character in value):
        raise ValueError("has a space, a line break or another character no key has: copy it again")
    return secret


def http_url(value: str) -> SplitResult:
    """Take apart an absolute http or https URL.

    Raises:
        ValueError: it is none, or has a user, a query or a fragment in it.
    """
    try:
        url = urlsplit(value)
        port_fits = url.port is None or url.port > 0
    except ValueError:
        raise ValueError("is not a URL: write https://host/path") from None
    if url.scheme not in {"http", "https"}:
        raise ValueError("must begin with https:// or http://: write https://host/path")
    if not url.hostname or not port_fits or re.search(r"[\s\\\x00-\x1f]", value):
        raise ValueError("is not a URL: write https://host/path")
    if url.username is not None or url.password is not None:
        raise ValueError("has a user or password in it: leave them out and use a key or token field")
    if url.query or url.fragment:
        raise ValueError("has a '?' or '#' in it: leave out what follows")
    return url


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine and nothing else."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def durable(url: str) -> str:
    """Refuse what is not the URL of a database that keeps messages.

    Raises:
        ValueError: it is none, names a driver that is not installed with us, or would live in memory.
    """
    scheme, found, rest = url.partition("://")
    if scheme == "sqlite" and found:
        _check_sqlite(rest)
    elif scheme == "postgresql+psycopg" and found:
        _check_postgresql(url)
    elif scheme.split("+", maxsplit=1)[0] in {"postgresql", "postgres"}:
        raise ValueError("names another driver: begin with postgresql+psycopg://")
    else:
        raise ValueError(
            "is not a database SupportBot can use: write sqlite:///path, "
            "or postgresql+psycopg://user:password@host/name"
        )
    return url


def _check_sqlite(rest: str) -> None:
    path = rest.removeprefix("/")
    if path in {"", ":memory:"} or path.startswith("file:"):
        raise ValueError(
            "would keep messages in memory, where a restart loses what was acknowledged: "
            "name a file, such as sqlite:///data/bot.db"
        )
    if not rest.startswith("/"):
        raise ValueError("needs three slashes: write sqlite:///path, or sqlite:////path for an absolute one")
    if "?" in rest:
        raise ValueError("takes no options: leave out '?' and what follows")


def _check_postgresql(url: str) -> None:
    # A driver takes the rest of a password for a host, and names it when it does not find it.
    before = url.partition("?")[0]
    if before.count("@") > 1 or "#" in before or "@" in before.partition("://")[2].partition("/")[2]:
        raise ValueError(
            "has a password with special characters: write them as %XX, "
            "so '@' as %40, '/' as %2F and '#' as %23"
        )
    try:
        parts = urlsplit(url)
        complete = bool(parts.path.strip("/")) and (parts.port is None or parts.port > 0)
    except ValueError:
        complete = False
    if not complete:
        raise ValueError(
            "is not a complete URL: write postgresql+psycopg://user:password@host/name, "
            "special characters of the password as %XX"
        )


Secret = Annotated[SecretStr, AfterValidator(strong)]
"""A secret that signs or lets in: at least 16 characters and no placeholder."""

Key = Annotated[SecretStr, AfterValidator(one_line)]
"""A key somebody else issued: of any length, fit for a header."""

DatabaseUrl = Annotated[str, AfterValidator(durable)]
"""Where the session store is."""
