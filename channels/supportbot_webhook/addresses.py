"""Which addresses a callback may reach: the guard against server-side request forgery.

It stands in two places. ``check_url`` looks at a URL when it is handed in; ``public_socket`` looks at
the very address a connection is about to be made to, after name resolution, so that neither a
name that resolves to a private address nor one that changes its mind in between gets through.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from aiohappyeyeballs import AddrInfoType

_MAX_URL = 2000  # characters
_ENDS_IN_A_NUMBER = re.compile(r"(^|\.)(0[xX][0-9a-fA-F]*|[0-9]+)\.?$")
_LIFTED_HTTP = "(allow_http lets it be http://)"
_LIFTED_PRIVATE = "(allow_private_callbacks lets it be private)"
_NAT64 = IPv6Network("64:ff9b::/96")


class UnsafeUrl(ValueError):
    """A callback URL that must not be called; its text completes "callback_url …"."""

    def __init__(self, what: str, lifted: str = "") -> None:
        """``what`` is wrong with it; the key that allows it for callbacks, if one does."""
        super().__init__(f"{what} {lifted}".rstrip())
        self.what = what


class PrivateAddress(OSError):
    """A connection was about to be made to an address that is not public."""

    def __init__(self) -> None:
        super().__init__(f"the host's address is not public {_LIFTED_PRIVATE}")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address belongs to the public internet; IPv4 hidden inside IPv6 is judged as IPv4."""
    if isinstance(address, IPv6Address):
        inner = _inner_ipv4(address)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _inner_ipv4(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def check_url(url: str, *, allow_http: bool, allow_private: bool) -> None:
    """Hold a callback URL to https, a plain host, and no address that is visibly private.

    Raises:
        UnsafeUrl: it must not be called.
    """
    parts = _split(url)
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        raise UnsafeUrl("must begin with https://", _LIFTED_HTTP)
    if parts.username is not None or parts.password is not None:
        raise UnsafeUrl("must not hold a user name or password")
    if parts.fragment:
        raise UnsafeUrl("must not hold a fragment")
    host = parts.hostname
    if not host:
        raise UnsafeUrl("must name a host")
    if not allow_private:
        _refuse_private(host)


def host_key(url: str) -> str:
    """Return a checked URL's host as ``allow_callback_hosts`` writes it: the port only if it is unusual."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    usual = {"https": 443, "http": 80}[parts.scheme]
    return host if parts.port in {None, usual} else f"{host}:{parts.port}"


def public_socket(info: AddrInfoType) -> socket.socket:
    """Make a socket for a resolved address: a ``socket_factory`` of aiohttp's connector.

    Raises:
        PrivateAddress: the address is not public; nothing was sent to it.
    """
    family, kind, proto, _, sockaddr = info
    if not is_public(ip_address(str(sockaddr[0]).partition("%")[0])):
        raise PrivateAddress
    return socket.socket(family, kind, proto)


def _split(url: str) -> SplitResult:
    if len(url) > _MAX_URL:
        raise UnsafeUrl(f"must be at most {_MAX_URL} characters long")
    if not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>`{|}'):
        raise UnsafeUrl("must be a plain ASCII URL")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what validates it
    except ValueError:
        raise UnsafeUrl("is not a URL") from None
    return parts


def _refuse_private(host: str) -> None:
    try:
        literal = ip_address(host)
    except ValueError:
        # 0x7f.1, 2130706433, 0177.0.0.1: what a resolver might still take for an address (WHATWG URL, 4.5)
        if _ENDS_IN_A_NUMBER.search(host):
            raise UnsafeUrl("must write an IP address in the usual way") from None
        if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
            raise UnsafeUrl("must not name a private host", _LIFTED_PRIVATE) from None
        return
    if not is_public(literal):
        raise UnsafeUrl("must not name a private address", _LIFTED_PRIVATE)
