"""The values that reports are made of, and how they are read from rows. Times are Unix milliseconds."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import bindparam, func, literal_column, select

from supportbot.errors import NotFound
from supportbot.messages import Attachment
from supportbot.store import Statement
from supportbot.store.values import citations_from, from_json, made
from supportbot.tables import contacts, conversations, deliveries, memories, messages, ratings, triages, turns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ScalarSelect, Select

    from supportbot.messages import Author, Citation, DeliveryKind, DeliveryState, MessageState, State

_SNIPPET = 200
"""How much of a question a list shows, in characters."""

_NOUNS = {"conv": "conversation", "msg": "message", "turn": "turn", "dlv": "delivery"}
_ID = re.compile(r"([a-z]+)_[0-9A-Z]{26}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRow:
    """One conversation, without what was said."""

    id: str
    channel: str
    external_id: str
    """The channel's own key of it."""
    state: State
    """Who speaks in it."""
    customer: str
    """What the contact is called: their name, else their address, else the channel's key of them."""
    customer_key: str
    """The channel's key of them, such as a visitor's id."""
    email: str
    reply_to: str
    """Where they want to be written to, on their own word; empty when they did not say."""
    assurance: str
    """How sure we are of who that is: anonymous, claimed or verified."""
    messages: int
    """How many were said in it, by anybody."""
    open_turn_id: str | None
    """The turn that is being worked on or waits for its next try."""
    due_at: int | None
    """When the bot looks at it next."""
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """What models are told of a conversation whose history was cut."""

    from_seq: int
    """The history begins with the message of this number."""
    pinned: tuple[str, ...]
    summary: str
    summary_seq: int
    """The summary tells of everything up to the message of this number."""
    model: str
    """Which model wrote it."""
    attempt: int
    """How often the next summary was tried."""
    reason: str
    """Why there is no newer summary, when the last try failed."""
    due_at: int | None
    """When the next summary is tried; None when none is wanted or it was given up."""
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file that came with a message. Its name and its type are somebody's words."""

    name: str
    content_type: str
    size: int
    """In bytes."""
    url: str
    width: int
    """In pixels, of an image whose bytes are kept; else 0."""
    height: int
    kept: bool
    """Its bytes are in the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """One message."""

    id: str
    seq: int
    author: Author
    name: str
    """What who wrote it is called; empty where nobody said."""
    text: str
    state: MessageState
    reason: str
    """Why it ended so."""
    fixed_for: str
    """Of the bot's: why it is a fixed text and no answer, such as ``customer_asked``."""
    turn_id: str | None
    wants_person: bool
    attachments: tuple[FileRow, ...]
    citations: tuple[Citation, ...]
    sent_at: int | None
    """When the platform says it was written."""
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageRow:
    """What a model says about the question of a turn."""

    state: Literal["done", "failed"]
    topic: str
    language: str
    sentiment: str
    urgency: str
    wants_person: bool
    model: str
    """Which model said so."""
    prompt_tokens: int | None
    completion_tokens: int | None
    reason: str
    """Why there is nothing, when it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """One turn: the bot's work on one or more messages."""

    id: str
    conversation_id: str
    channel: str
    state: Literal["running", "waiting", "answered", "handed_over", "dead", "replayed"]
    tries: int
    """How often it was begun, also those times in which its process died."""
    reason: str
    model: str
    template_hash: str
    prompt_tokens: int | None
    completion_tokens: int | None
    estimated: int
    """So many of its requests to models did not say what they used: our estimate stands for it."""
    cost: int | None
    """In billionths of the currency; None when no model with a price was asked."""
    currency: str
    question: str
    """The beginning of the oldest message it answers; empty once that was given to another turn."""
    triage: TriageRow | None
    """None when nobody sorts, or did not yet."""
    good: int
    """How many people found its answer good."""
    bad: int
    """How many found it bad."""
    created_at: int
    finished_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One delivery: of a reply or what was missed to the customer, or of a notice to the team; or that such a
    notice is taken back (``withdrawal``), since its conversation was deleted."""

    id: str
    conversation_id: str
    """Empty when it was deleted; likewise what follows."""
    message_id: str
    turn_id: str
    channel: str
    kind: DeliveryKind
    state: DeliveryState
    sends: int
    """How often it was handed to its channel, without the times when the platform asked to wait."""
    receipt: str
    """The platform's id of what was delivered."""
    reason: str
    death: str
    """What a dead one died of; docs/storage.md says what each word means."""
    handoff: str
    due_at: int | None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallRow:
    """One call of a tool, in a turn."""

    turn_id: str
    step: int
    ordinal: int
    tool: str
    """As the model named it; there may be none of that name."""
    arguments: str
    """As the model wrote them."""
    state: str
    """docs/storage.md says what each means."""
    result: str
    """What the model got to read."""
    started_at: int
    finished_at: int | None


def tool_call_row(row: Any) -> ToolCallRow:
    """Return a row of ``tool_calls`` as a value."""
    return ToolCallRow(
        turn_id=row.turn_id,
        step=row.step,
        ordinal=row.ordinal,
        tool=row.tool,
        arguments=row.arguments,
        state=row.state,
        result=row.result,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def select_conversations() -> Select[Any]:
    """Return the query whose rows ``conversation_row`` reads."""
    return select(
        conversations,
        contacts.c.name,
        contacts.c.email,
        contacts.c.reply_to,
        contacts.c.assurance,
        contacts.c.external_id.label("contact"),
    ).join(contacts, contacts.c.id == conversations.c.contact_id)


def conversation_row(row: Any) -> ConversationRow:
    """Return a row of ``select_conversations`` as a value."""
    return ConversationRow(
        id=row.id,
        channel=row.channel,
        external_id=row.external_id,
        state=row.state,
        customer=row.name or row.email or row.contact,
        customer_key=row.contact,
        email=row.email,
        reply_to=row.reply_to,
        assurance=row.assurance,
        messages=row.last_seq,
        open_turn_id=row.open_turn_id,
        due_at=row.due_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


MEMORY = Statement(select(memories).where(memories.c.conversation_id == bindparam("conversation")))
"""The query whose row ``memory_row`` reads."""


def memory_row(row: Any | None) -> MemoryRow | None:
    """Return a row of ``memories`` as a value; None where there is none."""
    if row is None:
        return None
    return MemoryRow(
        from_seq=row.from_seq,
        pinned=tuple(from_json(row.pinned)),
        summary=row.summary,
        summary_seq=row.summary_seq,
        model=row.model,
        attempt=row.attempt,
        reason=row.reason,
        due_at=row.due_at,
        updated_at=row.updated_at,
    )


def _file_row(entry: dict[str, Any]) -> FileRow:
    (file,) = made(Attachment, [entry])
    return FileRow(
        name=file.name,
        content_type=file.content_type,
        size=file.size,
        url=file.url,
        width=file.width,
        height=file.height,
        kept=file.kept,
    )


def select_messages() -> Select[Any]:
    """Return the query whose rows ``message_row`` reads."""
    return select(messages, contacts.c.name).outerjoin(contacts, contacts.c.id == messages.c.contact_id)


def message_row(row: Any) -> MessageRow:
    """Return a row of ``select_messages`` as a value."""
    return MessageRow(
        id=row.id,
        seq=row.seq,
        author=row.author,
        name=row.name or "",
        text=row.text,
        state=row.state,
        reason=row.reason,
        fixed_for=row.fixed_for,
        turn_id=row.turn_id,
        wants_person=row.request == "person",
        attachments=tuple(_file_row(entry) for entry in from_json(row.attachments)),
        citations=citations_from(row.citations),
        sent_at=row.sent_at,
        created_at=row.created_at,
    )


_TRIAGE_FIELDS = tuple(field.name for field in fields(TriageRow))
_TRIAGE = [triages.c[name].label(f"triage_{name}") for name in _TRIAGE_FIELDS]


def select_turns() -> Select[Any]:
    """Return the query whose rows ``turn_row`` reads."""
    question = (
        select(func.substr(messages.c.text, 1, _SNIPPET))
        .where(messages.c.turn_id == turns.c.id, messages.c.author == literal_column("'customer'"))
        .order_by(messages.c.seq)
        .limit(1)
        .scalar_subquery()
    )
    rated = (_rated("good").label("good"), _rated("bad").label("bad"))
    return (
        select(turns, conversations.c.channel, question.label("question"), *rated, *_TRIAGE)
        .join(conversations, conversations.c.id == turns.c.conversation_id)
        .join(triages, triages.c.turn_id == turns.c.id, isouter=True)
    )


def _rated(verdict: str) -> ScalarSelect[Any]:
    """Return how many people found a turn's answer so."""
    return (
        select(func.count())
        .select_from(ratings)
        .where(ratings.c.turn_id == turns.c.id, ratings.c.verdict == literal_column(f"'{verdict}'"))
        .scalar_subquery()
    )


TRIAGES = select(triages)
"""The query whose rows ``triage_row`` reads without a prefix."""


def triage_row(row: Any, prefix: str = "") -> TriageRow | None:
    """Return a row's triage as a value; None when it has none."""
    said = {name: getattr(row, prefix + name) for name in _TRIAGE_FIELDS}
    if said["state"] is None:
        return None
    return TriageRow(**{**said, "wants_person": bool(said["wants_person"])})


def turn_row(row: Any) -> TurnRow:
    """Return a row of ``select_turns`` as a value."""
    return TurnRow(
        id=row.id,
        conversation_id=row.conversation_id,
        channel=row.channel,
        state=row.state,
        tries=row.attempt + row.deaths,
        reason=row.reason,
        model=row.model,
        template_hash=row.template_hash,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        estimated=row.estimated,
        cost=row.cost,
        currency=row.currency,
        question=row.question or "",
        triage=triage_row(row, "triage_"),
        good=row.good,
        bad=row.bad,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def select_deliveries() -> Select[Any]:
    """Return the query whose rows ``delivery_row`` reads."""
    return select(deliveries)


def delivery_row(row: Any) -> DeliveryRow:
    """Return a row of ``deliveries`` as a value."""
    return DeliveryRow(
        id=row.id,
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        turn_id=row.turn_id,
        channel=row.channel,
        kind=row.kind,
        state=row.state,
        sends=row.sends,
        receipt=row.external_id,
        reason=row.reason,
        death=row.death,
        handoff=row.handoff,
        due_at=row.due_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def kind_of(identifier: str, allowed: Mapping[str, str] = _NOUNS) -> str:
    """Return what an identifier names by its prefix: conversation, message, turn or delivery.

    Raises:
        NotFound: it has not the form of an identifier of ``allowed`` (noun by prefix).
    """
    match = _ID.fullmatch(identifier)
    if match is None or match[1] not in allowed:
        forms = ", ".join(f"{prefix}_…" for prefix in allowed)
        raise NotFound(what=f"{' or '.join(allowed.values())} ({forms})", id=_shown(identifier))
    return allowed[match[1]]


def check_id(identifier: str, noun: str) -> str:
    """Return an identifier that has the form of a ``noun``'s; there need not be one.

    Raises:
        NotFound: it has not.
    """
    kind_of(identifier, {prefix: name for prefix, name in _NOUNS.items() if name == noun})
    return identifier


def _shown(identifier: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in identifier[:60])
