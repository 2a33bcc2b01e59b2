"""Whom our own mail server vouches for."""

from __future__ import annotations

import pytest

from supportbot_email.authres import is_verified

PASS = "mx.shop.example; spf=pass smtp.mailfrom=x.example; dmarc=pass (p=NONE) header.from=x.example"


def test_pass() -> None:
    """DMARC pass for the domain of From, by our server, at the top."""
    assert is_verified([PASS], "mx.shop.example", "x.example")
    assert is_verified([PASS, "evil.example; dmarc=fail"], "MX.shop.example", "X.example")


@pytest.mark.parametrize(
    "results",
    [
        [],
        ["evil.example; dmarc=pass header.from=x.example", PASS],
        ["mx.shop.example; dmarc=fail header.from=x.example", PASS],
        ["mx.shop.example; dmarc=pass header.from=y.example"],
        ["mx.shop.example; dmarc=pass"],
        ["mx.shop.example; spf=pass (dmarc=pass header.from=x.example)"],
        ["mx.shop.example; dmarc=fail header.from=x.example; dmarc=pass header.from=x.example"],
        ["mx.shop.example.evil.example; dmarc=pass header.from=x.example"],
        ["mx.shop.example; xdmarc=pass header.from=x.example"],
        ["(mx.shop.example;) evil.example; dmarc=pass header.from=x.example"],
    ],
)
def test_not_verified(results: list[str]) -> None:
    """E50: anything else proves nothing."""
    assert not is_verified(results, "mx.shop.example", "x.example")


def test_nothing_configured() -> None:
    """Without a configured server nobody is verified."""
    assert not is_verified([PASS], "", "x.example")
