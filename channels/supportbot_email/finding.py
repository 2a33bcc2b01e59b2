"""Finding mails of ours in the folder that is open, by their Message-ID. Blocking, as ``imap``."""

from __future__ import annotations

from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import TYPE_CHECKING

from supportbot_email.threads import is_any_bots

if TYPE_CHECKING:
    from supportbot_email.imap import Connection

_MOST_LOOKED_AT = 20
"""Drafts of which it is looked whose they are."""

_HEADER = 8_192
"""Bytes at the beginning of a draft in which its Message-ID stands."""


def exactly(connection: Connection, message_id: str, *, deleted: bool = True) -> int | None:
    """Return the UID of the mail in the open folder that has this very Message-ID.

    Args:
        connection: where.
        message_id: which.
        deleted: also one that somebody marked as deleted.
    """
    for uid in reversed(connection.uids_of(message_id, deleted=deleted)):
        raw = connection.fetch(uid, most=65_536)
        if raw is not None and message_id_of(raw) == message_id:
            return uid
    return None


def drafts_of_bots(connection: Connection, which: str) -> list[tuple[int, str]]:
    """Return the newest mails in the open folder whose Message-ID looks like a SupportBot's, with that.

    Args:
        connection: where.
        which: a search for those that are looked at.
    """
    uids = connection.uids(f'{which} HEADER Message-ID "<sb."')[-_MOST_LOOKED_AT:]
    raws = [(uid, connection.fetch(uid, most=_HEADER)) for uid in uids]
    found = [(uid, message_id_of(raw)) for uid, raw in raws if raw is not None]
    return [(uid, one) for uid, one in found if is_any_bots(one)]


def message_id_of(raw: bytes) -> str:
    """Return the Message-ID of a mail, or of its beginning; empty when it has none."""
    return str(BytesHeaderParser(policy=compat32).parsebytes(raw).get("Message-ID", "")).strip()
