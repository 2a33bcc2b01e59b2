"""What a message was made of, as it came: kept beside it for people, never read by the bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select

from supportbot.errors import NotFound
from supportbot.store import Statement
from supportbot.tables import files

if TYPE_CHECKING:
    from supportbot.store import Store, Tx

_PLACE = -1
"""Its place among a message's files, before the attachments'."""

_ADD = Statement(insert(files).inline())
_LOAD = Statement(
    select(files.c.data).where(
        files.c.message_id == bindparam("message"), files.c.ordinal == bindparam("place")
    )
)


def keep(tx: Tx, message_id: str, original: bytes) -> None:
    """Store an original, where the channel handed one in. It is deleted with its message."""
    if original:
        tx.run(_ADD, message_id=message_id, ordinal=_PLACE, data=original)


async def load(store: Store, message_id: str) -> bytes:
    """Return the original of a message, as much of it as was kept.

    Raises:
        NotFound: none is kept.
    """
    row = await store.read(lambda tx: tx.row(_LOAD, message=message_id, place=_PLACE))
    if row is None:
        raise NotFound(what="original of the message", id=message_id)
    return bytes(row.data)
