"""Slack's request signature, checked on the raw bytes before anything reads them.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from multidict import CIMultiDictProxy

_TIMESTAMP = "X-Slack-Request-Timestamp"
_SIGNATURE = "X-Slack-Signature"
_TEN_DIGITS = re.compile(r"[0-9]{10}")
_V0 = re.compile(r"v0=[0-9a-f]{64}")
_WITHIN = 300
"""Seconds that a request may be old, or ahead of our clock."""


class Signatures:
    """Knows the app's signing secrets: one, or two while they are being rotated."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keyed = [hmac.new(secret.encode(), digestmod=sha256) for secret in secrets]

    def fit(self, headers: CIMultiDictProxy[str], body: bytes, now: float) -> bool:
        """Say whether Slack signed this body within the last, or next, five minutes.

        Args:
            headers: the request's.
            body: its raw bytes.
            now: Unix seconds.
        """
        timestamp, signature = _only(headers, _TIMESTAMP), _only(headers, _SIGNATURE)
        if not _TEN_DIGITS.fullmatch(timestamp) or not _V0.fullmatch(signature):
            return False
        if abs(now - int(timestamp)) > _WITHIN:
            return False
        signed = b"v0:%b:%b" % (timestamp.encode(), body)
        return any(hmac.compare_digest(_digest(key, signed), signature) for key in self._keyed)


def _only(headers: CIMultiDictProxy[str], name: str) -> str:
    """Return a header that must be there once; empty when it is not."""
    values = headers.getall(name, [])
    return values[0] if len(values) == 1 else ""


def _digest(keyed: hmac.HMAC, signed: bytes) -> str:
    fresh = keyed.copy()
    fresh.update(signed)
    return "v0=" + fresh.hexdigest()
