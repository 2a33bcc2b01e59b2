"""What a message was made of, as it came: kept beside it for people, never read by the bot."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from supportbot.errors import NotFound, OriginalSealed
from supportbot.store import Statement
from supportbot.tables import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Row

    from supportbot.store import Store, Tx
    from supportbot.vault import Vault

_PLAIN, _SEALED = -1, -2
"""Its place among a message's files, before the attachments': as it came, or encrypted."""

_PAGE = 20
"""Originals that are read at a time."""

_LARGE = 64 * 1024
"""Bytes from which on encrypting takes longer than asking a thread to."""

_ADD = Statement(insert(files).inline())
_LOAD = Statement(
    select(files.c.data, files.c.ordinal).where(
        files.c.message_id == bindparam("message"), files.c.ordinal < 0
    )
)
_ALL = Statement(
    select(files.c.message_id, files.c.ordinal, files.c.data)
    .where(files.c.message_id > bindparam("after"), files.c.ordinal < 0)
    .order_by(files.c.message_id)
    .limit(_PAGE)
)
_SEAL = Statement(
    update(files)
    .where(files.c.message_id == bindparam("message"), files.c.ordinal == bindparam("place"))
    .values(ordinal=_SEALED, data=bindparam("sealed"))
)


@dataclass(frozen=True, slots=True)
class Original:
    """What is stored of a message's original."""

    place: int
    data: bytes


async def prepared(message_id: str, original: bytes, vault: Vault | None) -> Original | None:
    """Return what ``keep`` stores of an original, encrypted where there is a key; None of an empty one.

    It is done before the transaction, which other messages wait for; what is large in a thread.
    """
    if not original:
        return None
    if vault is None:
        return Original(_PLAIN, original)
    if len(original) < _LARGE:
        return Original(_SEALED, _sealed(vault, message_id, original))
    return Original(_SEALED, await asyncio.to_thread(_sealed, vault, message_id, original))


def keep(tx: Tx, message_id: str, original: Original) -> None:
    """Store an original; it is deleted with its message."""
    tx.run(_ADD, message_id=message_id, ordinal=original.place, data=original.data)


async def load(store: Store, message_id: str, vault: Callable[[], Vault | None]) -> bytes:
    """Return the original of a message, as much of it as was kept.

    Args:
        store: where.
        message_id: which message's.
        vault: gives what opens it; asked for one that is encrypted.

    Raises:
        NotFound: none is kept.
        OriginalSealed: no key that there is opens it.
    """
    row = await store.read(lambda tx: tx.row(_LOAD, message=message_id))
    if row is None:
        raise NotFound(what="original of the message", id=message_id)
    return bytes(row.data) if row.ordinal == _PLAIN else _opened(vault(), message_id, bytes(row.data))


async def reseal(store: Store, vault: Vault) -> tuple[int, int]:
    """Encrypt with the newest key what is kept as it came, or was encrypted with an older one.

    Returns how many originals were encrypted, and how many no key opened; those stay as they are.
    """
    sealed, shut, after = 0, 0, ""
    while page := await store.read(lambda tx, after=after: tx.rows(_ALL, after=after)):  # type: ignore[misc]
        for row in page:
            data, after = bytes(row.data), row.message_id
            if row.ordinal == _SEALED and vault.is_current(data):
                continue
            try:
                plain = data if row.ordinal == _PLAIN else _opened(vault, row.message_id, data)
            except OriginalSealed:
                shut += 1
                continue
            new = _sealed(vault, row.message_id, plain)
            sealed += await store.write(lambda tx, row=row, new=new: _replace(tx, row, new))  # type: ignore[misc]
    return sealed, shut


def _replace(tx: Tx, row: Row[Any], sealed: bytes) -> int:
    return tx.run(_SEAL, message=row.message_id, place=row.ordinal, sealed=sealed)


def _purpose(message_id: str) -> str:
    return f"original {message_id}"


def _sealed(vault: Vault, message_id: str, original: bytes) -> bytes:
    return vault.seal_bytes(_purpose(message_id), original)


def _opened(vault: Vault | None, message_id: str, sealed: bytes) -> bytes:
    from supportbot.vault import CannotOpen  # its package is there where something is encrypted

    try:
        if vault is not None:
            return vault.open_bytes(_purpose(message_id), sealed)
    except CannotOpen:
        pass
    raise OriginalSealed(id=message_id)
