"""The note beside a draft: what the draft rests on, for the person who reads it.

It is a mail of its own in a folder of its own, never a part of the draft: whatever stands in a draft is sent.
It is addressed to the mailbox itself, and threaded with the customer's mail, so that programs that show a
conversation from all folders show it there. It goes away with its draft.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from typing import TYPE_CHECKING

import structlog

from supportbot_email import headers
from supportbot_email.compose import subject_of
from supportbot_email.failures import MailServerError, ServerSaysNo
from supportbot_email.finding import exactly

if TYPE_CHECKING:
    from supportbot.messages import Outbound
    from supportbot_email.config import EmailConfig
    from supportbot_email.imap import Connection
    from supportbot_email.line import Line
    from supportbot_email.notes import Note, Notes

_MOST_QUOTED = 500
"""Characters of a quotation."""

_REASONS = {
    "customer_asked": "The customer asked for a person.",
    "no_answer": "The bot found no answer.",
    "outcome_unknown": "Something was to be done, and nobody can tell whether it was.",
    "flagged": "Moderation had something against the question or the answer.",
    "unchecked": "Moderation could not check the question or the answer.",
}

log = structlog.get_logger(__name__)


class Whys:
    """The folder of notes; nothing happens where none is configured."""

    def __init__(self, config: EmailConfig, line: Line, notes: Notes, *, bot_name: str) -> None:
        self._config = config
        self._line = line
        self._notes = notes
        self._name = config.name or bot_name

    async def leave(self, outbound: Outbound) -> None:
        """Put the note of a draft into the folder, once. That it cannot be left is no reason to stop."""
        if not self._config.note:
            return
        note = await self._notes.change(
            outbound.delivery_id, lambda now: replace(now, why=True) if now.state == "open" else None
        )
        if note is None:
            return
        raw = why(outbound, config=self._config, name=self._name)
        try:
            await self._line.run(self._put, message_id_of(note, self._config), raw)
        except MailServerError as error:
            log.warning("email.note_not_left", delivery=outbound.delivery_id, problem=str(error))

    async def take_away(self, note: Note) -> None:
        """Remove the note of a draft that has ended; one that the server does not let go of stays.

        Raises:
            Disconnected: it is to be tried again.
        """
        if not (note.why and self._config.note):
            return
        with suppress(ServerSaysNo):
            await self._line.run(self._remove, message_id_of(note, self._config))
        await self._notes.change(note.delivery, lambda now: replace(now, why=False))

    def _open(self, connection: Connection) -> None:
        """Open the folder; made at the first need."""
        try:
            connection.open(self._config.note, writing=True)
        except ServerSaysNo:
            connection.make(self._config.note)
            connection.open(self._config.note, writing=True)

    def _put(self, connection: Connection, message_id: str, raw: bytes) -> None:
        self._open(connection)
        if exactly(connection, message_id) is None:
            connection.append(self._config.note, raw, "(\\Seen)")

    def _remove(self, connection: Connection, message_id: str) -> None:
        self._open(connection)
        uid = exactly(connection, message_id)
        if uid is not None:
            connection.remove(uid)


def message_id_of(note: Note, config: EmailConfig) -> str:
    """Return the Message-ID of the note beside a draft."""
    return f"<why.{note.delivery}@{config.domain}>"


def why(outbound: Outbound, *, config: EmailConfig, name: str) -> bytes:
    """Return the note beside a draft as a mail, the same for the same delivery. Pure."""
    answered = headers.message_id(str(outbound.address.get("message_id", "")))
    subject = headers.one_line(f"(why) {subject_of(str(outbound.address.get('subject', '')))}", 250)
    mailbox = formataddr((headers.one_line(name, 200), config.address), "utf-8")
    fields = [
        ("From", mailbox),
        ("To", config.address),
        ("Subject", _in_ascii(subject)),
        ("Date", format_datetime(datetime.fromtimestamp(outbound.created_at / 1000, UTC))),
        ("Message-ID", f"<why.{outbound.delivery_id}@{config.domain}>"),
        *([("In-Reply-To", answered), ("References", answered)] if answered.isascii() and answered else []),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "base64"),
    ]
    coded = base64.encodebytes(_text(outbound).replace("\n", "\r\n").encode("utf-8", "replace"))
    lines = [*(f"{field}: {value}" for field, value in fields), "", *coded.decode().splitlines(), ""]
    return "\r\n".join(lines).encode("ascii")


def _in_ascii(subject: str) -> str:
    """Return a subject as it is, or as encoded words (RFC 2047)."""
    if subject.isascii() and "=?" not in subject:
        return subject
    return Header(subject.encode("utf-8", "replace"), "utf-8", maxlinelen=70).encode(linesep="\r\n")


def _text(outbound: Outbound) -> str:
    best = max((source.score for source in outbound.sources), default=0.0)
    lines = [
        "This note is for you. The customer does not get it, and it goes away with the draft.",
        "",
        f"Confidence: {best:.2f} (how well the best source fits the question, 0 to 1)",
    ]
    if outbound.handoff:
        lines += ["", f"A person is asked for: {_REASONS.get(outbound.handoff, outbound.handoff)}"]
    lines += ["", "Sources:" if outbound.sources else "Sources: none"]
    lines += [
        f"- {headers.one_line(one.title, 200)}, {headers.one_line(one.source, 300)}: {one.score:.2f}"
        for one in outbound.sources
    ]
    for citation in outbound.citations:
        lines += ["", f"From {headers.one_line(citation.source, 300)}:", citation.quote[:_MOST_QUOTED]]
    return "\n".join([*lines, "", f"The whole story: supportbot explain {outbound.delivery_id}", ""])
