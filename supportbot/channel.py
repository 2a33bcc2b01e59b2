"""The contract of a channel: one way in, one way out; and loading one by name.

A channel is a class, named by an entry point of the group ``supportbot.channels``::

    class FaxChannel:
        class Config(ChannelConfig):          # its section of bot.yaml
            number: str

        capabilities = Capabilities()

        def __init__(self, config: Config, host: Host) -> None: ...
        def app(self, accept: Accept) -> web.Application: ...
        async def send(self, outbound: Outbound) -> Sent: ...

What it can do beyond that, it says by having one of the one-method protocols below (``CanFind``,
``CanComplete``, ``CanNotify``, ``CanUpdate``, ``CanWithdraw``, ``CanReport``, ``CanVerify``, ``CanShow``,
``CanWriteFirst``); what it has not, the core does without.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from supportbot.errors import ChannelDependencyMissing, UnknownChannel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from aiohttp import web

    from supportbot.changes import Withdrawn
    from supportbot.messages import Accepted, Inbound, Outbound, Sent, Turn

_GROUP = "supportbot.channels"


class Lack(NamedTuple):
    """Something that a section of bot.yaml names and that is not there."""

    key: str
    """The section's key that names it."""
    what: str
    """What is wrong, going on from the key's name, as in ``names no module``."""
    fix: str
    """What to do."""


class ChannelConfig(BaseModel):
    """What every channel's section of bot.yaml has; a channel's own ``Config`` adds its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    type: str = Field(description="Which kind of channel this is: terminal, webhook, or one you installed.")

    def lacking(self, folder: Path) -> Iterable[Lack]:
        """Return what the section names and is not there, for ``supportbot check``.

        ``folder`` is bot.yaml's. Called once the section is sound by itself; must import and ask nothing.
        """
        return ()

    def roles(self) -> frozenset[str]:
        """Return the roles without which nothing is taken in for the channel: some process must have each.

        ``web``, where the platform or people come to its routes; ``mail`` and ``slack`` are the own ones of
        those two channels. What a channel does in every role, such as fetching by itself, needs none.
        """
        return frozenset({"web"})

    def keeps_secrets(self) -> bool:
        """Say whether the channel stores what only we may read: bot.yaml then needs ``encryption_keys``."""
        return False


class FollowUp(BaseModel):
    """What becomes of answers that nobody was there to read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    mailbox: str = Field(description="The channel that writes to whoever left: one of type email.")
    after: float = Field(300.0, ge=1, le=604_800, description="Seconds they may stay away before it does.")
    link: str = Field(
        "", max_length=500, pattern=r"^(|https?://[^\s<>\"]+)$", description="Your page with the chat."
    )


class FollowedConfig(ChannelConfig):
    """The section of a channel whose readers come and go: what they miss can be told elsewhere."""

    follow_up: FollowUp | None = Field(None, description="Tell by mail what a visitor who left has missed.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a channel can do, for the core and for people to read; nothing here is behaviour."""

    streaming: bool = False
    """Shows an answer while it is being written (reads ``Delta`` events from the feed)."""
    drafts: bool = False
    """Leaves replies for a person to send."""
    markdown: bool = True
    """Shows standard Markdown; when False the channel turns it into plain text itself."""
    max_text: int | None = None
    """Longest single message the platform takes, in characters; the channel splits longer ones."""


class Accept(Protocol):
    """The one way in. Returns when the message is on disk, never before."""

    async def __call__(self, inbound: Inbound) -> Accepted:
        """Store a message once and see to it that it is answered.

        Raises:
            StoreUnavailable: it could not be stored within 2.5 s: answer 503, do not acknowledge.
            NotAccepting: the bot is stopping: answer 503, do not acknowledge.
        """


class Channel(Protocol):
    """What every channel is. See the module's text for the shape of a class."""

    @property
    def Config(self) -> type[ChannelConfig]:  # noqa: N802 - a class, of the class or nested in it
        """What reads its section of bot.yaml; an attribute of the class."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; an attribute of the class."""

    def app(self, accept: Accept) -> web.Application:
        """Return the channel's routes and, in its ``cleanup_ctx``, whatever it runs in the background.

        It is mounted below ``host.base_path`` and starts and stops as aiohttp sub-applications do.
        """

    async def send(self, outbound: Outbound) -> Sent:
        """Deliver one reply and return the platform's receipt.

        Raises:
            Refused: the platform will never take it.
            RetryAfter: the platform did not take it, and may later: when it says, or after our own pause.
            Unclear: nobody knows whether it took it. Any other exception counts as this.
        """


@runtime_checkable
class CanFind(Protocol):
    """A channel that can look whether an unclear delivery arrived."""

    async def find(self, outbound: Outbound) -> Sent | None:
        """Look on the platform for this delivery: its receipt, or None when it is not there.

        Raises:
            SendUnseen: it cannot be looked for, and bot.yaml says to send it again then. When the attempts
                are used up it ends as ``unknown``; nothing is sent again of a conversation that was deleted.
            NeverClear: no further look would tell; the delivery ends as ``unknown``. After any other
                exception it is looked for again, for a while.
        """


@runtime_checkable
class CanComplete(Protocol):
    """A channel that knows more of a turn than was stored when its messages were acknowledged."""

    async def complete(self, turn: Turn) -> Turn:
        """Return the turn with what can be had: names, what was said before (``memory.left_out``), images.

        Called before each try at the turn, and given ten seconds; what it raises leaves the turn as it is.
        """


@runtime_checkable
class CanNotify(Protocol):
    """A channel that tells the team when a customer is handed over to a person.

    The news is a delivery like a reply, with its ``notice``: ``send`` tells it, ``find`` looks whether it was
    told. It goes out beside the conversation's replies, and neither waits for the other.
    """

    def team_address(self) -> Mapping[str, Any] | None:
        """Return where the team is told, a small JSON object that comes back as ``Outbound.address``.

        None when bot.yaml names no such place. Asked once, when the bot starts.
        """


@runtime_checkable
class CanUpdate(Protocol):
    """A channel that can bring up to date what it told the team (``CanNotify``): who took a customer over."""

    async def update(self, outbound: Outbound) -> Sent:
        """Make the post ``outbound.notice.standing`` say what the notice says now; returns that receipt.

        Called again after it was unclear, and with what changed since: the same update twice must do no harm.
        A post that somebody deleted is left deleted.

        Raises:
            Refused, RetryAfter, Unclear: as ``send``.
        """


@runtime_checkable
class CanWithdraw(Protocol):
    """A channel that can take back what it told the team (``CanNotify``) of a conversation that was deleted.

    Where our own record of a post is missing, it is looked for (``CanFind``) before: with a delivery whose
    ``notice`` is empty, since all that is left is its ``delivery_id``, its ``address`` and ``created_at``.
    """

    async def withdraw(self, withdrawn: Withdrawn) -> None:
        """See to it that a post holds no word of its conversation any more; it may say that it was deleted.

        Called again after it was unclear: the same twice must do no harm. A post that is not there any more
        holds no word.

        Raises:
            Refused: the platform will never do it: an operator gets to see it, and looks.
            RetryAfter, Unclear: as ``send``.
        """


@runtime_checkable
class CanReport(Protocol):
    """A channel that can say how it is, for ``/readyz``: while one is not well, the bot is degraded."""

    def problem(self) -> str:
        """Return what keeps the channel from working, in one line; empty when all is well."""


@runtime_checkable
class CanVerify(Protocol):
    """A channel that can ask its platform whether it works as configured, for ``check --online``."""

    async def verify(self) -> list[str]:
        """Return what is wrong, each as ``what: what to do``; empty when all is well.

        The channel is made for this alone: it has not been started, and there may be no store yet.
        """


@runtime_checkable
class CanShow(Protocol):
    """A channel with a page for people."""

    def page(self) -> str:
        """Return the page's path, which begins with ``host.base_path``; empty when it is switched off."""


@runtime_checkable
class CanWriteFirst(Protocol):
    """A channel in which conversations of other channels can go on."""

    def first_address(self, email: str) -> Mapping[str, Any]:
        """Return how to write to somebody who never wrote here, as ``Inbound.address``; empty: not at all."""


def load_channel(name: str) -> type[Channel]:
    """Return the channel class that an installed package offers under this type name.

    Only the one that is asked for is imported: another channel's missing dependency does no harm.

    Raises:
        UnknownChannel: no installed package offers it.
        ChannelDependencyMissing: its package is there, something it imports is not.
    """
    found = entry_points(group=_GROUP)
    for entry in found:
        if entry.name == name:
            try:
                loaded: type[Channel] = entry.load()
            except ModuleNotFoundError as error:
                raise ChannelDependencyMissing(name=name, module=error.name) from error
            return loaded
    raise UnknownChannel(name=name, known=", ".join(known_channels()))


def config_of(channel_class: type[Channel]) -> type[ChannelConfig]:
    """Return the ``Config`` of a channel class; through a protocol type checkers see it on instances only."""
    found: Any = channel_class
    config: type[ChannelConfig] = found.Config
    return config


def known_channels() -> list[str]:
    """Return the type names of all installed channels, sorted; imports none of them."""
    return sorted({entry.name for entry in entry_points(group=_GROUP)})
