"""Signatures after the Standard Webhooks specification (https://www.standardwebhooks.com), both ways."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from standardwebhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from multidict import CIMultiDictProxy

_NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature")
_ID = re.compile(r"[!-~]{1,200}")
_TIMESTAMP = re.compile(r"[0-9]{1,11}")  # seconds; a timestamp in milliseconds has 13 digits
_MAX_SIGNATURES = 2000  # characters: several rotated secrets, never a book


class NotSigned(Exception):
    """The signature is missing, malformed, too old, too new or of another secret; nobody is told which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHeaders:
    """The three headers of a signed request, present once each and well formed."""

    id: str
    timestamp: int
    """Unix seconds."""
    signature: str

    @classmethod
    def read(cls, headers: CIMultiDictProxy[str]) -> SignedHeaders:
        """Take them from a request's headers.

        Raises:
            NotSigned: one is missing, given twice, or not of its form.
        """
        found = [headers.getall(name, []) for name in _NAMES]
        if any(len(values) != 1 for values in found):
            raise NotSigned
        message_id, timestamp, signature = (values[0] for values in found)
        if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp):
            raise NotSigned
        if not signature.isascii() or len(signature) > _MAX_SIGNATURES:
            raise NotSigned
        return cls(id=message_id, timestamp=int(timestamp), signature=signature)


class Signer:
    """Verifies with any of the active secrets, signs with the first."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._webhooks = [Webhook(secret) for secret in secrets]

    def verify(self, headers: SignedHeaders, content: str) -> None:
        """Check that ``content`` was signed with one of the secrets within the last or next five minutes.

        Raises:
            NotSigned: it was not.
        """
        given = {
            "webhook-id": headers.id,
            "webhook-timestamp": str(headers.timestamp),
            "webhook-signature": headers.signature,
        }
        if not any(_fits(webhook, given, content) for webhook in self._webhooks):
            raise NotSigned

    def sign(self, message_id: str, content: str) -> dict[str, str]:
        """Return the three headers for ``content``, signed now."""
        timestamp = math.floor(time.time())
        at = datetime.fromtimestamp(timestamp, tz=UTC)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": self._webhooks[0].sign(msg_id=message_id, timestamp=at, data=content),
        }


def _fits(webhook: Webhook, headers: dict[str, str], content: str) -> bool:
    try:
        webhook.verify(content, headers, json_parse=False)
    except Exception:  # noqa: BLE001 - a malformed signature surfaces as ValueError, binascii.Error and others
        return False
    return True
