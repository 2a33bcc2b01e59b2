"""Leaving a reply in the Drafts folder: exactly once, whatever breaks in between.

What makes that sure is written down before the mail server is asked (``Note``): the draft's Message-ID, and
the UID that the folder would give next. If nobody can say whether the server took a draft, it is looked for
by its Message-ID; if it is not there and every UID given since is still there too, or was that of another
draft of ours, it was never taken. If another mail has gone, that may have been the draft, which a person sent
or deleted meanwhile: it is not left a second time.

Of several processes one may hand a draft over, as long as its ``Lease`` of it lasts; it looks at the clock
when the server is ready to take the draft, and not before. So one that was suspended on the way hands nothing
over when it wakes. Whoever comes after it looks first.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from supportbot.errors import NeverClear, Refused, RetryAfter, Unclear
from supportbot.ids import now_ms
from supportbot.messages import Sent
from supportbot_email.failures import Disconnected, MailServerError, NoFolder, ServerSaysNo
from supportbot_email.finding import drafts_of_bots, exactly
from supportbot_email.words import bare, says_all_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.host import Drafts as Told
    from supportbot.messages import Outbound
    from supportbot_email.folders import Folders
    from supportbot_email.imap import Connection, Folder
    from supportbot_email.lease import Lease
    from supportbot_email.line import Line
    from supportbot_email.notes import Note, Notes

_WAIT = frozenset({"planned", "open", "touched"})
"""States of a draft that a person may still send; one that was sent, answered otherwise or taken away has had
its day, though it is still watched."""

Stands = Literal["there", "touched", "gone"]
"""Where a draft is: as it was left; saved by a person, with changes; not in the folder."""

_OURS = frozenset({"\\draft", "\\seen", "\\recent", "\\deleted"})
"""Flags that a draft has without a person's doing, and the one that whoever died while removing it has
set."""

_LONGEST = 1024 * 1024
"""Bytes of a draft that are compared: ours are shorter."""

_NEVER = ("[TOOBIG]", "[LIMIT]", "message too large", "[NOPERM]")
"""What servers say when trying again is no use (RFC 5530, RFC 7889)."""


class Drafts:
    """The Drafts folder of a mailbox."""

    def __init__(self, line: Line, notes: Notes, told: Told, folders: Folders) -> None:
        self._line = line
        self._notes = notes
        self._told = told
        self._folder, self._sent = folders.drafts, folders.sent
        self._closed = ""
        """Why the folder cannot be opened, as it was last seen."""
        self._looked = (0, 0)
        """Its UIDVALIDITY and the next UID at the last look."""
        self._refused = ""
        """Why the server took no draft when it was last asked to, though it may later."""

    @property
    def problem(self) -> str:
        """What is wrong with the folder, in one line; empty when all is well."""
        return self._closed or self._refused or self._folder.problem

    async def leave(self, outbound: Outbound, note: Note, raw: bytes) -> Sent:
        """Put a draft into the folder, unless it has been there before.

        Args:
            outbound: what is delivered.
            note: what is known of it, ``planned``.
            raw: the draft.

        Raises:
            Refused, RetryAfter, Unclear: as ``Channel.send``.
        """
        await self._folder.remember()
        right = self._notes.right_to_leave(note.delivery)
        if not await right.take():
            raise RetryAfter(cause="another process is leaving it")
        note = await self._notes.plan(note)
        try:
            folder, found = await self._look_for(note)
        except MailServerError as error:
            raise RetryAfter(cause=str(error)) from error
        if found is not None:
            return found
        if not await right.go_on():
            raise RetryAfter(cause="looking for it took too long")
        digest = _digest(raw)
        numbered = await self._notes.change(note.delivery, lambda now: _numbered(now, folder, digest))
        if numbered is None:  # somebody has left it while we were suspended
            raise RetryAfter(cause="another process has left it")
        await self._left(note, await self._append(note, raw, right))
        await self._folder.remember()
        return Sent(external_id=outbound.delivery_id)

    async def is_waiting(self, conversation: str) -> bool:
        """Say whether a draft of a conversation waits for a person."""
        notes = await self._notes.waiting_in(conversation)
        return any(note.outcome == "open" and note.state in _WAIT for note in notes)

    async def has_begun(self, delivery: str) -> bool:
        """Say whether a reply was, or may have been, left as a draft."""
        return await self._notes.get(delivery) is not None

    async def find(self, delivery: str) -> Sent | None:
        """Look for a draft that may have been left.

        Raises:
            NeverClear: it is not there, and may have been.
            MailServerError: looking failed.
        """
        await self._folder.remember()
        note = await self._notes.get(delivery)
        return (await self._look_for(note))[1] if note is not None else None

    async def _look_for(self, note: Note) -> tuple[Folder | None, Sent | None]:
        """Look for a draft, and return the folder as it was then; no folder where a look at the note will do.

        Raises:
            NeverClear, MailServerError: as ``find``.
        """
        found = Sent(external_id=note.delivery)
        if note.state != "planned":
            await self.tell(note)
            return None, found
        folder, there, missing = await self._line.run(self._searched, note)
        if there is not None:
            await self._left(note, there)
            return folder, found
        if not note.validity:
            return folder, None  # the server had not been asked yet
        await self._sent.remember()
        was_sent = await self._line.run(self._was_sent, note)
        await self._sent.remember()
        if was_sent:
            await self._left(note, (folder.validity, 0))
            return folder, found
        if missing is not None and missing <= await self._others(note):
            return folder, None
        raise NeverClear(
            cause="a mail is gone from Drafts that may have been this draft: look for it in the mailbox, "
            "then tell 'supportbot deliveries settle'"
        )

    def _searched(
        self, connection: Connection, note: Note
    ) -> tuple[Folder, tuple[int, int] | None, frozenset[int] | None]:
        """Return the folder, where the draft lies, and the UIDs given since that are not there any more; None
        for these where nobody can tell."""
        now = here = self._opened(connection, writing=True)
        if exactly(connection, note.message_id) is not None:  # or what a person has made of it meanwhile
            return now, (now.validity, _untouched(connection, note)), frozenset()
        if (
            note.validity and now.validity != note.validity
        ):  # somebody renamed the folder, or it was renumbered
            home = self._folder.home(connection, note.validity, writing=True)
            if home is None:
                return now, None, None
            here = home
            if exactly(connection, note.message_id) is not None:
                return now, (here.validity, _untouched(connection, note)), frozenset()
        # Others leave drafts meanwhile: what came after the folder was opened tells nothing of this one.
        given = frozenset(range(note.uid, here.next_uid)) if note.validity else frozenset[int]()
        return now, None, given.difference(connection.uids_after(note.uid - 1) if given else ())

    async def _others(self, note: Note) -> frozenset[int]:
        """Return the UIDs of our other drafts, which may have gone: where one lay, this one was not."""
        return frozenset(
            [
                one.uid
                async for one in self._notes.waiting()
                if one.uid and one.validity == note.validity and one.state != "planned"
            ]
        )

    def _opened(self, connection: Connection, *, writing: bool = False) -> Folder:
        try:
            folder = self._folder.open(connection, writing=writing)
        except NoFolder as error:
            self._closed = str(error)
            raise
        except ServerSaysNo as error:
            self._closed = f"The folder for drafts cannot be opened, see 'folders.drafts': {error.words}"
            raise
        self._closed = ""
        return folder

    def _opened_of(self, connection: Connection, note: Note, *, writing: bool = False) -> Folder:
        """Open the folder that a draft was left in; where that is gone, the one for drafts."""
        folder = self._opened(connection, writing=writing)
        if not note.validity or folder.validity == note.validity or _lies_at(connection, folder, note):
            return folder
        home = self._folder.home(connection, note.validity, writing=writing)
        return home or self._opened(connection, writing=writing)

    def _was_sent(self, connection: Connection, note: Note) -> bool:
        try:
            self._sent.open(connection)
        except NoFolder:
            return False
        return exactly(connection, note.message_id) is not None

    async def _append(self, note: Note, raw: bytes, right: Lease) -> tuple[int, int]:
        """Hand the draft to the server, and return where it lies: zeros where nobody can tell.

        Raises:
            Refused, RetryAfter, Unclear: as ``Channel.send``.
        """
        try:
            receipt = await self._line.run(self._appended, raw, right)
        except Disconnected as error:
            raise Unclear(cause=str(error)) from error
        except MailServerError as error:  # nothing lies there: what goes from now on was no draft of ours
            if await right.take():
                await self._notes.change(note.delivery, _not_numbered)
            words = error.words if isinstance(error, ServerSaysNo) else str(error)
            if any(word.lower() in words.lower() for word in _NEVER):
                raise Refused(cause=words) from error
            self._refused = f"The mail server takes no draft: {words}. If the mailbox is full, make room."
            raise RetryAfter(cause=words) from error
        self._refused = ""
        if receipt is None:  # a server without UIDPLUS; whatever comes of the search, it has the draft
            with suppress(MailServerError):
                receipt = await self._line.run(self._place, note)
        return receipt or (0, 0)

    def _appended(self, connection: Connection, raw: bytes, right: Lease) -> tuple[int, int] | None:
        name = self._folder.name or connection.special("drafts", "")
        return connection.append(name, raw, "(\\Draft \\Seen)", may=right.is_ours)

    def _place(self, connection: Connection, note: Note) -> tuple[int, int]:
        folder = self._opened(connection)
        return folder.validity, exactly(connection, note.message_id) or 0

    async def _left(self, note: Note, there: tuple[int, int]) -> None:
        """Write down that a draft is there, and take away those it replaces.

        It replaces an older one of its conversation, to the same person, when a model wrote it, to which the
        older one's question was still unanswered. Articles are searched for the newest words alone: what
        quotes them replaces only what it says itself, so that no answer gets lost.
        """
        for older in await self._notes.waiting_in(note.conversation):
            is_older = older.delivery != note.delivery and older.at <= note.at and older.to == note.to
            if is_older and (note.read_on or says_all_of(note.text, older.text)):
                await self.replace(older)
        validity, uid = there
        left = await self._notes.change(
            note.delivery, lambda now: replace(now, state="open", validity=validity, uid=uid)
        )
        await self.tell(left or note)

    async def tell(self, note: Note) -> None:
        """Tell the store how a draft stands; the same again does no harm."""
        if note.state != "planned":
            length = len(bare(note.text))
            await self._told.record(note.delivery, note.outcome, length=length, changed=note.changed)

    async def replace(self, older: Note) -> None:
        """Take away a draft that nobody touched; one that a person works on stays.

        That it is to go is written down first. Whoever dies on the way leaves it to the next look at the
        folder, which then knows that no person took it away.
        """
        going = await self._notes.change(
            older.delivery,
            lambda now: replace(now, state="replacing") if now.state in {"open", "replacing"} else None,
        )
        if going is None:
            return
        try:
            stood = await self._line.run(self._removed, going)
        except MailServerError:
            return  # two drafts lie there: better than none
        is_ours = stood == "there" or older.state == "replacing"
        ended = await self._notes.change(older.delivery, lambda now: _taken_away(now, stood, is_ours=is_ours))
        if ended is not None:
            await self.tell(ended)

    def _removed(self, connection: Connection, older: Note) -> Stands:
        """Remove a draft if it is as we left it, and say how it stood."""
        uid = _lies_at(connection, self._opened_of(connection, older, writing=True), older)
        if not uid:
            return _missing(connection, older)
        if connection.flags(uid) - _OURS:
            return "touched"
        connection.remove(uid)
        return "there"

    async def look(self) -> list[str]:
        """Look whether the folder is there; ``problem`` tells.

        Returns the Message-IDs of drafts of a SupportBot, ours or another one, that came since the last look.

        Raises:
            MailServerError: it could not be asked.
        """
        await self._folder.remember()
        found: list[str] = []
        with suppress(NoFolder, ServerSaysNo):
            found = await self._line.run(self._arrived)
        await self._folder.remember()
        return found

    def _arrived(self, connection: Connection) -> list[str]:
        folder, (validity, first) = self._opened(connection), self._looked
        self._looked = (folder.validity, folder.next_uid)
        if validity != folder.validity or first == folder.next_uid:
            return []
        found = drafts_of_bots(connection, f"UID {first}:*")
        return [one for uid, one in found if uid >= first]  # n:* has the newest, however old (RFC 9051, 9)

    async def stand(self, notes: Sequence[Note]) -> dict[str, Stands]:
        """Look how drafts stand, by delivery; nothing is changed.

        Raises:
            MailServerError: it could not be seen.
        """
        return await self._line.run(self._seen, notes)

    def _seen(self, connection: Connection, notes: Sequence[Note]) -> dict[str, Stands]:
        folder = self._opened(connection)
        stand = self._seen_in(
            connection, folder, [note for note in notes if note.validity in {0, folder.validity}]
        )
        for validity in {note.validity for note in notes if note.delivery not in stand}:
            theirs = [note for note in notes if note.validity == validity]
            home = self._folder.home(connection, validity)  # or the folder was renumbered
            if home is not None:
                stand |= self._seen_in(connection, home, theirs)
            self._opened(connection)
            lost = [note for note in theirs if stand.get(note.delivery, "gone") == "gone"]
            stand |= self._seen_in(connection, folder, lost)
        return stand

    def _seen_in(self, connection: Connection, folder: Folder, notes: Sequence[Note]) -> dict[str, Stands]:
        """Look how drafts stand in the folder that is open."""
        there = set(connection.existing([note.uid for note in notes if _has_its_uid(note, folder)]))

        def stands(note: Note) -> Stands:
            if _has_its_uid(note, folder):
                return "there" if note.uid in there else _missing(connection, note)
            return "there" if _lies_at(connection, folder, note) else _missing(connection, note)

        return {note.delivery: stands(note) for note in notes}


def _taken_away(note: Note, stood: Stands, *, is_ours: bool) -> Note | None:
    """Return the note of a draft that was to be taken away, and of which we know how it stood then."""
    if note.state != "replacing":
        return None
    if stood == "touched":
        return replace(note, state="touched")
    if not is_ours:
        return replace(note, state="open", gone_at=note.gone_at or now_ms())
    return replace(note, state="replaced", outcome="replaced" if note.outcome == "open" else note.outcome)


def _has_its_uid(note: Note, folder: Folder) -> bool:
    """Say whether it is known where a draft was left; what a UID means never changes (RFC 3501, 2.3.1.1)."""
    return bool(note.uid) and note.validity == folder.validity


def _lies_at(connection: Connection, folder: Folder, note: Note) -> int:
    """Return the UID of a draft that lies as it was left; 0 when none does.

    Where its UID is not known (a server without UIDPLUS, another UIDVALIDITY), the one with its Message-ID is
    it if it has its bytes: a person's changes to it may have been saved under the same Message-ID.
    """
    if not _has_its_uid(note, folder):
        return _untouched(connection, note)
    return note.uid if exactly(connection, note.message_id) == note.uid else 0


def _untouched(connection: Connection, note: Note) -> int:
    uid = exactly(connection, note.message_id) if note.digest else None
    raw = connection.fetch(uid, most=_LONGEST) if uid is not None else None
    return uid if uid is not None and raw is not None and _digest(raw) == note.digest else 0


def _digest(raw: bytes) -> str:
    """Return what tells a draft from every other one: servers may end its lines, and itself, in their way."""
    return sha256(b"\n".join(raw.rstrip().splitlines())).hexdigest()


def _missing(connection: Connection, note: Note) -> Stands:
    """Say whether a draft that is not where it was left was saved anew: under its Message-ID, as some mail
    programs do, or under another one as an answer to the same mail, as others do."""
    if exactly(connection, note.message_id, deleted=False) is not None:
        return "touched"
    return "touched" if connection.answers_to(note.answered) else "gone"


def _numbered(note: Note, folder: Folder | None, digest: str) -> Note | None:
    """Return the note of a draft that the server is about to be asked to take; None when it lies there."""
    if folder is None or note.state != "planned":
        return None
    return replace(note, validity=folder.validity, uid=folder.next_uid, digest=digest)


def _not_numbered(note: Note) -> Note | None:
    """Return the note of a draft that the server certainly has not."""
    return replace(note, validity=0, uid=0) if note.state == "planned" else None
