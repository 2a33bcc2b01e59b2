"""Rows to values and back: the only place that knows how values lie in the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from supportbot.messages import Attachment, Choice, Citation, Contact, Memory, Message, Outbound, Source
from supportbot.storable import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Listed = TypeVar("Listed", Attachment, Choice, Citation, Source)

_NOT_LISTED = {"data", "image"}  # bytes lie elsewhere, if at all


def to_json(value: Any) -> str:
    """Return a value as JSON text, the form of every JSON column: what no database can hold is replaced."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate, or a value that is no JSON at all
        return orjson.dumps(_clean(value)).decode()
    return orjson.dumps(_clean(value)).decode() if "\\u0000" in text else text


def _clean(value: Any) -> Any:
    match value:
        case str():
            return clean_text(value)
        case Mapping():
            return {_clean(key): _clean(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_clean(entry) for entry in value]
        case _:
            return value


def from_json(text: str) -> Any:
    """Return the value of a JSON column."""
    return orjson.loads(text)


def listed(
    values: Sequence[Attachment] | Sequence[Choice] | Sequence[Citation] | Sequence[Source],
) -> str:
    """Return attachments, choices, citations or sources as JSON text."""
    if not values:
        return "[]"
    return to_json([{k: v for k, v in asdict(value).items() if k not in _NOT_LISTED} for value in values])


def made(kind: type[Listed], entries: Iterable[Mapping[str, Any]]) -> tuple[Listed, ...]:
    """Return the values that ``listed`` wrote, decoded.

    What a newer release says of them and this one does not know is passed over: during an upgrade both read
    what either wrote.

    Raises:
        TypeError: an entry lacks something that is needed.
    """
    known = kind.__dataclass_fields__
    return tuple(kind(**{k: v for k, v in entry.items() if k in known}) for entry in entries)


def _listed_in(text: str, kind: type[Listed]) -> tuple[Listed, ...]:
    return () if text == "[]" else made(kind, from_json(text))


def citations_from(text: str) -> tuple[Citation, ...]:
    """Return the citations that ``listed`` wrote."""
    return _listed_in(text, Citation)


def choices_from(text: str) -> tuple[Choice, ...]:
    """Return the choices that ``listed`` wrote."""
    return _listed_in(text, Choice)


def message_from(row: Any, *, name: str | None = None) -> Message:
    """Return a row of ``messages`` as a value; ``name``: what its contact is called, for who shows it."""
    return Message(
        id=row.id,
        seq=row.seq,
        author=row.author,
        text=row.text,
        created_at=row.created_at,
        state=row.state,
        turn_id=row.turn_id,
        client_key=row.client_key,
        attachments=_listed_in(row.attachments, Attachment),
        citations=citations_from(row.citations),
        choices=choices_from(row.choices),
        wants_person=row.request == "person",
        contact_id=row.contact_id,
        name=name or "",
        assurance=row.assurance,
        reason=row.reason,
        fixed_for=row.fixed_for,
    )


def contact_from(row: Any) -> Contact:
    """Return a row of ``contacts`` as a value."""
    return Contact(
        id=row.id,
        external_id=row.external_id,
        name=row.name,
        email=row.email,
        assurance=row.assurance,
        language=row.language,
    )


def memory_from(row: Any) -> Memory:
    """Return a row of ``memories`` as a value, without what stands in ``messages``."""
    return Memory(
        from_seq=row.from_seq,
        pinned=tuple(from_json(row.pinned)),
        summary=row.summary,
        summary_seq=row.summary_seq,
    )


def outbound_from(row: Any) -> Outbound:
    """Return a delivery, joined with its message and its conversation, as a value."""
    return Outbound(
        delivery_id=row.id,
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        turn_id=row.turn_id,
        tenant=row.tenant_id,
        channel=row.channel,
        external_id=row.thread,
        address=from_json(row.address),
        text=row.text,
        seq=row.seq,
        in_reply_to=row.in_reply_to,
        citations=citations_from(row.citations),
        sources=_listed_in(row.sources, Source),
        model=row.model or "",
        choices=choices_from(row.choices),
        handoff=row.handoff,
        # Nothing but an operator's retry (session.retry_delivery) plans a delivery anew, which was created as
        # it was planned at first; a notice is planned anew whenever it is brought up to date (speaking).
        by_hand=row.kind != "notice" and row.planned_at > row.created_at,
        attempt=row.sends,
        created_at=row.created_at,
    )
