"""What became of each draft: what was sent is compared with it, and the Drafts folder is looked at.

The words decide. Some mail programs send a draft under its own Message-ID, others under a new one, and a few
without naming the customer's mail; a reply that was made of a draft is told from one that was not by how much
they have in common.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import TYPE_CHECKING

import structlog

from supportbot.ids import now_ms
from supportbot_email.words import bare, distance, is_drawn_from, without_ending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from supportbot.host import DraftOutcome, Records
    from supportbot.messages import Message
    from supportbot_email.conversations import Conversations
    from supportbot_email.drafts import Drafts, Stands
    from supportbot_email.mail import Mail
    from supportbot_email.notes import Note, Notes
    from supportbot_email.others import Others
    from supportbot_email.why import Whys

_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE

_MISSED = 15 * _MINUTE
"""Milliseconds that a draft is gone and not found among what was sent, until it was deleted."""

_IGNORED = 14 * _DAY
"""Milliseconds that a draft lies there, until it was ignored."""

_WATCHED = 60 * _DAY
"""Milliseconds for which what is sent may still turn out to have been a draft: somebody was away, or had it
sent later."""

_AT_ONCE = 50
"""Drafts that are looked at in one go."""

_MOST = 100
"""Drafts that a sent mail without a thread is compared with."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """A draft that was sent."""

    note: Note
    as_it_was: bool


class Outcomes:
    """Watches what becomes of the drafts of a mailbox."""

    def __init__(
        self,
        *,
        records: Records,
        notes: Notes,
        drafts: Drafts,
        whys: Whys,
        others: Others,
        conversations: Conversations,
        signature: str,
    ) -> None:
        self._records = records
        self._notes = notes
        self._drafts = drafts
        self._whys = whys
        self._others = others
        self._conversations = conversations
        self._signature = bare(signature)

    # -- what was sent -------------------------------------------------------------------------

    async def of_sent(self, mail: Mail, conversation: str | None) -> Fate | None:
        """Record what a mail that a person sent tells of drafts; the same mail again tells the same.

        Args:
            mail: the mail.
            conversation: the one it belongs to, as far as its header says so.

        Returns the draft that was sent, if it was one.
        """
        if mail.in_reply_to:
            remembered = now_ms() + _WATCHED
            key = _answered(mail.in_reply_to)
            to = sorted({*_recipients(mail), *(await self._records.get(key) or ())})
            await self._records.put(key, to, expires_at=remembered)
        named = await self._notes.get(await self._conversations.delivery_of(mail.message_id))
        found = await self._candidates(mail, conversation)
        note = named or next((one for one in found if one.sent == mail.content_key), None)
        sent = without_ending(bare(mail.reply), self._signature)
        note = note or await self._alike(sent, [one for one in found if not one.sent])
        if note is not None:
            return await self._was_sent(note, mail, sent)
        if conversation is not None:
            for one in found:
                if one.to in _recipients(mail):  # else it was forwarded to a colleague
                    await self._end(one, "ignored")
        return None

    async def has_been_answered(self, message_id: str, to: str) -> bool:
        """Say whether a person has answered a customer's mail, to its sender."""
        return to in (await self._records.get(_answered(message_id)) or ())

    async def read_by_the_customer(self, said: Sequence[Message]) -> tuple[Message, ...]:
        """Return what was said without the drafts that were not sent, or with other words.

        A model that read them would build on answers which the customer never got. What was sent with other
        words is there as a person's message.
        """
        notes = await asyncio.gather(
            *(self._notes.of_reply(one.id) for one in said if one.author == "bot"),
        )
        unread = {note.said for note in notes if note is not None and note.outcome != "used"}
        return tuple(one for one in said if one.id not in unread)

    async def _candidates(self, mail: Mail, conversation: str | None) -> list[Note]:
        """Return the drafts that a sent mail may have been, the newest first."""
        if conversation is None:
            to = _recipients(mail)
            return await self._newest_to(to)
        answered = {mail.in_reply_to, *mail.references}
        return [
            one for one in reversed(await self._notes.waiting_in(conversation)) if one.answered in answered
        ]

    async def _newest_to(self, to: frozenset[str]) -> list[Note]:
        """Return the drafts to one of some people, the newest first; they wait in thousands perhaps."""
        found: list[Note] = []
        async for note in self._notes.waiting():
            if note.to in to:
                found.append(note)
            if len(found) == 2 * _MOST:
                found = nlargest(_MOST, found, key=_age)
        return nlargest(_MOST, found, key=_age)

    async def _alike(self, sent: str, notes: Sequence[Note]) -> Note | None:
        """Return the first draft that a text was made of."""
        for note in notes:
            if await asyncio.to_thread(is_drawn_from, sent, bare(note.text)):
                return note
        return None

    async def _was_sent(self, note: Note, mail: Mail, sent: str) -> Fate:
        changed = await asyncio.to_thread(distance, bare(note.text), sent)
        outcome: DraftOutcome = "edited" if changed else "used"
        ended = await self._notes.change(
            note.delivery,
            lambda now: (
                None
                if now.sent and now.sent != mail.content_key
                else replace(now, outcome=outcome, changed=changed, sent=mail.content_key)
            ),
        )
        if ended is not None:
            await self._drafts.tell(ended)
        return Fate(note=note, as_it_was=not changed)

    async def _end(self, note: Note, outcome: DraftOutcome) -> None:
        """Record an outcome unless there is one already."""
        ended = await self._notes.change(
            note.delivery, lambda now: replace(now, outcome=outcome) if now.outcome == "open" else None
        )
        if ended is not None:
            await self._drafts.tell(ended)

    # -- what lies there -----------------------------------------------------------------------

    async def look(self, *, sent_is_read: Callable[[], bool]) -> None:
        """Look at the Drafts folder once.

        Args:
            sent_is_read: whether what was sent is known; else nothing that is gone was deleted.

        Raises:
            MailServerError, StoreUnavailable: not everything could be seen, or written down.
        """
        await self._others.see(await self._drafts.look())
        lying: list[Note] = []
        async for note in self._notes.waiting():
            if note.state == "replacing":
                await self._drafts.replace(note)
            await self._tidy(note)
            if note.state in {"open", "touched"}:
                lying.append(note)
            if len(lying) == _AT_ONCE:  # drafts are left in between
                await self._look_at(lying, sent_is_read=sent_is_read)
                lying.clear()
        if lying:
            await self._look_at(lying, sent_is_read=sent_is_read)

    async def _look_at(self, lying: Sequence[Note], *, sent_is_read: Callable[[], bool]) -> None:
        stand = await self._drafts.stand(lying)
        for note in lying:
            await self._stands(note, stand[note.delivery], sent_is_read=sent_is_read())

    async def _stands(self, note: Note, stands: Stands, *, sent_is_read: bool) -> None:
        now = now_ms()
        if stands == "gone":
            since = note.gone_at or now
            if note.outcome == "open" and (now - since < _MISSED or not sent_is_read):
                await self._learn(note, gone_at=since)
                return
            if note.outcome == "open":
                await self._end(note, "deleted")
            await self._learn(note, gone_at=since, state="gone")
            return
        await self._learn(note, gone_at=0, state="touched" if stands == "touched" else note.state)
        if now - note.at > _IGNORED:
            await self._end(note, "ignored")

    async def _learn(self, note: Note, **seen: object) -> None:
        """Change a note to what was seen; most looks see nothing new, and cost nothing."""
        if replace(note, **seen) != note:  # type: ignore[arg-type]
            await self._notes.change(note.delivery, lambda now: _still(now, note, **seen))

    async def _tidy(self, note: Note) -> None:
        """Take away what explains a draft that has ended; forget what cannot come to anything any more."""
        if note.state in {"gone", "replaced"} or note.outcome not in {"open", "ignored"}:
            await self._whys.take_away(note)
        if note.state == "replaced" or now_ms() - note.at > _WATCHED:
            fresh = await self._notes.get(note.delivery)
            if fresh is not None:
                await self._notes.close(fresh)


def _age(note: Note) -> int:
    return note.at


def _still(now: Note, before: Note, **changes: object) -> Note | None:
    """Return a changed note, unless somebody else has got on with it since we looked."""
    return replace(now, **changes) if now.state == before.state else None  # type: ignore[arg-type]


def _recipients(mail: Mail) -> frozenset[str]:
    return frozenset(address.address for address in (*mail.to, *mail.cc))


def _answered(message_id: str) -> str:
    return f"answered:{message_id}"
