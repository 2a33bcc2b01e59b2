"""Where a reply goes: what ``Inbound.address`` of this channel holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from supportbot_slack.events import text_at

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A place in Slack, and who wrote there last."""

    team: str
    channel: str
    enterprise: str = ""
    thread: str = ""
    """The thread's first message; empty in a direct message without threads."""
    ts: str = ""
    """The newest message that is to be answered."""
    user: str = ""
    user_team: str = ""

    @classmethod
    def read(cls, address: Mapping[str, Any]) -> Self:
        """Read it from what was stored with a conversation."""
        body = dict(address)
        return cls(**{name: text_at(body, name) for name in cls.__slots__})

    def json(self) -> dict[str, str]:
        """Return it as it is stored."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}

    @property
    def place(self) -> str:
        """The place's name, which marks are bound to."""
        return f"{self.team}/{self.channel}/{self.thread}"
