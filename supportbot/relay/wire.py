"""Events as JSON, as one release tells them and another one hears them.

During a rolling upgrade both are at work. What a newer one adds to an event or to a value in it stands
behind, or under a name of its own, and is passed over here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from supportbot.feed import Delta, Lagged, Outcome, Said, Settled, StateChanged, Typing
from supportbot.messages import Attachment, Choice, Citation, Message
from supportbot.store.values import listed, made, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from supportbot.feed import Event

_PIECE = 1000
"""Characters of an answer in one event: in JSON at most six bytes each."""


def parts(events: Iterable[tuple[str, Event]], room: int) -> Iterator[bytes]:
    """Yield events with their conversations as JSON, none longer than ``room`` bytes.

    What is too long has to be read from the store: ``Lagged`` stands for it, and for the end of the writing
    that a reply would have ended.
    """
    for conversation_id, event in events:
        for piece in _pieces(event):
            part = _part(conversation_id, piece)
            if len(part) <= room:
                yield part
                continue
            if isinstance(piece, Said) and piece.message.turn_id is not None:
                yield _part(conversation_id, Typing(piece.message.turn_id, on=False))
            yield _part(conversation_id, Lagged())


def event_from(kind: str, rest: list[Any]) -> Event:
    """Return an event that ``parts`` wrote, here or in another release.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: it is none that this release knows.
    """
    match kind, rest:
        case "said", [message, after, *_]:
            return Said(_message_from(message), after and Outcome(tuple(after[0]), *after[1:3]))
        case "settled", [message_ids, state, reason, *_]:
            return Settled(tuple(message_ids), state, reason)
        case "typing", [turn_id, on, *_]:
            return Typing(turn_id, on)
        case "delta", [turn_id, offset, text, *_]:
            return Delta(turn_id, offset, text)
        case "state", [state, *_]:
            return StateChanged(state)
        case "lagged", _:
            return Lagged()
    raise LookupError(kind)


def _pieces(event: Event) -> Iterator[Event]:
    if not isinstance(event, Delta) or len(event.text) <= _PIECE:
        yield event
        return
    for at in range(0, len(event.text), _PIECE):
        yield Delta(event.turn_id, event.offset + at, event.text[at : at + _PIECE])


def _part(conversation_id: str, event: Event) -> bytes:
    return to_json([conversation_id, *_told(event)]).encode()


def _told(event: Event) -> list[Any]:
    match event:
        case Said(message, outcome):
            after = outcome and [outcome.message_ids, outcome.state, outcome.speaks]
            return ["said", _message(message), after]
        case Settled(message_ids, state, reason):
            return ["settled", message_ids, state, reason]
        case Typing(turn_id, on):
            return ["typing", turn_id, on]
        case Delta(turn_id, offset, text):
            return ["delta", turn_id, offset, text]
        case StateChanged(state):
            return ["state", state]
        case Lagged():
            return ["lagged"]


def _message(message: Message) -> dict[str, Any]:
    told = {name: getattr(message, name) for name in Message.__dataclass_fields__}
    for name in ("attachments", "citations", "choices"):
        told[name] = orjson.loads(listed(told[name]))
    return told


def _message_from(told: dict[str, Any]) -> Message:
    known = {name: value for name, value in told.items() if name in Message.__dataclass_fields__}
    known["attachments"] = made(Attachment, told.get("attachments", ()))
    known["citations"] = made(Citation, told.get("citations", ()))
    known["choices"] = made(Choice, told.get("choices", ()))
    return Message(**known)
