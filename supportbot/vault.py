"""Sealing: what may not be read by whoever reads the database, or changed by whoever passes it on.

Fernet (https://github.com/fernet/spec: AES-128-CBC with HMAC-SHA256 and a time stamp), by several keys: the
newest seals, any opens. What is sealed says what it is for, so that nothing can be put in another's place.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet  # of the extras that keep secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr


class CannotOpen(Exception):
    """It was sealed with another key, for another purpose, too long ago, or not by us."""


class Vault:
    """Seals and opens JSON values and bytes, by the keys of bot.yaml's ``encryption_keys``."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        """Take the keys, the newest first; at least one."""
        fernets = [Fernet(key.get_secret_value()) for key in keys]
        self._newest = fernets[0]
        self._all = MultiFernet(fernets)
        self.rotates = len(fernets) > 1
        """There are older keys: what they sealed should be sealed anew."""

    def seal(self, purpose: str, value: Any) -> str:
        """Return the value as text that only we can read; ``purpose`` has to be told to open it."""
        return self._newest.encrypt(json.dumps([purpose, value]).encode()).decode()

    def open(self, purpose: str, sealed: str, *, within: int | None = None) -> Any:
        """Return what was sealed, if that is at most ``within`` seconds ago.

        Raises:
            CannotOpen: it is not what we sealed for this purpose, or too old.
        """
        try:
            sealed_for, value = json.loads(self._all.decrypt(sealed, ttl=within))
        except (InvalidToken, ValueError):
            raise CannotOpen from None
        if sealed_for != purpose:
            raise CannotOpen
        return value

    def seal_bytes(self, purpose: str, data: bytes) -> bytes:
        """Return bytes in a form that only we can read; a third longer, as Fernet's text is."""
        return self._newest.encrypt(f"{purpose}\n".encode() + data)

    def open_bytes(self, purpose: str, sealed: bytes) -> bytes:
        """Return the bytes that were sealed.

        Raises:
            CannotOpen: they are not what we sealed for this purpose.
        """
        try:
            sealed_for, _, data = self._all.decrypt(sealed).partition(b"\n")
        except InvalidToken:
            raise CannotOpen from None
        if sealed_for != purpose.encode():
            raise CannotOpen
        return data

    def is_current(self, sealed: str | bytes) -> bool:
        """Say whether the newest key sealed it."""
        try:
            self._newest.decrypt(sealed)
        except (InvalidToken, ValueError):
            return False
        return True
