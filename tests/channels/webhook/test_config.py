"""The channel's section of bot.yaml."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from supportbot_webhook import WebhookConfig
from tests.channels.webhook.driver import OLD_SECRET, SECRET


def config(**section: Any) -> WebhookConfig:
    return WebhookConfig.model_validate({"type": "webhook"} | section)


def problem(**section: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        config(**section)
    return str(raised.value.errors()[0]["msg"])


def test_nothing_has_to_be_set() -> None:
    """The shortest section offers the visitors' API on the bot's own pages, and no API for programs."""
    made = config()
    assert ((), True, ()) == (made.secrets, made.visitors.enabled, made.visitors.allowed_origins)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "changeme",
        "whsec_changeme",
        "whsec_" + base64.b64encode(b"short").decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        "whsec_not base64 at all, but long enough",
        SECRET.removeprefix("whsec_"),
    ],
)
def test_a_weak_secret_is_refused_without_being_shown(secret: str) -> None:
    """Y17, W32: empty, short, and what is no secret at all; the message does not repeat it."""
    told = problem(secrets=[secret])
    assert "must" in told
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in told


def test_there_are_two_secrets_at_most() -> None:
    """One, or two during a rotation."""
    assert 2 == len(config(secrets=[SECRET, OLD_SECRET]).secrets)
    problem(secrets=[SECRET, OLD_SECRET, SECRET])


def test_secrets_are_not_shown() -> None:
    """I9: not in a repr."""
    assert SECRET not in repr(config(secrets=[SECRET]))


@pytest.mark.parametrize(
    "origin",
    [
        "https://www.example.com",
        "https://example.com:8443",
        "http://localhost:3000",
        "http://127.0.0.1:5173",
        "http://[::1]:5173",
    ],
)
def test_exact_origins_are_taken(origin: str) -> None:
    """https anywhere, http on this machine."""
    assert (origin,) == config(visitors={"allowed_origins": [origin]}).visitors.allowed_origins


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "",
        "https://*.example.com",
        "http://www.example.com",
        "https://www.example.com/",
        "https://www.example.com/shop",
        "https://WWW.example.com",
        "https://www.example.com:443",
        "http://localhost:80",
        "www.example.com",
        "https://user@example.com",
        "https://.*",
        "https://a.example,https://b.example",
        "https://exämple.com",
        "https://example.com\n",
    ],
)
def test_any_other_origin_is_refused(origin: str) -> None:
    """Y20: wildcards, http, slashes, patterns, and what no browser would send."""
    assert "must" in problem(visitors={"allowed_origins": [origin]})


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/x",
        "ftp://hooks.example.com/x",
        "https://localhost/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://0x7f.1/x",
        "https://2130706433/x",
        "https:///x",
        "hooks",
        "",
    ],
)
def test_a_callback_url_is_checked_at_the_start(url: str) -> None:
    """W43: https, and no address that is visibly private."""
    assert "callback_url" in problem(secrets=[SECRET], callback_url=url)


def test_a_callback_url_needs_a_secret() -> None:
    """Nothing is posted unsigned."""
    assert "secrets" in problem(callback_url="https://hooks.example.com/x")


@pytest.mark.parametrize("host", ["https://x.example", "X.example", "x.example/", "*", "x.example:0", ""])
def test_a_callback_host_is_a_host(host: str) -> None:
    """Hosts are compared exactly, so they are written exactly."""
    assert "must" in problem(allow_callback_hosts=[host])


def test_unknown_keys_are_errors() -> None:
    """A typing error is not a setting."""
    assert "Extra inputs" in problem(limts={})
    assert "Extra inputs" in problem(limits={"messages": None})


def test_limits_can_be_switched_off() -> None:
    """null means no limit."""
    assert None is config(limits={"messages_per_session": None}).limits.messages_per_session


def test_a_text_that_the_widget_has_not_is_answered_with_one_that_it_has() -> None:
    """An installed bot has no page at hand that lists them."""
    assert "en.titel is no text of the widget: did you mean 'title'?" in problem(
        widget={"texts": {"en": {"titel": "Help"}}}
    )
    assert "there are " in problem(widget={"texts": {"en": {"xyzzyx": "Help"}}})
