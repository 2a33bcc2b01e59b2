"""What we know of each draft: written down before the mail server is asked, and changed by swaps.

Several processes change a note: who leaves a draft, who watches what became of it. Each change names the note
that it is made of (``Records.swap``), so that none is lost.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from supportbot.authorship import is_written
from supportbot.ids import now_ms
from supportbot_email.lease import Lease
from supportbot_email.words import MOST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from supportbot.host import DraftOutcome, Records
    from supportbot.messages import Outbound

NoteState = Literal["planned", "open", "touched", "replacing", "replaced", "gone"]
"""The server may not have it; it lies as it was left; a person saved it with changes; it is being taken away
for a newer one; it was; it is not there any more."""

_KEPT = 180 * 24 * 3_600_000
"""Milliseconds that a note outlives its draft."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What we know of one draft."""

    delivery: str
    conversation: str
    message_id: str
    text: str
    """The reply's words: a person may send others."""
    at: int
    said: str = ""
    """The reply's id in the store."""
    answered: str = ""
    """The Message-ID of the customer's mail."""
    to: str = ""
    state: NoteState = "planned"
    validity: int = 0
    uid: int = 0
    """Where it lies. While it is planned: the UID that was next before the server was asked."""
    digest: str = ""
    """Of its bytes, as the server was given them: tells it from one that a person saved anew under its
    Message-ID, where no UID does."""
    gone_at: int = 0
    """When it was first missed; 0 while it lies there."""
    outcome: DraftOutcome = "open"
    changed: int | None = None
    """How many characters a person changed, once it was sent."""
    sent: str = ""
    """The content key of the mail that decided the outcome."""
    read_on: bool = False
    """A language model wrote it, which read the customer's earlier questions, and of our replies only those
    that somebody had sent: what is still a draft was unanswered to it."""
    why: bool = False
    """A note that explains it may lie in the folder for those."""


class Notes:
    """The notes of a mailbox, by delivery; and which drafts may still come to something."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._token = secrets.token_hex(8)

    def right_to_leave(self, delivery: str) -> Lease:
        """Return the right to hand the draft of a delivery to the mail server; it is to be taken."""
        return Lease(self._records, f"append:{delivery}", token=self._token)

    async def get(self, delivery: str) -> Note | None:
        """Return the note of a delivery."""
        return (await self._found(delivery))[2]

    async def of_reply(self, said: str) -> Note | None:
        """Return the note of a reply in the store; None when it was never about to be left as a draft."""
        found = await self._records.get(f"said:{said}")
        return await self.get(found) if found is not None else None

    async def plan(self, note: Note) -> Note:
        """Write a new note down, or return the one that is there."""
        before = await self.get(note.delivery)
        if before is not None:
            return before
        await self._records.put(f"said:{note.said}", note.delivery, expires_at=now_ms() + 2 * _KEPT)
        await self._records.put(_in_conversation(note), note.delivery)
        if await self._records.add(_open(note.delivery), asdict(note)):
            return note
        return await self.get(note.delivery) or note

    async def change(self, delivery: str, change: Callable[[Note], Note | None]) -> Note | None:
        """Change a note as it is now; None when there is none, or ``change`` would rather not."""
        while True:
            key, found, note = await self._found(delivery)
            changed = change(note) if note is not None else None
            if changed is None or changed == note:
                return changed
            expires_at = None if key == _open(delivery) else now_ms() + _KEPT
            if await self._records.swap(key, found, asdict(changed), expires_at=expires_at):
                return changed

    async def close(self, note: Note) -> None:
        """Look for a draft no more; what is known of it stays for half a year."""
        key, found, now = await self._found(note.delivery)
        if now != note or key != _open(note.delivery):
            return
        await self._records.put(_closed(note.delivery), found, expires_at=now_ms() + _KEPT)
        await self._records.delete(_in_conversation(note))
        await self._records.delete(key, only=found)  # changed meanwhile, it stays, and is closed another time

    async def waiting(self) -> AsyncIterator[Note]:
        """Yield the drafts that may still come to something, in no order, and some at a time: with thousands
        that nobody looks at, a list of them would be most of what the bot needs of memory."""
        async for _, found in self._records.scan(_open("")):
            yield _read(found)

    async def waiting_in(self, conversation: str) -> list[Note]:
        """Return those of one conversation, oldest first."""
        named = [delivery async for _, delivery in self._records.scan(f"open:{conversation}:")]
        notes = [note for delivery in named if (note := await self.get(delivery)) is not None]
        return sorted((one for one in notes if one.conversation == conversation), key=lambda note: note.at)

    async def _found(self, delivery: str) -> tuple[str, Any, Note | None]:
        """Return where the note of a delivery is, as it was read, and what it says."""
        for key in (_open(delivery), _closed(delivery)):
            found = await self._records.get(key)
            if found is not None:
                return key, found, _read(found)
        return "", None, None


def _read(found: Mapping[str, Any]) -> Note:
    """Read a stored note; another release may have written it, without some fields or with some more."""
    return Note(**{name: value for name, value in found.items() if name in Note.__dataclass_fields__})


def _open(delivery: str) -> str:
    """Return the key of the note of a draft that may still come to something."""
    return f"draft:{delivery}"


def _closed(delivery: str) -> str:
    """Return the key of one that can not any more: looks read what is open, and nothing of half a year."""
    return f"past:{delivery}"


def _in_conversation(note: Note) -> str:
    """Return the key by which an open note is found from its conversation; its value is the delivery's id."""
    return f"open:{note.conversation}:{note.delivery}"


def planned_note(outbound: Outbound, message_id: str) -> Note:
    """Return the note of a draft that is about to be left."""
    return Note(
        delivery=outbound.delivery_id,
        conversation=outbound.external_id,
        message_id=message_id,
        text=outbound.text[:MOST],
        at=outbound.created_at or now_ms(),
        said=outbound.message_id,
        answered=str(outbound.address.get("message_id", "")),
        to=str(outbound.address.get("to", "")),
        read_on=is_written(outbound.model),
    )
