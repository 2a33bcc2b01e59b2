"""What is written about images: their bytes, beside the message they came with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select

from supportbot.images import header
from supportbot.store import Statement
from supportbot.tables import files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.messages import Attachment
    from supportbot.store import Tx

MOST_BYTES = 10 * 1024 * 1024
"""The largest image that is kept. The Llama API takes 25 MB; here it is in everybody's way to the disk."""

_MOST_OF_ALL = 20 * 1024 * 1024  # bytes of one message's images together
_MOST = 5  # images of one message

_ADD = Statement(insert(files).inline())
_FORGET = Statement(delete(files).where(files.c.message_id == bindparam("message")))
_LOAD = Statement(
    select(files.c.data).where(
        files.c.message_id == bindparam("message"), files.c.ordinal == bindparam("place")
    )
)


def judged(attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """Return a message's attachments with the bytes that are to be kept, and with no others.

    Kept are the first five images of a kind that a model may read, each up to ``MOST_BYTES``, by what their
    bytes say they are. Of everything else the name, the type and the size remain.
    """
    kept, left, found = 0, _MOST_OF_ALL, []
    for file in attachments:
        head = header.read(file.data) if kept < _MOST and len(file.data) <= min(left, MOST_BYTES) else None
        if head is None:
            found.append(file.evolve(data=b"", width=0, height=0, image=None))
            continue
        kept += 1
        left -= len(file.data)
        found.append(
            file.evolve(
                content_type=head.content_type,
                size=len(file.data),
                width=head.width,
                height=head.height,
                image=None,
            )
        )
    return tuple(found)


def told(attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """Return attachments as they are told of: without bytes."""
    return tuple(file.evolve(data=b"") if file.data else file for file in attachments)


def keep(tx: Tx, message_id: str, attachments: Sequence[Attachment]) -> None:
    """Store the bytes that ``judged`` left; nothing is written where there are none."""
    for place, file in enumerate(attachments):
        if file.data:
            tx.send(_ADD, message_id=message_id, ordinal=place, data=file.data)


def forget(tx: Tx, message_id: str) -> None:
    """Delete the bytes of a message's attachments."""
    tx.send(_FORGET, message=message_id)


def load(tx: Tx, message_id: str, place: int) -> bytes:
    """Return the bytes of a message's attachment; empty when they are not there."""
    row = tx.row(_LOAD, message=message_id, place=place)
    return b"" if row is None else bytes(row.data)
