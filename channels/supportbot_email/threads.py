"""Which conversation a mail belongs to, and our own Message-IDs: `<sb.{delivery}.{mac}@{domain}>`."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from supportbot_email.mail import Mail

_TOKEN = re.compile(r"<sb\.([A-Za-z0-9_-]{1,80})\.([0-9a-f]{32})@([A-Za-z0-9.-]{1,253})>")


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One thing by which a conversation may be found."""

    kind: Literal["delivery", "in_reply_to", "reference"]
    value: str
    """The delivery's id for our own token, else a Message-ID with its brackets."""


def make_token(delivery: str, domain: str, secret: bytes) -> str:
    """Our Message-ID of a delivery: always the same, and nobody without the secret can make one.

    Raises ValueError for an id or a domain that does not fit into it.
    """
    token = f"<sb.{delivery}.{_mac(delivery, domain, secret)}@{domain.lower()}>"
    if not _TOKEN.fullmatch(token):
        raise ValueError("A delivery's id in a Message-ID has letters, digits, - and _ only.")
    return token


def verify_token(token: str, domain: str, secret: bytes) -> str:
    """The delivery that a Message-ID names, or "" when it is not ours or its MAC is wrong."""
    found = _TOKEN.fullmatch(token)
    if not found or found.group(3).lower() != domain.lower():
        return ""
    genuine = hmac.compare_digest(found.group(2), _mac(found.group(1), domain, secret))
    return found.group(1) if genuine else ""


def has_token_shape(message_id: str, domain: str) -> bool:
    """Whether a Message-ID looks like one of ours; proves nothing."""
    found = _TOKEN.fullmatch(message_id)
    return bool(found and domain and found.group(3).lower() == domain.lower())


def is_any_bots(message_id: str) -> bool:
    """Whether a Message-ID looks like one that a SupportBot made, ours or somebody else's."""
    return bool(_TOKEN.fullmatch(message_id))


def keys(mail: Mail, *, domain: str, secret: bytes) -> tuple[Key, ...]:
    """What to look a mail's conversation up by, best first. None of them found: it begins a new one.

    An id of our own shape with a wrong MAC is no key at all (FreeScout CVE-2026-47123 was a guessable token).
    """
    answered = [mail.in_reply_to] if mail.in_reply_to else []
    chain = [*answered, *reversed(mail.references)]
    delivered = [
        Key(kind="delivery", value=name) for one in chain if (name := verify_token(one, domain, secret))
    ]
    named = [
        Key(kind="in_reply_to" if one == mail.in_reply_to else "reference", value=one)
        for one in chain
        if not has_token_shape(one, domain)
    ]
    return tuple(dict.fromkeys([*delivered, *named]))


def _mac(delivery: str, domain: str, secret: bytes) -> str:
    told = f"supportbot mail {delivery}@{domain.lower()}".encode()
    return hmac.new(secret, told, hashlib.sha256).hexdigest()[:32]
