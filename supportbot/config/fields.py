"""Rules for values that several sections of bot.yaml share."""

from __future__ import annotations

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


Secret = Annotated[SecretStr, AfterValidator(strong)]
"""A secret that signs or lets in: at least 16 characters and no placeholder."""

Key = Annotated[SecretStr, AfterValidator(one_line)]
"""A key somebody else issued: of any length, fit for a header."""
