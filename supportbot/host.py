"""What the core lends a channel: one ``Host`` each, and the protocols of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping
    from pathlib import Path

    from supportbot.changes import Change
    from supportbot.feed import Feed
    from supportbot.messages import Attachment, Message, State
    from supportbot.vault import Vault

Verdict = Literal["good", "bad"]
"""What somebody thinks of an answer."""

DraftOutcome = Literal["open", "used", "edited", "ignored", "deleted", "replaced"]
"""How a draft stands: nobody has decided yet; sent as it was; sent with other words; the person answered
otherwise, or never; thrown away; a newer draft took its place."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A conversation in the list of those that a contact began."""

    external_id: str
    """The channel's key of it."""
    address: Mapping[str, Any]
    """How to reply there; the newest that came."""
    state: State
    text: str
    """What it began with."""
    created_at: int
    updated_at: int


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

    async def has(self, key: str) -> bool:
        """Say whether there is a message that came with such a key (``Inbound.keys``).

        One look, however long its conversation is.
        """

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

    async def assign(
        self, conversation_id: str, to: Literal["bot", "person"], *, by: str, name: str = ""
    ) -> Change | None:
        """Say who speaks in a conversation from now on: a person has taken it over, or gives it back.

        Args:
            conversation_id: the store's id of it (``Outbound.conversation_id``).
            to: who.
            by: the channel's own key of the person who says so, for the journal.
            name: what they are called, for what the team is told of it.

        Returns by whose word who speaks there: theirs, or of whoever did the same before them. None when
        there is no such conversation. Raises:
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
