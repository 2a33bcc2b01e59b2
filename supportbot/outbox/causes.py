"""Why a channel did not do what it was asked, for the operator to read."""

from __future__ import annotations

from supportbot.errors import DeliveryError
from supportbot.storable import clean_text


def cause_of(error: Exception) -> str:
    """Name a failure in one line, without what a platform's answer may hold."""
    if isinstance(error, DeliveryError):
        return clean_text(str(error.details.get("cause", error)))[:300]
    if isinstance(error, TimeoutError):
        return "the channel took too long"
    return type(error).__name__
