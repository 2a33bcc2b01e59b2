"""What it means that an attempt at an answer failed: a cause in words fit for logs, and whether trying
again makes sense."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal

import orjson

from supportbot.errors import ModelError, ModelRefused, ModelUnusable
from supportbot.model.overflow import says_too_long
from supportbot.model.redact import REDACTED, without_credentials
from supportbot.model.wire import mapping, sequence, string

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 300  # characters of an endpoint's own words
_TAG = re.compile(r"<[^<>]{0,200}>")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_UNKNOWN_MODEL = re.compile(
    r"(?:invalid|unknown|unsupported|no such) model"
    r"|\bmodel\b.{0,120}(?:not (?:found|exist|supported|available)|unknown|invalid|decommissioned)",
    re.IGNORECASE,
)
_RETRYABLE = frozenset({408, 409, 429})  # and everything from 500 on
_HINTS = {
    401: "check 'api_key' in bot.yaml",
    403: "check 'api_key' in bot.yaml, and what it may use",
    404: "check 'base_url' in bot.yaml",
}

RETIRED = (
    "it offers no models: the service was retired, or gives this key none (Meta's Llama API was switched off "
    "on 2026-07-06): check 'base_url' and 'model' in bot.yaml"
)

Outcome = Literal["ok", "refused", "cut", "failed", "skipped"]
"""What became of a request, as ``/metrics`` shows it. ``cut``: there was an answer, and it was not complete;
``skipped``: nothing was sent."""


class Failure(Exception):
    """One attempt failed."""

    def __init__(
        self,
        cause: str,
        *,
        retry: bool = False,
        status: int = 0,
        unusable: bool = False,
        retry_after: float | None = None,
        too_long: bool = False,
        unknown_model: bool = False,
        skipped: bool = False,
    ) -> None:
        """Say what happened.

        Args:
            cause: in words, without secrets.
            retry: the same request may succeed a moment later.
            status: the HTTP status with which the request was refused; 0 when it was not.
            unusable: the model did answer, and properly, but not with an answer for a customer.
            retry_after: how many seconds the endpoint asks to wait.
            too_long: the prompt does not fit into the model's window.
            unknown_model: the endpoint says that it has no such model.
            skipped: nothing was sent: the endpoint is left alone, or is busy with others.
        """
        super().__init__(cause)
        self.cause = cause
        self.retry = retry
        self.status = status
        self.unusable = unusable
        self.retry_after = retry_after
        self.too_long = too_long
        self.unknown_model = unknown_model
        self.skipped = skipped
        self.began = False
        """Some text had come before."""

    @property
    def endpoint_is_down(self) -> bool:
        """Say whether other requests would fare no better: it was not this request's own fault."""
        return not (self.unusable or self.too_long or self.status in {400, 413, 422})

    @property
    def refused(self) -> bool:
        """Say whether the endpoint will go on refusing such requests until somebody changes something."""
        return self.status > 0 and not self.retry

    @property
    def outcome(self) -> Outcome:
        """What to count it as."""
        if self.skipped:
            return "skipped"
        if self.unusable or self.began:
            return "cut"
        return "refused" if self.refused else "failed"

    def error(self, model: str) -> ModelError:
        """Return what the rest of the bot gets to see."""
        if self.unusable:
            return ModelUnusable(model=model, cause=self.cause)
        if self.refused:
            return ModelRefused(model=model, status=self.status, cause=self.cause)
        return ModelError(model=model, cause=self.cause)


class Explainer:
    """Puts causes into words for one endpoint, whose API key never gets into them."""

    def __init__(self, api_key: str) -> None:
        """``api_key`` may be empty."""
        self._api_key = api_key

    def plain(self, text: str) -> str:
        """Return text of a stranger as one short line without secrets and control characters."""
        line = " ".join(_CONTROL.sub(" ", _TAG.sub(" ", text[: 4 * _LONGEST])).split())
        if self._api_key:
            line = line.replace(self._api_key, REDACTED)
        return without_credentials(line)[:_LONGEST]

    def status(self, status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Failure:
        """Read an answer whose status is not 200."""
        message = self.plain(message_of(body))
        too_long = status != 429 and says_too_long(message)
        unknown_model = status in {400, 404} and _UNKNOWN_MODEL.search(message) is not None
        hint = "check 'model' in bot.yaml" if unknown_model else _HINTS.get(status, "")
        return Failure(
            ": ".join(filter(None, (f"HTTP {status}", message, hint))),
            status=status,
            retry=not too_long and _may_pass(status),
            retry_after=retry_after(headers, now),
            too_long=too_long,
            unknown_model=unknown_model,
        )

    def report(self, summary: str, report: object) -> Failure:
        """Read a failure that the endpoint reported inside a reply, or an object that is no reply."""
        if _is_empty_list(report):
            return Failure(RETIRED, status=400)
        message = self.plain(report if isinstance(report, str) else _message_in(mapping(report)))
        if not message:
            return Failure(summary)
        too_long = says_too_long(message)
        retry = not too_long and _may_pass(_status_in(report))
        return Failure(f"{summary}: {message}", retry=retry, too_long=too_long)


def _may_pass(status: int) -> bool:
    """Say whether the same request may succeed a moment later."""
    return status in _RETRYABLE or status >= 500


def message_of(body: bytes) -> str:
    """Return an error body's message: the first there is of ``error.message``, ``detail``, ``title``,
    ``message``, or all of it when it is not JSON. Other JSON is not quoted: it may repeat the request."""
    try:
        value = orjson.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
    return value if isinstance(value, str) else _message_in(mapping(value))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how many seconds an answer asks to wait (RFC 9110, 10.2.3), or None.

    ``retry-after-ms`` is what OpenAI and Azure send beside it.
    """
    if (milliseconds := _number(headers.get("retry-after-ms", ""))) is not None:
        return milliseconds / 1000
    value = headers.get("Retry-After", "").strip()
    if (seconds := _number(value)) is not None:
        return seconds
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None


def _message_in(value: Mapping[str, Any]) -> str:
    error = value.get("error")
    candidates = (
        mapping(error).get("message"),
        error,
        value.get("detail"),
        *(
            mapping(d).get("msg") for d in sequence(value.get("detail"))
        ),  # FastAPI's list; its inputs stay out
        value.get("title"),
        value.get("message"),
    )
    return next((text for text in map(string, candidates) if text), "")


def _status_in(report: object) -> int:
    """Return the HTTP status that a report names, or 500: as a rule it is the endpoint that fails."""
    fields = mapping(report)
    error = mapping(fields.get("error"))
    candidates = (fields.get("status"), error.get("code"), error.get("status"), fields.get("code"))
    return next((c for c in candidates if isinstance(c, int) and 100 <= c <= 599), 500)


def _is_empty_list(report: object) -> bool:
    """The list of no models, which the retired service gives to every question."""
    fields = mapping(report)
    return report == [] or (fields.get("object") == "list" and fields.get("data") == [])
