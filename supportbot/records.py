"""What channels remember: values by keys of their own, which may expire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, literal_column, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from supportbot.ids import now_ms
from supportbot.storable import clean_key
from supportbot.store import Statement
from supportbot.store.values import from_json, to_json
from supportbot.tables import records

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from supportbot.store import Store, Tx

_PAGE = 200
_PORTION = 500
"""Records deleted in one transaction: messages wait for it."""

_RECORD = Statement(
    select(records.c.value, records.c.expires_at).where(
        records.c.channel == bindparam("of"), records.c.key == bindparam("at")
    )
)
_FORGET_EXPIRED = Statement(
    delete(records).where(
        records.c.channel == bindparam("of"),
        records.c.key == bindparam("at"),
        records.c.expires_at <= bindparam("now"),
    )
)
_put = insert_or_skip(records).inline()
_PUT = Statement(
    _put.on_conflict_do_update(
        index_elements=[records.c.channel, records.c.key],
        set_={"value": _put.excluded.value, "expires_at": _put.excluded.expires_at},
    )
)
_ADD = Statement(insert_or_skip(records).inline().on_conflict_do_nothing())
_SWAP = Statement(
    update(records)
    .where(
        records.c.channel == bindparam("of"),
        records.c.key == bindparam("at"),
        records.c.value == bindparam("before", type_=records.c.value.type),
        or_(records.c.expires_at.is_(None), records.c.expires_at > bindparam("now")),
    )
    .values(value=bindparam("after"), expires_at=bindparam("until"))
)
_FORGET = Statement(
    delete(records).where(records.c.channel == bindparam("of"), records.c.key == bindparam("at"))
)
_FORGET_ONLY = Statement(
    delete(records).where(
        records.c.channel == bindparam("of"),
        records.c.key == bindparam("at"),
        records.c.value == bindparam("only", type_=records.c.value.type),
    )
)
_SCAN = Statement(
    select(records)
    .where(
        records.c.channel == bindparam("of"),
        records.c.key > bindparam("after"),
        records.c.key < bindparam("end"),
    )
    .order_by(records.c.key)
    .limit(bindparam("most"))
)
_PURGE = Statement(
    delete(records).where(
        tuple_(records.c.channel, records.c.key).in_(
            select(records.c.channel, records.c.key)
            .where(records.c.expires_at <= bindparam("now"))
            .limit(literal_column(str(_PORTION)))  # so that a plan for all values knows that they are few
        )
    )
)


class ChannelRecords:
    """One channel's durable memory; see ``supportbot.host.Records``."""

    def __init__(self, store: Store, channel: str, *, clock: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._channel = channel
        self._now = clock

    async def get(self, key: str) -> Any | None:
        """Return the value, or None when there is none or it has expired."""
        key = clean_key(key)
        row = await self._store.read(lambda tx: tx.row(_RECORD, of=self._channel, at=key))
        if row is None or self._expired(row.expires_at):
            return None
        return from_json(row.value)

    async def put(self, key: str, value: Any, *, expires_at: int | None = None) -> None:
        """Store a value, replacing an earlier one."""
        row = self._row(key, value, expires_at)
        await self._store.write(lambda tx: tx.run(_PUT, **row))

    async def add(self, key: str, value: Any, *, expires_at: int | None = None) -> bool:
        """Store a value only if the key is free; says whether it did."""
        row = self._row(key, value, expires_at)

        def unit(tx: Tx) -> bool:
            tx.send(_FORGET_EXPIRED, of=self._channel, at=row["key"], now=self._now())
            return tx.run(_ADD, **row) == 1

        return await self._store.write(unit)

    async def swap(self, key: str, before: Any, after: Any, *, expires_at: int | None = None) -> bool:
        """Store a value only if the key still holds ``before``; says whether it did."""
        found = {"of": self._channel, "at": clean_key(key), "before": to_json(before), "now": self._now()}
        new = {"after": to_json(after), "until": expires_at}
        return await self._store.write(lambda tx: tx.run(_SWAP, **found, **new) == 1)

    async def delete(self, key: str, *, only: Any = None) -> None:
        """Forget a key; no error when it was not there. With ``only``, not if it holds another value."""
        where = {"of": self._channel, "at": clean_key(key)}
        if only is None:
            await self._store.write(lambda tx: tx.run(_FORGET, **where))
        else:
            value = to_json(only)
            await self._store.write(lambda tx: tx.run(_FORGET_ONLY, **where, only=value))

    async def scan(self, prefix: str) -> AsyncIterator[tuple[str, Any]]:
        """Yield the (key, value) pairs whose key begins with ``prefix``, in key order."""
        prefix = clean_key(prefix)
        after, end = prefix, prefix + "\U0010ffff"
        first = await self.get(prefix)
        if first is not None:
            yield prefix, first
        while True:
            page = await self._store.read(
                lambda tx, after=after: tx.rows(_SCAN, of=self._channel, after=after, end=end, most=_PAGE)  # type: ignore[misc]
            )
            for row in page:
                if not self._expired(row.expires_at):
                    yield row.key, from_json(row.value)
            if len(page) < _PAGE:
                return
            after = page[-1].key

    def _row(self, key: str, value: Any, expires_at: int | None) -> dict[str, Any]:
        return {
            "channel": self._channel,
            "key": clean_key(key),
            "value": to_json(value),
            "expires_at": expires_at,
        }

    def _expired(self, expires_at: int | None) -> bool:
        return expires_at is not None and expires_at <= self._now()


async def purge_expired(store: Store) -> int:
    """Delete every channel record that has expired; returns how many."""
    now, total = now_ms(), 0
    while True:
        deleted = await store.write(lambda tx: tx.run(_PURGE, now=now))
        total += deleted
        if deleted < _PORTION:
            return total
