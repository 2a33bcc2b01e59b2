"""Visitors' sessions: an unguessable token for a browser, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from supportbot.ids import new_id, now_ms

if TYPE_CHECKING:
    from supportbot.channel import Records

_TOKEN = re.compile(r"vst_[A-Za-z0-9_-]{43}")
_DAY = 86_400_000  # ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who a token stands for, and the one conversation it opens."""

    visitor_id: str
    conversation: str
    """The channel's key of the conversation: 128 random bits, so that nobody comes upon another's."""
    expires_at: int
    name: str = ""
    email: str = ""


class Sessions:
    """The sessions of one channel, in its records."""

    def __init__(self, records: Records, *, days: int) -> None:
        self._records = records
        self._lifetime = days * _DAY

    async def open(self, *, name: str = "", email: str = "") -> tuple[str, Session]:
        """Begin a session and return its token (256 random bits) and what it stands for."""
        token = "vst_" + secrets.token_urlsafe(32)
        session = Session(
            visitor_id=new_id("visitor"),
            conversation="chat_" + secrets.token_urlsafe(16),
            expires_at=now_ms() + self._lifetime,
            name=name,
            email=email,
        )
        await self._records.put(_key(token), asdict(session), expires_at=session.expires_at)
        return token, session

    async def find(self, token: str) -> Session | None:
        """Return what a token stands for; None when it never did, no longer does, or is no token at all."""
        if not _TOKEN.fullmatch(token):
            return None
        found = await self._records.get(_key(token))
        if found is None or found["expires_at"] <= now_ms():
            return None
        return Session(**found)

    async def close(self, token: str) -> None:
        """End a session: its token stands for nothing from now on."""
        await self._records.delete(_key(token))


def _key(token: str) -> str:
    return "session:" + hashlib.sha256(token.encode()).hexdigest()
