"""The frozen values that travel through the bot. Each contains the one before, so the address
travels with the message:

    Inbound -> Accepted        a channel hands in, the inbox answers
    Turn -> Prompt -> Answer   the bot's work on one or more messages of one conversation
    Outbound -> Sent           what a channel is asked to deliver, and its receipt

All times are Unix milliseconds. All text is Unicode without NUL and without surrogates
(``storable.clean_text`` has been through it).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from supportbot.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.changes import Change
    from supportbot.objections import Objection

State = Literal["bot", "queued", "human", "snoozed", "resolved", "spam"]
"""Who speaks in a conversation. The bot speaks only in ``bot``."""

Author = Literal["customer", "bot", "person", "system"]
"""Who wrote a message. ``person`` is a member of the support team."""

MessageState = Literal["pending", "answered", "handed_over", "ignored", "dead", "said"]
"""What became of a message. Customers' messages end in one of the middle four; what the bot or
a person wrote is ``said``."""

Assurance = Literal["anonymous", "claimed", "verified"]
"""How sure we are of who a contact is: not at all, on their own word, or proven by the channel."""

DeliveryState = Literal["planned", "sending", "delivered", "unknown", "dead"]
DeliveryKind = Literal["reply", "follow_up", "notice", "withdrawal"]  # the last takes a notice back


class _Evolve:
    """A frozen value of which a changed copy can be had."""

    __slots__ = ()

    def evolve(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[type-var]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender(_Evolve):
    """Who wrote an inbound message, as far as the channel knows."""

    id: str
    """The channel's own key of the person: a Slack user, an e-mail address, a visitor id."""
    name: str = ""
    email: str = ""
    assurance: Assurance = "anonymous"
    language: str = ""  # what they read, as ISO 639-1 writes it (``de``); empty where nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Image(_Evolve):
    """An image as a model gets to see it."""

    url: str = field(repr=False)
    """All of it: a ``data:`` URL of a PNG or a JPEG."""
    tokens: int
    """What it costs in a prompt, by our estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment(_Evolve):
    """Something that came with a message. The name is display text, never a path."""

    name: str
    content_type: str
    size: int
    url: str = ""
    data: bytes = field(default=b"", repr=False)
    """Its bytes, where a channel has them: handed in with the message, and kept if it is an image; or fetched
    for a turn (``CanComplete``). A stored message is read without."""
    width: int = 0
    """In pixels, of an image whose bytes are kept; 0 for everything else. Only the core knows."""
    height: int = 0
    """Likewise."""
    image: Image | None = field(default=None, repr=False)
    """What a model gets to see of it, in a turn that is being answered; only the core knows."""

    @property
    def kept(self) -> bool:
        """Whether the store holds its bytes."""
        return self.width > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound(_Evolve):
    """One message in the normal form: what every channel makes of what its platform sent."""

    channel: str
    """The channel's name in bot.yaml."""
    conversation: str
    """The channel's own key of the conversation: everything with this key is one conversation.

    Up to 400 characters, what else is stored and comes back as ``external_id`` is ``clean_key`` of it."""
    sender: Sender
    text: str
    keys: tuple[str, ...]
    """What makes this message the same as another; a key is taken once per channel. At least one."""
    author: Literal["customer", "person"] = "customer"
    attachments: tuple[Attachment, ...] = ()
    sent_at: int | None = None
    """When the platform says it was written; None when it does not say."""
    address: Mapping[str, Any] = field(default_factory=dict)
    """How to reply: a small JSON object that only this channel reads. The newest counts."""
    ignored: str = ""
    """A reason not to answer, such as ``auto_reply``: the message is recorded and ends there."""
    wants_person: bool = False
    """The customer pressed "talk to a person"."""
    original: bytes = field(default=b"", repr=False)
    """What it was made of, as it came, such as a raw mail: kept beside the message, for people to look at."""
    takes_over: bool = True
    """What a person wrote silences the bot; False where people send every reply, and the bot only drafts."""
    tenant: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(_Evolve):
    """The inbox's receipt: the message is on disk. Only now may the channel acknowledge it."""

    message_id: str
    conversation_id: str
    seq: int
    """The message's number in its conversation, from 1, without gaps."""
    state: MessageState
    duplicate: bool = False
    """The message had been accepted before; this call changed nothing."""
    same: bool = True
    """False when the earlier message under this key was another one: other words, another conversation, or
    somebody else's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation(_Evolve):
    """A source the answer rests on."""

    title: str
    source: str
    """Where it stands: a path below ``knowledge/``, or a URL."""
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(_Evolve):
    """A passage of the knowledge that stood behind a reply, for whoever judges the reply."""

    title: str
    source: str
    """Where it stands: a path below ``knowledge/``, with the heading behind a ``#``."""
    score: float
    """How well it fits the question, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(_Evolve):
    """An answer that a customer can give by pressing a button; a channel without buttons shows none."""

    label: str
    """What stands on the button."""
    says: str
    """What the customer says by pressing it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(_Evolve):
    """One stored message of a conversation."""

    id: str
    seq: int
    author: Author
    text: str
    created_at: int
    state: MessageState = "said"
    turn_id: str | None = None
    client_key: str = ""
    """The first of the keys the message came with; empty for what the bot wrote."""
    attachments: tuple[Attachment, ...] = ()
    citations: tuple[Citation, ...] = ()
    choices: tuple[Choice, ...] = ()
    """Replies to it that the customer may press instead of writing."""
    wants_person: bool = False
    """The customer pressed "talk to a person" with it."""
    contact_id: str | None = None
    """Who wrote it; None when the bot did."""
    name: str = ""
    """What they are called, where it is known to whoever reads."""
    assurance: Assurance = "anonymous"
    """How sure the channel was of that when it came."""
    reason: str = ""  # why it ended so: ``ignored``, ``handed_over`` or ``dead``
    fixed_for: str = ""  # of the bot's: why it is a fixed text and no answer

    @property
    def is_answer(self) -> bool:
        """Whether the bot answers something by it, so that it can be a good or a bad one."""
        return self.author == "bot" and not self.fixed_for and not self.choices


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(_Evolve):
    """The person on the other side."""

    id: str
    external_id: str
    name: str = ""
    email: str = ""
    assurance: Assurance = "anonymous"
    language: str = ""  # what they read, as ``Sender.language``


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(_Evolve):
    """What a model is told of a conversation beyond its history."""

    from_seq: int = 0
    """The history begins with the message of this number; 0 as long as nothing was left out."""
    pinned: tuple[str, ...] = ()
    """What the customer named before that and must not be lost, such as order numbers; oldest first."""
    summary: str = ""
    summary_seq: int = 0
    """The summary tells of everything up to the message of this number."""
    left_out: tuple[Message, ...] = ()
    """Some of what was said after the summary's end and before the history, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(_Evolve):
    """One claimed piece of work: the newest messages of one conversation, to be answered once."""

    id: str
    conversation_id: str
    tenant: str
    channel: str
    external_id: str  # the channel's key of the conversation
    address: Mapping[str, Any]
    contact: Contact
    """Who wrote the newest message. The ``assurance`` is the least that any message of the turn came with,
    and ``anonymous`` when they are by several people: what one of them may do the others may not."""
    fence: int
    """Fencing token: grows with every claim; a write with an older one changes nothing."""
    attempt: int  # 1 for the first try
    messages: tuple[Message, ...]
    """What is to be answered, oldest first; at least one."""
    history: tuple[Message, ...] = ()
    """What was said before, oldest first, a bounded window."""
    memory: Memory = field(default_factory=Memory)
    """What is known of what was said before that."""
    created_at: int = 0
    suspect: bool = False  # its processes died more than once: it may be what they died of
    spent_tokens: int = 0  # what the conversation had used before; 0 unless bot.yaml sets it a cap
    spent_cost: int = 0  # the same, in billionths of the currency

    @property
    def question(self) -> str:
        """The words to be answered: the texts of the new messages, one per line."""
        return "\n".join(m.text for m in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage(_Evolve):
    """A piece of the knowledge that may answer the question."""

    title: str
    source: str
    text: str
    score: float
    """How well it fits, 0 to 1; below ``knowledge.threshold`` it is not offered as an answer."""


Role = Literal["system", "user", "assistant", "tool"]

Purpose = Literal["answer", "summary", "triage", "moderation"]
"""What a model is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec(_Evolve):
    """A tool as a model knows it."""

    name: str
    """Of ``A-Z a-z 0-9 _ -``, at most 64."""
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of its arguments, an object; without ``$ref``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall(_Evolve):
    """A model's wish that a tool be run."""

    id: str
    """The model's own; its result names it. May be empty, or used before."""
    name: str
    """May be no tool's."""
    arguments: str
    """JSON text as the model wrote it: it may be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words(_Evolve):
    """One entry of a model request's ``messages``."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    """What an ``assistant`` entry asks for; a ``tool`` entry follows for each, in the same order."""
    tool_call_id: str = ""
    """Which call a ``tool`` entry is the result of."""
    images: tuple[Image, ...] = ()
    """What a ``user`` entry shows beside its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form(_Evolve):
    """What an answer must look like when a program reads it: JSON of a schema."""

    name: str
    """Of ``A-Z a-z 0-9 _ -``, at most 64."""
    schema: Mapping[str, Any]
    """JSON Schema, an object; without ``$ref``, every property required, no others allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt(_Evolve):
    """What the model reads."""

    turn: Turn
    words: tuple[Words, ...]
    purpose: Purpose = "answer"
    tools: tuple[ToolSpec, ...] = ()
    """What the model may ask for instead of answering."""
    must_answer: bool = False
    """It may not any more: it has asked often enough."""
    form: Form | None = None
    """The form in which the model must answer; None: in words."""
    whole: bool = False
    """It makes no sense in part: where it is too long it is refused, never shortened."""
    passages: tuple[Passage, ...] = ()
    template_hash: str = ""
    """SHA-256 (first 16 hex digits) over the templates that were used."""
    tokens: int = 0
    """Our estimate of the request's size."""
    memory: Memory = field(default_factory=Memory)
    """The conversation's memory from now on; it differs from the turn's when the history was cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(_Evolve):
    """A complete answer: it ended properly, with a known stop reason."""

    prompt: Prompt
    text: str
    """Empty only where there are ``tool_calls``."""
    model: str
    """Which model answered, as named in bot.yaml; ``knowledge`` when none did."""
    stop_reason: str = "stop"
    citations: tuple[Citation, ...] = ()
    choices: tuple[Choice, ...] = ()
    """Replies to it that the customer may press instead of writing."""
    handoff: str = ""
    """Why a person is asked for: ``customer_asked``, ``no_answer``, ``outcome_unknown`` (of a tool),
    ``flagged`` and ``unchecked`` (by moderation); empty to stay with the bot."""
    tool_calls: tuple[ToolCall, ...] = ()
    """The model did not answer yet: it wants these tools run, and to be asked again with the results."""
    usage: Usage = field(default_factory=Usage)
    objection: Objection | None = None
    """Set when moderation had something against what would have been said, and this stands in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(_Evolve):
    """What the team is told of a customer who waits for a person."""

    channel: str
    """Where the conversation is, by the channel's name in bot.yaml."""
    address: Mapping[str, Any]  # how to reply there
    contact: Contact
    text: str  # what the customer wrote last
    change: Change | None = None  # what became of it since; None as long as the customer waits
    standing: str = ""  # the receipt of the post that tells it already, and is to be brought up to date


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed(_Evolve):
    """What somebody did not see where it was said, and is told elsewhere."""

    messages: tuple[Message, ...]
    """Whose words may be told, oldest first; empty when all of them are withheld."""
    withheld: int = 0  # how many more there are, whose words wait until the address is proven
    proven: bool = False  # the address is theirs: their website says so, or its owner answered from it
    question: str = ""  # what the customer had said last
    name: str = ""  # what their website calls them
    link: str = ""  # a page where the conversation goes on
    language: str = ""  # what they chose to read, as ``Sender.language``


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound(_Evolve):
    """One delivery for a channel to make. Everything needed is in it, also after a restart."""

    delivery_id: str
    """The same on every attempt: use it as the idempotency key, or mark the post with it."""
    conversation_id: str
    message_id: str
    turn_id: str
    tenant: str
    channel: str
    external_id: str
    """The channel's key of the conversation."""
    address: Mapping[str, Any]
    text: str
    """Standard Markdown."""
    seq: int
    """The reply's number in its conversation."""
    in_reply_to: str = ""
    """The first key of the newest message it answers."""
    citations: tuple[Citation, ...] = ()
    sources: tuple[Source, ...] = ()
    """What of the knowledge stood behind it, the best first, at most five: what it quotes, else what a model
    was given to read. None behind a fixed text."""
    model: str = ""
    """Which model wrote it, as named in bot.yaml; ``knowledge`` when none did, empty for a fixed text."""
    handoff: str = ""
    notice: Notice | None = None
    """Set when it is no reply but news for the team: ``handoff`` says why; ``text`` is the reply."""
    choices: tuple[Choice, ...] = ()
    """What the customer may press instead of writing; the text says the same in words."""
    missed: Missed | None = None  # set when it answers nothing, but tells what was said in another channel
    by_hand: bool = False  # it was dead, and an operator had it planned anew: they know why it was
    attempt: int = 1
    """The number of this send: 1, 2, …; one that the platform asked to wait for does not count."""
    created_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent(_Evolve):
    """A channel's receipt: the platform has it, under this id."""

    external_id: str
