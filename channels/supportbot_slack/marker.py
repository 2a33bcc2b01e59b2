"""The mark that every post of ours carries: which answer it is, which part of it, and a MAC over that.

It travels as Slack's message metadata (https://docs.slack.dev/messaging/message-metadata). Whoever is in the
workspace may read it and post the like, so what we find counts only with a MAC that we made.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

EVENT = "supportbot_reply"
_MAC = 32  # hex digits: 128 bits


@dataclass(frozen=True, slots=True)
class Mark:
    """Part ``part`` (from 1) of ``of`` of the answer of a turn; ``of=0`` while it is being written."""

    turn: str
    part: int
    of: int


class Marker:
    """Makes marks, and knows its own again."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod=sha256)

    def metadata(self, mark: Mark, place: str, *, delivery: str = "") -> dict[str, Any]:
        """Return a post's ``metadata``.

        Args:
            mark: what the post is.
            place: the workspace, channel and thread that it is posted in.
            delivery: the delivery's id, for people who look for it.
        """
        payload = {
            "delivery": delivery,
            "turn": mark.turn,
            "part": mark.part,
            "of": mark.of,
            "mac": self._mac(mark, place),
        }
        return {"event_type": EVENT, "event_payload": payload}

    def read(self, metadata: object, place: str) -> Mark | None:
        """Return the mark in a message's ``metadata``; None when there is none of ours for this place."""
        match metadata:
            case {
                "event_type": "supportbot_reply",
                "event_payload": {
                    "turn": str(turn),
                    "part": int(part),
                    "of": int(of),
                    "mac": str(mac),
                },
            }:
                mark = Mark(turn, part, of)
                return mark if hmac.compare_digest(self._mac(mark, place).encode(), mac.encode()) else None
        return None

    def _mac(self, mark: Mark, place: str) -> str:
        fresh = self._keyed.copy()
        fresh.update(f"{place}\n{mark.turn}\n{mark.part}\n{mark.of}".encode())
        return fresh.hexdigest()[:_MAC]
