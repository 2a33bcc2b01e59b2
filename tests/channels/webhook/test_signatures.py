"""Signatures after the Standard Webhooks specification."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from standardwebhooks import Webhook

from supportbot_webhook.signatures import NotSigned, SignedHeaders, Signer
from tests.channels.webhook.driver import OLD_SECRET, SECRET, signed


def read(headers: Any) -> SignedHeaders:
    return SignedHeaders.read(CIMultiDictProxy(CIMultiDict(headers)))


def is_signed(headers: Any, content: str, *secrets: str) -> bool:
    try:
        Signer(secrets or [SECRET]).verify(read(headers), content)
    except NotSigned:
        return False
    return True


def test_what_was_signed_verifies() -> None:
    """Another implementation's signature is good, and ours is for it."""
    assert is_signed(signed("{}"), "{}")
    Webhook(SECRET).verify("{}", Signer([SECRET]).sign("dlv_1", "{}"))


def test_either_of_two_secrets_is_good() -> None:
    """Rotation: both verify, the first signs."""
    assert is_signed(signed("{}", secret=OLD_SECRET), "{}", SECRET, OLD_SECRET)
    Webhook(SECRET).verify("{}", Signer([SECRET, OLD_SECRET]).sign("dlv_1", "{}"))


def test_several_signatures_may_be_given() -> None:
    """A sender in the middle of a rotation signs twice; unknown versions are passed over."""
    headers = signed("{}")
    headers["webhook-signature"] = "v1a,AAAA v1,AAAA " + headers["webhook-signature"]
    assert is_signed(headers, "{}")


@pytest.mark.parametrize("seconds", [-299, 299])
def test_a_clock_may_be_wrong_by_five_minutes(seconds: int) -> None:
    """W29: within five minutes is good."""
    assert is_signed(signed("{}", at=time.time() + seconds), "{}")


@pytest.mark.parametrize("seconds", [-360, 360, -301, 302])
def test_a_clock_may_not_be_wrong_by_more(seconds: int) -> None:
    """W29: six minutes are not."""
    assert not is_signed(signed("{}", at=time.time() + seconds), "{}")


@pytest.mark.parametrize(
    "timestamp",
    ["abc", "", "nan", "inf", "1.5", "²", "-1", "+1", " 1", "1e9", "9" * 5000, "0x1", "1_000"],
)
def test_a_timestamp_is_a_whole_number_of_seconds(timestamp: str) -> None:
    """W29: anything else is refused, whatever the library makes of it."""
    headers = signed("{}") | {"webhook-timestamp": timestamp}
    headers["webhook-signature"] = Webhook(SECRET).sign("x", _now(), "{}")
    assert not is_signed(headers, "{}")


def test_milliseconds_are_not_seconds() -> None:
    """W29: the commonest mistake of all, correctly signed over."""
    headers = signed("{}")
    headers["webhook-timestamp"] += "000"
    assert not is_signed(headers, "{}")


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def test_the_content_may_not_change_by_a_space() -> None:
    """S10's twin: every byte counts."""
    assert not is_signed(signed("{}"), "{} ")


def test_another_secret_does_not_sign() -> None:
    """Not ours, not signed."""
    assert not is_signed(signed("{}", secret=OLD_SECRET), "{}")


def test_another_id_is_not_what_was_signed() -> None:
    """A replay under a new id fails."""
    assert not is_signed(signed("{}") | {"webhook-id": "evt_other"}, "{}")


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_comes_exactly_once(name: str) -> None:
    """Missing, or twice: not signed."""
    headers = signed("{}")
    assert not is_signed({k: v for k, v in headers.items() if k != name}, "{}")
    assert not is_signed([*headers.items(), (name, headers[name])], "{}")


@pytest.mark.parametrize("webhook_id", ["", " ", "a b", "x" * 201, "é", "a\x00b"])
def test_an_id_is_printable_and_short(webhook_id: str) -> None:
    """It becomes a key of the store."""
    headers = signed("{}", webhook_id=webhook_id or "x") | {"webhook-id": webhook_id}
    assert not is_signed(headers, "{}")


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v1",
        "v1,",
        "v1,A",
        "v1,é",
        "v1,AAAA,AAAA",
        ",",
        " ",
        "v1,=",
        "x" * 3000,
        "v1,\udce9",
        "v1,AAAA " * 200,
    ],
)
def test_a_malformed_signature_is_no_error(signature: str) -> None:
    """S04's twin: the library raises ValueError for these; here they are simply not signed."""
    assert not is_signed(signed("{}") | {"webhook-signature": signature}, "{}")


@given(st.text(), st.text(), st.text(), st.text())
def test_nothing_arbitrary_is_signed(webhook_id: str, timestamp: str, signature: str, content: str) -> None:
    """Any three headers: refused, and never another error."""
    headers = {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    assert not is_signed(headers, content)


@given(st.text(max_size=300))
def test_any_content_can_be_signed_and_verified(content: str) -> None:
    """Any text without surrogates, which hypothesis leaves out here as UTF-8 does."""
    content = content.encode("utf-8", "replace").decode()
    assert is_signed(Signer([SECRET]).sign("dlv_1", content), content)
