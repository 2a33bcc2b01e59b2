"""What the contract suite must be able to do on a channel's platform: write as a customer, look, and fail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supportbot.testing.site import Site

Fault = Literal["refuse", "busy", "lose", "take and lose"]
"""How a platform treats a reply: refuses it for good; asks to wait; does not take it and breaks off; takes it
and breaks off. Of the last two the channel sees the same: an error 500, a reset, silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a customer wrote on the platform."""

    conversation: str
    """A name such as ``anna``; your platform makes a phone number or a thread of it, always the same one."""
    id: str
    """The platform's id of the message, letters, digits and ``_``; the same id is the same message again."""
    text: str
    """May hold anything, also NUL and lone surrogates: ``json.dumps`` writes them as escapes."""


class Platform(ABC):
    """Plays a channel's platform for ``ChannelContract``: three methods to write, and a fault to obey.

    An async context manager: each test enters one of its own.
    """

    faults: ClassVar[frozenset[Fault]] = frozenset()
    """What it can do to replies. The tests of the others are left out."""
    fault: Fault | None = None
    """What it does to every reply for as long as the test leaves this set."""

    async def __aenter__(self) -> Self:
        """Begin to serve, if it has to."""
        return self

    async def __aexit__(self, *_: object) -> None:  # noqa: B027 - in memory there is nothing to stop
        """Stop serving."""

    @abstractmethod
    def section(self) -> Mapping[str, Any]:
        """Return the channel's section of bot.yaml, without ``type``."""

    @abstractmethod
    async def write(self, site: Site, written: Written) -> int:
        """Bring a message to the channel as the platform does, and return the HTTP status of its answer.

        A channel that fetches its messages returns 200 once it has made sure that the platform
        will not offer the message again, and 503 when the platform will.
        """

    @abstractmethod
    async def shown(self, site: Site, conversation: str) -> Sequence[str]:
        """Return the replies that a customer sees in a conversation, in their order (or the drafts there)."""


@runtime_checkable
class TeamPlatform(Protocol):
    """A platform with a place for the team, of a channel that has ``update`` or ``withdraw``."""

    async def told(self, site: Site) -> Sequence[str]:
        """Return all that the team reads in that place (``team_address``), post by post."""
