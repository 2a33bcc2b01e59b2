"""What the bot holds, as the JSON and the server-sent events that readers get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import orjson

from supportbot.host import Verdict  # noqa: TC001 - a part of the JSON's description
from supportbot_webhook.inbound import given_id

if TYPE_CHECKING:
    from supportbot.host import Opinion
    from supportbot.messages import Accepted, Citation, Message, Outbound, State
    from supportbot_webhook.sessions import Identified, Session

PublicState = Literal["bot", "queued", "human", "snoozed", "resolved"]
PublicMessageState = Literal["pending", "answered", "handed_over", "ignored", "dead", "said"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicCitation:
    """A source the answer rests on."""

    title: str
    source: str
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicChoice:
    """An answer to press: a button's words, and what the customer says by it."""

    label: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicImage:
    """An image of a message, to be fetched by its number ``n``. ``size`` is in bytes, the rest in pixels."""

    n: int
    name: str
    content_type: str
    size: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicMessage:
    """One message as its readers see it. ``created_at`` is Unix milliseconds; ``name``: of the person of the
    team who wrote it, where that is known; ``rateable``: it is an answer, which can be rated, and no fixed
    text, such as that a person was asked."""

    seq: int
    id: str
    author: Literal["customer", "bot", "person", "system"]
    name: str
    text: str
    citations: list[PublicCitation]
    choices: list[PublicChoice]
    images: list[PublicImage]
    created_at: int
    state: PublicMessageState
    client_id: str
    rateable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some messages of a conversation, oldest first, and who speaks in it (null before the first message)."""

    messages: list[PublicMessage]
    state: PublicState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The message is on disk and will be dealt with."""

    message_id: str
    conversation_id: str
    seq: int
    duplicate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The bot's reply. ``handoff``: a person was asked to take over."""

    id: str
    seq: int
    text: str
    citations: list[PublicCitation]
    handoff: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a message, and the reply to it if there is one."""

    message_id: str
    conversation_id: str
    seq: int
    duplicate: bool
    state: PublicMessageState
    reply: Reply | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorReceipt:
    """The visitor's message is on disk and will be answered."""

    message_id: str
    seq: int
    duplicate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """A visitor's new session. ``expires_at`` is Unix milliseconds."""

    token: str
    visitor_id: str
    conversation: str
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifiedSession:
    """The session of a visitor whom their website vouches for. ``adopted``: what was said anonymously is
    theirs now."""

    token: str
    visitor_id: str
    conversation: str
    expires_at: int
    name: str
    adopted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is known beside the messages. ``ratings`` are by the answers' numbers; ``away``: nobody of the
    team is there now."""

    state: PublicState | None
    away: bool
    identified: bool
    name: str
    email_known: bool
    survey: int | None
    ratings: dict[str, Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """The address is stored. ``continues_by_email``: answers will be sent there by themselves."""

    continues_by_email: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackReply:
    """The reply as a callback tells it: with where it belongs, and the webhook-id that it answers."""

    conversation: str
    conversation_id: str
    in_reply_to: str
    id: str
    seq: int
    text: str
    citations: list[PublicCitation]
    handoff: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """The body of a callback. ``timestamp`` (ISO 8601) is when the reply was written."""

    type: Literal["message.replied"]
    timestamp: str
    data: CallbackReply


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDetail:
    """What went wrong: a code for programs, a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """Every refusal's body."""

    error: ErrorDetail


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One server-sent event."""

    event: str
    data: object
    """A dataclass or a dictionary: what its JSON says."""
    id: int | None = None
    """The message's number, with which a reader can resume; only messages have one."""


def public_state(state: State) -> PublicState:
    """Return who speaks, as readers may know it: that a conversation counts as spam is ours alone."""
    return "resolved" if state == "spam" else state


def public_citations(citations: tuple[Citation, ...]) -> list[PublicCitation]:
    """Return an answer's sources."""
    return [PublicCitation(title=c.title, source=c.source, quote=c.quote) for c in citations]


def public_message(message: Message) -> PublicMessage:
    """Return a message as its readers see it."""
    return PublicMessage(
        seq=message.seq,
        id=message.id,
        author=message.author,
        name=message.name if message.author == "person" else "",
        text=message.text,
        citations=public_citations(message.citations),
        choices=[PublicChoice(label=choice.label, says=choice.says) for choice in message.choices],
        images=[
            PublicImage(
                n=place,
                name=file.name,
                content_type=file.content_type,
                size=file.size,
                width=file.width,
                height=file.height,
            )
            for place, file in enumerate(message.attachments)
            if file.kept
        ],
        created_at=message.created_at,
        state=message.state,
        client_id=given_id(message.client_key),
        rateable=message.is_answer,
    )


def page(messages: list[Message], state: State | None) -> Page:
    """Return some of a conversation."""
    return Page(
        messages=[public_message(m) for m in messages], state=None if state is None else public_state(state)
    )


def receipt(accepted: Accepted) -> Receipt:
    """Return what a program gets for a message that was accepted."""
    return Receipt(
        message_id=accepted.message_id,
        conversation_id=accepted.conversation_id,
        seq=accepted.seq,
        duplicate=accepted.duplicate,
    )


def visitor_receipt(accepted: Accepted) -> VisitorReceipt:
    """Return what a visitor gets for a message that was accepted."""
    return VisitorReceipt(message_id=accepted.message_id, seq=accepted.seq, duplicate=accepted.duplicate)


def result(
    accepted: Accepted,
    state: PublicMessageState,
    reply: Message | None = None,
    *,
    speaks: State | None = None,
) -> Result:
    """Return what became of a message; ``speaks`` is who speaks in its conversation by now."""
    return Result(
        message_id=accepted.message_id,
        conversation_id=accepted.conversation_id,
        seq=accepted.seq,
        duplicate=accepted.duplicate,
        state=state,
        reply=None if reply is None else _reply(reply, handoff=speaks in {"queued", "human"}),
    )


def opened_session(token: str, session: Session) -> OpenedSession:
    """Return what a browser gets for a new session: the only time the token is shown."""
    return OpenedSession(
        token=token,
        visitor_id=session.visitor_id,
        conversation=session.conversation,
        expires_at=session.expires_at,
    )


def identified_session(identified: Identified) -> IdentifiedSession:
    """Return what a browser gets for a visitor who is known now."""
    session = identified.session
    return IdentifiedSession(
        token=identified.token,
        visitor_id=session.visitor_id,
        conversation=session.conversation,
        expires_at=session.expires_at,
        name=session.name,
        adopted=identified.adopted,
    )


def status_of(session: Session, opinion: Opinion, state: State | None, address: str, *, away: bool) -> Status:
    """Return what is known beside the messages."""
    return Status(
        state=None if state is None else public_state(state),
        away=away,
        identified=bool(session.person),
        name=session.name,
        email_known=bool(address or session.reply_to or session.email),
        survey=opinion.score,
        ratings={str(seq): verdict for seq, verdict in opinion.verdicts.items()},
    )


def callback(outbound: Outbound) -> str:
    """Return the body of a callback: the same on every try, since all of it is in the delivery."""
    written = datetime.fromtimestamp(outbound.created_at / 1000, tz=UTC)
    body = Callback(
        type="message.replied",
        timestamp=written.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        data=CallbackReply(
            conversation=outbound.external_id,
            conversation_id=outbound.conversation_id,
            in_reply_to=given_id(outbound.in_reply_to),
            id=outbound.message_id,
            seq=outbound.seq,
            text=outbound.text,
            citations=public_citations(outbound.citations),
            handoff=bool(outbound.handoff),
        ),
    )
    return orjson.dumps(body).decode()


def encode(frame: Frame) -> bytes:
    """Return an event as it travels (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    JSON has no raw line breaks, so one ``data`` line always holds it.
    """
    number = b"" if frame.id is None else b"id: %d\n" % frame.id
    return number + b"event: " + frame.event.encode() + b"\ndata: " + orjson.dumps(frame.data) + b"\n\n"


def _reply(message: Message, *, handoff: bool) -> Reply:
    return Reply(
        id=message.id,
        seq=message.seq,
        text=message.text,
        citations=public_citations(message.citations),
        handoff=handoff,
    )
