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
``CanComplete``, ``CanNotify``, ``CanReport``, ``CanVerify``, ``CanShow``, ``CanWriteFirst``); what it has
not, the core does without.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from supportbot.errors import ChannelDependencyMissing, UnknownChannel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Mapping
    from pathlib import Path

    from aiohttp import web

    from supportbot.feed import Feed
    from supportbot.messages import Accepted, Attachment, Begun, Inbound, Message, Outbound, Sent, State, Turn
    from supportbot.vault import Vault

_GROUP = "supportbot.channels"

Verdict = Literal["good", "bad"]
"""What somebody thinks of an answer."""

DraftOutcome = Literal["open", "used", "edited", "ignored", "deleted", "replaced"]
"""How a draft stands: nobody has decided yet; sent as it was; sent with other words; the person answered
otherwise, or never; thrown away; a newer draft took its place."""


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


class Records(Protocol):
    """A channel's own durable memory: small JSON values under string keys, private to the channel.

    For sessions, cursors, tokens. A write returns when it is on disk.
    """

    async def get(self, key: str) -> Any | None:
        """Return the value, or None when there is none or it has expired."""

    async def put(self, key: str, value: Any, *, expires_at: int | None = None) -> None:
        """Store a value, replacing an earlier one; ``expires_at`` in Unix milliseconds."""

    async def add(self, key: str, value: Any, *, expires_at: int | None = None) -> bool:
        """Store a value only if the key is free; says whether it did."""

    async def swap(self, key: str, before: Any, after: Any, *, expires_at: int | None = None) -> bool:
        """Store a value only if the key still holds ``before``, as ``get`` returned it; says whether it did.

        For what several processes change: whoever comes second is told, and looks again."""

    async def delete(self, key: str, *, only: Any = None) -> None:
        """Forget a key; no error when it was not there. With ``only``, not if it holds another value."""

    def scan(self, prefix: str) -> AsyncIterator[tuple[str, Any]]:
        """Yield the (key, value) pairs whose key begins with ``prefix``, in key order."""


class CountIgnored(Protocol):
    """Counts what a channel acknowledged without handing it in: nothing of it is stored."""

    def __call__(self, reason: str, /) -> None:
        """One more, for ``/metrics``.

        Args:
            reason: one of a few words of the channel's own, such as ``bot`` or ``edit``; never a stranger's.
        """


class CountCut(Protocol):
    """Counts links in answers from which a channel cut what could carry something away."""

    def __call__(self, number: int, /) -> None:
        """So many more, for ``/metrics``."""


class CountRefused(Protocol):
    """Counts what a channel did not let in, where the operator or a website's developer can mend it."""

    def __call__(self, reason: str, /) -> None:
        """One more, for ``/metrics``.

        Args:
            reason: one of a few words of the channel's own, such as ``identity_expired``; never a stranger's.
        """


class Standing(NamedTuple):
    """Which conversation a channel's key stands for now, and who speaks in it."""

    conversation_id: str
    """The store's: another one after the conversation was deleted and began again."""
    state: State


class Transcripts(Protocol):
    """What was said in this channel's conversations: for channels whose readers come and fetch."""

    async def messages(self, external_id: str, *, after: int = 0, limit: int = 100) -> list[Message]:
        """Return up to ``limit`` messages after number ``after``, oldest first; empty if unknown."""

    async def state(self, external_id: str) -> State | None:
        """Return who speaks in the conversation; None if it is unknown."""

    async def conversation_id(self, external_id: str) -> str | None:
        """Return the store's id of the conversation, the key of its ``feed``; None if it is unknown."""

    async def standing(self, external_id: str) -> Standing | None:
        """Return both of these by one look at the store; None if the conversation is unknown."""

    async def redact(self, key: str) -> bool:
        """Take the words of a customer's message out of the store: it was deleted on the platform.

        Args:
            key: one of its ``Inbound.keys``.

        Says whether there was such a message. Raises:
            StoreUnavailable: it could not be done.
        """

    async def attachment(self, external_id: str, seq: int, place: int) -> Attachment | None:
        """Return an attachment of a message with its bytes; None when there is none, or they are not kept."""

    async def begun_by(self, sender: str, *, limit: int = 20) -> list[Begun]:
        """Return the newest conversations that a sender (``Sender.id``) began, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What somebody thinks of a conversation and of the answers in it."""

    verdicts: Mapping[int, Verdict]
    """By the answer's number."""
    score: int | None = None
    """Of the whole conversation, 1 to 5."""


class Ratings(Protocol):
    """What people think of the bot's answers, and of a conversation when it is over.

    A ``rater`` is the channel's own key of a person; what they said last counts.
    """

    async def rate(self, turn_id: str, *, rater: str, verdict: Verdict) -> bool:
        """Store what somebody thinks of the answer of a turn; says whether the channel has such a turn.

        Raises:
            StoreUnavailable: it could not be stored.
        """

    async def score(self, external_id: str, *, rater: str, score: int, comment: str = "") -> bool:
        """Store what somebody thinks of a conversation, 1 (bad) to 5 (good); says whether there is one.

        Raises:
            StoreUnavailable: it could not be stored.
        """

    async def given(self, external_id: str, *, rater: str) -> Opinion:
        """Return what somebody said of a conversation and its answers."""


class Contacts(Protocol):
    """The people who write in this channel."""

    async def write_to(self, external_id: str, email: str, *, proven: bool = False) -> bool:
        """Store the address at which whoever began a conversation wants to be written to.

        Unless it is ``proven`` it is their word for it. One that is proven counts where they gave none. Says
        whether there is such a conversation. Raises:
            StoreUnavailable: it could not be stored.
        """

    def goes_on(self, email: str) -> bool:
        """Say whether answers that are missed will be sent to such an address."""

    async def address(self, external_id: str) -> str:
        """Return that address, or the one that is known anyway; empty when there is none."""


class Presence(Protocol):
    """Who of this channel's readers is there, and what they have seen; so that nobody is told twice."""

    every: float
    """Seconds after which it should be said again who is there; 0: nobody needs to know."""

    async def here(self, external_ids: Collection[str]) -> None:
        """Somebody reads in these conversations right now. Raises:
        StoreUnavailable: it could not be stored.
        """

    async def seen(self, external_id: str, seq: int) -> None:
        """The reader of a conversation has seen everything up to message number ``seq``. Raises:
        StoreUnavailable: it could not be stored.
        """


class Returned(Protocol):
    """Told of a delivery that the platform gave back after it had taken it, such as mail that bounces."""

    async def __call__(self, delivery_id: str, /, *, reason: str) -> bool:
        """Record that the delivery did not arrive after all: it is ``dead`` now, with this ``reason``.

        Says whether that is news: False for one that there is not, that had not been sent, or that ended as
        ``dead`` before. Raises:
            StoreUnavailable: it could not be stored.
        """


class Drafts(Protocol):
    """What became of the replies that a channel left for a person to send."""

    async def record(
        self, delivery_id: str, outcome: DraftOutcome, *, length: int = 0, changed: int | None = None
    ) -> bool:
        """Store how a draft stands; the newest word counts. Says whether the channel has such a delivery.

        Args:
            delivery_id: of the reply that was left (``Outbound.delivery_id``).
            outcome: ``open`` as soon as it lies there.
            length: the draft's, in characters.
            changed: how many of them were inserted, deleted or replaced before it was sent; None unless it
                was sent.

        Raises:
            StoreUnavailable: it could not be stored.
        """


class Handoffs(Protocol):
    """The conversations that the channel told the team of (``CanNotify``), its own and others'."""

    async def assign(self, conversation_id: str, to: Literal["bot", "person"], *, by: str) -> bool:
        """Say who speaks in a conversation from now on: a person has taken it over, or gives it back.

        Args:
            conversation_id: the store's id of it (``Outbound.conversation_id``).
            to: who.
            by: the channel's own key of the person who says so, for the journal.

        Says whether there is such a conversation. Raises:
            StoreUnavailable: it could not be stored.
        """


class Limiter(Protocol):
    """How often something may be done with each of many keys, such as visitors or addresses.

    It holds for the whole service, within a little, however many processes it has.
    """

    async def take(self, key: str) -> float:
        """Do it once more with this key.

        Returns 0.0 when that is allowed. Otherwise it counts for nothing, and these are the seconds until it
        will be. Never fails: while the store is slow or away, each process counts by itself.
        """


class MakeLimiter(Protocol):
    """Makes the limits of a channel."""

    def __call__(self, name: str, /, *, per_minute: float, burst: int) -> Limiter:
        """Return a limit: a bucket of ``burst`` for each key, which fills at ``per_minute``.

        ``name`` tells it from the channel's others, also in ``/metrics``; it is a word of the channel's own.
        """


ROLES = frozenset({"web", "worker", "mail", "slack"})
"""What a process may do of the whole: take messages in over HTTP, answer and deliver, watch mailboxes, hold
Slack's sockets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the core lends a channel."""

    name: str
    """The channel's name in bot.yaml; ``Inbound.channel`` carries it."""
    records: Records
    transcripts: Transcripts
    feed: Feed
    """What happens in conversations right now (see ``supportbot.feed``)."""
    ignored: CountIgnored
    """For what arrives and is no message to answer."""
    links_cut: CountCut
    refused: CountRefused
    """For what is not let in, such as a website's token that is not good."""
    tools: bool
    """The bot has tools, and some may ask how sure the channel is of who the customer is."""
    ratings: Ratings
    """Where people's verdicts on answers go."""
    returned: Returned
    """Where deliveries go that come back."""
    drafts: Drafts
    """Where it is told what people made of drafts."""
    contacts: Contacts
    handoffs: Handoffs
    limiter: MakeLimiter
    """Makes limits on what people may do, which all processes share."""
    presence: Presence
    """Where it is told who reads, and what they have seen."""
    base_path: str
    """Where the channel's routes are mounted: ``/channels/<name>``."""
    vault: Vault | None = None
    """Seals what only we may read in the database; None without ``encryption_keys``."""
    bot_name: str = "SupportBot"
    roles: frozenset[str] = ROLES
    """What this process does. One without a channel's role still sends for it, and takes nothing in."""
    company: str = ""
    """Whom the bot works for, as bot.yaml names it."""
    folder: Path | None = None
    """Where bot.yaml stands, and modules of the bot's author."""
    images: bool = False
    """Some model of the bot sees images: they are worth fetching."""


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
