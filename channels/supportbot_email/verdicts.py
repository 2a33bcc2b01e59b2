"""What a mail server's answer means for a delivery. Pure.

A reply has one recipient, so an answer to one is an answer to all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot.errors import Refused, RetryAfter

if TYPE_CHECKING:
    from supportbot_email.smtp import Said

_OURS = 600.0
"""Seconds to the next try when it is the server's or the account's fault, not this mail's."""

_ALLOWANCE = 3600.0
"""Seconds to the next try when the account has sent as much as it may."""

_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_SPENT = frozenset({"5.4.5", "5.1.90", "5.7.232", "5.7.233"})
"""The account's allowance is used up: Gmail; Microsoft 365 (mailbox, and both of a tenant's).

Permanent by their first digit, and over tomorrow
(https://support.google.com/a/answer/3726730, https://learn.microsoft.com/exchange/mail-flow-best-practices/
non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online).
"""
_TOO_LARGE = "5.3.4"


def verdict(said: Said) -> Refused | RetryAfter:
    """Return what to raise for a no: never, or later.

    What a server says of the sender is about this mailbox and its rights there: every other mail would fare
    the same, and an operator can mend it. So it is tried again, for as long as the core tries.
    """
    status = status_of(said.words)
    if status in _SPENT:
        return RetryAfter(seconds=_ALLOWANCE, cause=said.words)
    if said.code // 100 == 4:
        return RetryAfter(cause=said.words)
    about_us = said.code == 530 or (said.step == "sender" and said.code != 552 and status != _TOO_LARGE)
    return RetryAfter(seconds=_OURS, cause=said.words) if about_us else Refused(cause=said.words)


def status_of(words: str) -> str:
    """Return the enhanced status code in an answer (RFC 3463), or nothing."""
    found = _STATUS.search(words)
    return found[0] if found else ""
