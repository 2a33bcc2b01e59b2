"""The webhook channel's section of bot.yaml."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, model_validator

from supportbot.channel import FollowedConfig
from supportbot_webhook.addresses import UnsafeUrl, check_url
from supportbot_webhook.appearance import Widget
from supportbot_webhook.keys import Identity  # noqa: TC001 - pydantic reads the annotation
from supportbot_webhook.section import Origin, Section

_CALLBACK_HOST = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?")


def _check_secret(secret: SecretStr) -> SecretStr:
    """Hold a secret to the form of the Standard Webhooks specification; the message never shows it."""
    text = secret.get_secret_value()
    if not text.startswith("whsec_"):
        raise ValueError(
            "must begin with whsec_, followed by base64; make one with: echo whsec_$(openssl rand -base64 32)"
        )
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("must be base64 after whsec_") from None
    if not 24 <= len(key) <= 64:
        raise ValueError("must hold 24 to 64 random bytes after whsec_")
    return secret


def _check_callback_host(host: str) -> str:
    if not _CALLBACK_HOST.fullmatch(host):
        raise ValueError("must be a host such as hooks.example.com, or host:port, in lower case")
    return host


Secret = Annotated[SecretStr, AfterValidator(_check_secret)]
CallbackHost = Annotated[str, AfterValidator(_check_callback_host)]


class Rate(Section):
    """How often something may happen: a bucket of ``burst`` tokens that fills at ``per_minute``."""

    per_minute: float = Field(gt=0, le=10_000_000, description="How many per minute in the long run.")
    burst: int = Field(ge=1, le=1_000_000, description="How many at once after a pause.")


class Limits(Section):
    """What is answered with 429; null switches a limit off."""

    requests_per_address: Rate | None = Field(
        Rate(per_minute=600, burst=200), description="Visitors' requests, per client address (IPv6: per /64)."
    )
    sessions_per_address: Rate | None = Field(
        Rate(per_minute=20, burst=20), description="New visitor sessions, per client address (IPv6: per /64)."
    )
    emails_per_address: Rate | None = Field(
        Rate(per_minute=0.2, burst=5),
        description="E-mail addresses that visitors give, per client address (IPv6: per /64).",
    )
    messages_per_session: Rate | None = Field(
        Rate(per_minute=30, burst=10), description="A visitor's messages, per session."
    )
    messages_per_channel: Rate | None = Field(
        Rate(per_minute=30_000, burst=2000), description="All messages of this channel, programs' included."
    )


class Streams(Section):
    """Server-sent events and waiting requests."""

    per_session: int = Field(5, ge=1, le=1000, description="Open streams of one visitor session.")
    total: int = Field(2000, ge=1, le=100_000, description="Open streams and waiting requests, all together.")
    heartbeat: float = Field(
        15.0, gt=0, le=300, description="Seconds of silence after which a comment is sent."
    )
    write_timeout: float = Field(
        10.0,
        gt=0,
        le=300,
        description="Seconds a reader may leave a full buffer unread before it is cut off.",
    )


class Visitors(Section):
    """The API for a website's visitors."""

    enabled: bool = Field(True, description="Offer it at all; otherwise its routes are 404.")
    allowed_origins: tuple[Origin, ...] = Field(
        (),
        strict=False,
        description="Websites whose pages may use it, and frame the widget, as exact origins.",
    )
    session_days: int = Field(30, ge=1, le=3650, description="How long a session lives, in days.")


class WebhookConfig(FollowedConfig):
    """The webhook channel's section of bot.yaml."""

    secrets: tuple[Secret, ...] = Field(
        (),
        strict=False,
        max_length=2,
        description="Signing secrets of the programs' API (whsec_…), given as ${NAME}. Two during a "
        "rotation: either is accepted, the first signs. None: that API is off.",
    )
    callback_url: str | None = Field(
        None,
        description="Where replies to programs' messages are posted when a message names no other place.",
    )
    allow_callback_hosts: tuple[CallbackHost, ...] = Field(
        (), strict=False, description="Hosts (or host:port) that a message's own callback_url may name."
    )
    allow_http: bool = Field(False, description="Let callbacks go to http:// addresses too.")
    allow_private_callbacks: bool = Field(
        False,
        description="Let callbacks go to private and loopback addresses: for tests and closed networks.",
    )
    max_body: int = Field(
        64 * 1024,
        ge=64 * 1024,
        le=32 * 1024 * 1024,
        description="Largest body of a program's message, in bytes: more than the default leaves room "
        "for images.",
    )
    fetch_images: int = Field(
        0,
        ge=0,
        le=10 * 1024 * 1024,
        description="Largest image that is fetched when a turn begins, from the url of an attachment, in "
        "bytes; 0: none is.",
    )
    callback_timeout: float = Field(
        10.0, gt=0, le=25, description="Seconds a callback's receiver has to answer."
    )
    visitors: Visitors = Field(default_factory=Visitors, description="The API for a website's visitors.")
    widget: Widget = Field(default_factory=Widget, description="The widget for websites, and the full page.")
    identity: Identity | None = Field(None, description="How a website tells who its visitor is.")
    limits: Limits = Field(default_factory=Limits, description="What is answered with 429.")
    streams: Streams = Field(default_factory=Streams, description="Server-sent events and waiting requests.")

    @model_validator(mode="after")
    def _callbacks_can_be_made(self) -> WebhookConfig:
        if self.callback_url is None:
            return self
        if not self.secrets:
            raise ValueError("callback_url needs secrets: callbacks are signed")
        try:
            check_url(
                self.callback_url, allow_http=self.allow_http, allow_private=self.allow_private_callbacks
            )
        except UnsafeUrl as error:
            raise ValueError(f"callback_url {error}") from None
        return self

    @property
    def has_widget(self) -> bool:
        """There are pages: the widget is on, and so is the API that they live on."""
        return self.visitors.enabled and self.widget.enabled
