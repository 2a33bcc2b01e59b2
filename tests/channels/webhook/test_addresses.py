"""Where a callback may go."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbot_webhook.addresses import (
    PrivateAddress,
    UnsafeUrl,
    check_url,
    host_key,
    is_public,
    public_socket,
)

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    """W43: loopback, private, link-local, shared, documentation, multicast, and IPv4 hidden in IPv6."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    """The rest of the internet."""
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_ipv4_is_judged_alike_inside_ipv6(address: object) -> None:
    """No dressing up changes the answer."""
    assert is_public(ip_address(str(address))) == is_public(ip_address(f"::ffff:{address}"))


@pytest.mark.parametrize("address", PRIVATE)
def test_no_socket_is_made_for_a_private_address(address: str) -> None:
    """The last gate, after name resolution."""
    family = socket.AF_INET if "." in address and ":" not in address else socket.AF_INET6
    with pytest.raises(PrivateAddress):
        public_socket((family, socket.SOCK_STREAM, 6, "", (address, 443)))


def test_a_socket_is_made_for_a_public_address() -> None:
    """Only made, not connected."""
    public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))).close()


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://example.com/", "allow_http"),
        ("https://localhost/", "allow_private_callbacks"),
        ("https://10.0.0.1/", "allow_private_callbacks"),
    ],
)
def test_a_refusal_names_the_key_that_lifts_it(url: str, key: str) -> None:
    """Whoever tries callbacks on their own machine learns what to set."""
    with pytest.raises(UnsafeUrl, match=rf"\({key} "):
        check_url(url, allow_http=False, allow_private=False)


def refused(url: str, *, allow_http: bool = False, allow_private: bool = False) -> bool:
    try:
        check_url(url, allow_http=allow_http, allow_private=allow_private)
    except UnsafeUrl:
        return True
    return False


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::]/",
        "https://[::1]:8443/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://1.2.3.4.5/",
        "https://localhost/",
        "https://LOCALHOST/",
        "https://api.localhost/",
        "https://metadata.google.internal/",
        "https://printer.local/",
        "http://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://user@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com\\@127.0.0.1/",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://[::1/",
        "https://",
        "//example.com/",
        "https://ⓔxample.com/",
        "https://example.com/" + "x" * 2000,
        "https://example.com/#x",
        "",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    """W43: what must not be called, in all its spellings."""
    assert refused(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/in?x=1",
        "https://hooks.example.com:8443",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://3com.example/",
    ],
)
def test_urls_that_are_taken(url: str) -> None:
    """Plain https."""
    assert not refused(url)


def test_http_and_private_addresses_can_be_allowed() -> None:
    """For tests and closed networks, each by itself."""
    assert not refused("http://example.com/", allow_http=True)
    assert refused("http://127.0.0.1/", allow_http=True)
    assert not refused("https://127.0.0.1/", allow_private=True)
    assert not refused("http://localhost:9000/", allow_http=True, allow_private=True)


@given(st.text())
def test_any_text_is_judged(url: str) -> None:
    """Taken or refused, and never another error."""
    refused(url)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://Hooks.Example.com/x", "hooks.example.com"),
        ("https://hooks.example.com:443/x", "hooks.example.com"),
        ("https://hooks.example.com:8443/x", "hooks.example.com:8443"),
        ("http://hooks.example.com:443/x", "hooks.example.com:443"),
        ("https://[2606:4700::1111]:1/x", "[2606:4700::1111]:1"),
    ],
)
def test_the_host_of_a_url(url: str, key: str) -> None:
    """As allow_callback_hosts writes it."""
    assert key == host_key(url)
