"""Leaving a reply in the Drafts folder: exactly once, whatever breaks in between.

What makes that sure is written down before the mail server is asked (``Note``): the draft's Message-ID, and
the UID that the folder would give next. If nobody can say whether the server took a draft, it is looked for
by its Message-ID; if it is not there and every UID given since is still there too, it was never taken. If one
of those has gone, a person may have sent or deleted it meanwhile, and it is not left a second time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import TYPE_CHECKING, Literal

from supportbot.errors import Refused, RetryAfter, Unclear
from supportbot.ids import now_ms
from supportbot.messages import Sent
from supportbot_email.failures import Disconnected, LoginRefused, MailServerError, NoFolder, ServerSaysNo

if TYPE_CHECKING:
    from supportbot.channel import Records
    from supportbot.messages import Outbound
    from supportbot_email.config import EmailConfig
    from supportbot_email.imap import Connection
    from supportbot_email.line import Line

NoteState = Literal["planned", "open", "replaced"]
"""The server may not have it; it was left there; a newer one was left instead."""

_REMEMBERED = 20_000
"""Characters of a draft that are kept."""

_NEVER = ("[TOOBIG]", "[LIMIT]", "message too large", "[NOPERM]")
"""What servers say when trying again is no use (RFC 5530, RFC 7889)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What we know of one draft."""

    delivery: str
    conversation: str
    message_id: str
    text: str
    """The reply's words: a person may send others."""
    at: int
    state: NoteState = "planned"
    validity: int = 0
    uid: int = 0
    """Where it lies. While it is planned: the UID that was next before the server was asked."""


class Notes:
    """The notes of a mailbox, by delivery; and which drafts have not ended."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def get(self, delivery: str) -> Note | None:
        """Return the note of a delivery."""
        found = await self._records.get(f"draft:{delivery}")
        return Note(**found) if found is not None else None

    async def put(self, note: Note) -> None:
        """Write a note down."""
        await self._records.put(f"draft:{note.delivery}", asdict(note))

    async def open(self, note: Note) -> None:
        """Write down that a draft lies in the folder."""
        await self._records.put(_open(note), note.delivery)
        await self.put(note)

    async def end(self, note: Note) -> None:
        """Write down how a draft ended."""
        await self.put(note)
        await self._records.delete(_open(note))

    async def open_in(self, conversation: str = "") -> list[Note]:
        """Return the drafts that have not ended, of one conversation or of all, oldest first."""
        prefix = f"open:{conversation}:" if conversation else "open:"
        deliveries = [delivery async for _, delivery in self._records.scan(prefix)]
        notes = [note for delivery in deliveries if (note := await self.get(delivery)) is not None]
        return sorted(notes, key=lambda note: note.at)


def _open(note: Note) -> str:
    return f"open:{note.conversation}:{note.delivery}"


class Drafts:
    """The Drafts folder of a mailbox."""

    def __init__(self, config: EmailConfig, line: Line, notes: Notes) -> None:
        self._config = config
        self._line = line
        self._notes = notes

    async def leave(self, outbound: Outbound, note: Note, raw: bytes) -> Sent:
        """Put a draft into the folder, unless it has been there before.

        Args:
            outbound: what is delivered.
            note: what is known of it, ``planned``.
            raw: the draft.

        Raises:
            Refused, RetryAfter, Unclear: as ``Channel.send``.
        """
        known = await self._notes.get(note.delivery)
        if known is not None and known.state != "planned":
            return Sent(external_id=known.message_id)
        try:
            planned, there = await self._line.run(self._looked_for, note)
        except MailServerError as error:
            raise RetryAfter(cause=str(error)) from error
        await self._notes.put(planned)
        if there is None:
            there = await self._append(planned, raw)
        await self._left(planned, there)
        return Sent(external_id=outbound.delivery_id)

    async def is_waiting(self, conversation: str) -> bool:
        """Say whether a draft of a conversation waits for a person."""
        return bool(await self._notes.open_in(conversation))

    async def has_begun(self, delivery: str) -> bool:
        """Say whether a reply was, or may have been, left as a draft."""
        return await self._notes.get(delivery) is not None

    async def find(self, delivery: str) -> Sent | None:
        """Look for a draft that may have been left.

        Raises:
            Unclear: it is not there, and may have been.
            MailServerError: looking failed.
        """
        note = await self._notes.get(delivery)
        if note is None:
            return None
        if note.state != "planned":
            return Sent(external_id=delivery)
        now, there = await self._line.run(self._looked_for, note)
        if there is not None:
            await self._left(note, there)
            return Sent(external_id=delivery)
        if await self._line.run(self._was_sent, note):
            await self._left(note, (now.validity, 0))
            return Sent(external_id=delivery)
        if now.validity == note.validity and await self._line.run(_all_there, note, now):
            return None
        raise Unclear(cause="the draft is not there, but it may have been: look into the mailbox")

    def _looked_for(self, connection: Connection, note: Note) -> tuple[Note, tuple[int, int] | None]:
        """Return the note with the folder's numbers as they are now, and where the draft lies, if it does."""
        folder = connection.open(connection.special("drafts", self._config.folders.drafts), writing=True)
        uid = exactly(connection, note.message_id)
        numbered = replace(note, validity=folder.validity, uid=folder.next_uid)
        return numbered, (folder.validity, uid) if uid is not None else None

    def _was_sent(self, connection: Connection, note: Note) -> bool:
        try:
            connection.open(connection.special("sent", self._config.folders.sent))
        except NoFolder:
            return False
        return exactly(connection, note.message_id) is not None

    async def _append(self, note: Note, raw: bytes) -> tuple[int, int]:
        """Hand the draft to the server.

        Raises:
            Refused, RetryAfter, Unclear: as ``Channel.send``.
        """
        try:
            receipt = await self._line.run(self._appended, note, raw)
        except ServerSaysNo as error:
            if any(word.lower() in error.words.lower() for word in _NEVER):
                raise Refused(cause=error.words) from error
            raise RetryAfter(cause=error.words) from error
        except (LoginRefused, NoFolder) as error:
            raise RetryAfter(cause=str(error)) from error
        except Disconnected as error:
            raise Unclear(cause=str(error)) from error
        return receipt

    def _appended(self, connection: Connection, note: Note, raw: bytes) -> tuple[int, int]:
        name = connection.special("drafts", self._config.folders.drafts)
        receipt = connection.append(name, raw, "(\\Draft \\Seen)")
        if receipt is None:  # a server without UIDPLUS
            folder = connection.open(name)
            receipt = folder.validity, exactly(connection, note.message_id) or 0
        return receipt

    async def _left(self, note: Note, there: tuple[int, int]) -> None:
        """Write down that a draft is there, and take away those it replaces."""
        for older in await self._notes.open_in(note.conversation):
            if older.delivery != note.delivery and older.at <= note.at:
                await self._replace(older)
        validity, uid = there
        await self._notes.open(replace(note, state="open", validity=validity, uid=uid))

    async def _replace(self, older: Note) -> None:
        """Take away a draft that nobody touched; one that a person works on stays."""
        try:
            gone = await self._line.run(self._removed, older)
        except MailServerError:
            return  # two drafts lie there: better than none
        if gone:
            await self._notes.end(replace(older, state="replaced"))

    def _removed(self, connection: Connection, older: Note) -> bool:
        """Remove a draft if it is as we left it: what a UID stands for never changes (RFC 3501, 2.3.1.1)."""
        if older.state != "open":
            return False
        folder = connection.open(connection.special("drafts", self._config.folders.drafts), writing=True)
        if folder.validity != older.validity or exactly(connection, older.message_id) != older.uid:
            return False
        connection.remove(older.uid)
        return True


def exactly(connection: Connection, message_id: str) -> int | None:
    """Return the UID of the mail in the open folder that has this very Message-ID."""
    for uid in reversed(connection.uids_of(message_id)):
        raw = connection.fetch(uid, most=65_536)
        if raw is not None and message_id_of(raw) == message_id:
            return uid
    return None


def message_id_of(raw: bytes) -> str:
    """Return the Message-ID of a mail, or of its beginning; empty when it has none."""
    return str(BytesHeaderParser(policy=compat32).parsebytes(raw).get("Message-ID", "")).strip()


def _all_there(connection: Connection, before: Note, now: Note) -> bool:
    """Say whether every mail that was put into the folder since is still in it."""
    given = now.uid - before.uid
    return given == len(connection.uids_after(before.uid - 1)) if given else True


def planned_note(outbound: Outbound, message_id: str) -> Note:
    """Return the note of a draft that is about to be left."""
    return Note(
        delivery=outbound.delivery_id,
        conversation=outbound.external_id,
        message_id=message_id,
        text=outbound.text[:_REMEMBERED],
        at=outbound.created_at or now_ms(),
    )
