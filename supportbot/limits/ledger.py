"""What is written about limits: one row for each, changed under its lock, by the database's clock.

What a row holds is the business of those who change it: each change is a function of what the row held and of
the database's time. Changes that come while others are on their way to the database go together in the next
transaction, so that a busy process has one open at a time, however many limits it asks about. When it fails,
so does all that waits.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import structlog
from sqlalchemy import BigInteger, bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert as insert_or_change  # both databases speak its ON CONFLICT
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from supportbot.errors import StoreUnavailable
from supportbot.log import in_one_line
from supportbot.store import Statement
from supportbot.store.values import from_json, to_json
from supportbot.tables import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from supportbot.store import Store, Tx

    Change = Callable[[Mapping[str, Any], float], "Changed[Any]"]

T = TypeVar("T")
E = TypeVar("E", bound=Exception)

_MOST = 100
"""Rows that are changed in one transaction: each takes a round trip, and is locked to the end."""

_MOST_WAITING = 2_000
"""Changes that wait; whoever comes behind so many would go on without an answer long before its turn."""

_COMPLAIN_EVERY = 10.0
"""Seconds between two lines in the log while the store cannot be written."""

log = structlog.get_logger(__name__)


class _Now(FunctionElement[int]):
    """The database's time in Unix milliseconds, when it is evaluated and not when its transaction began."""

    inherit_cache = True
    type = BigInteger()


@compiles(_Now, "postgresql")
def _now_of_postgresql(*_: Any, **__: Any) -> str:
    return "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"


@compiles(_Now, "sqlite")
def _now_of_sqlite(*_: Any, **__: Any) -> str:
    # SQLite tells milliseconds as days: without the rounding half of them would be one less.
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


_new = insert_or_change(limits).values(
    name=bindparam("of"), state=bindparam("nothing"), expires_at=bindparam("never")
)
_OPEN = Statement(  # a row that is there is only locked by it; its time is that behind the wait for the lock
    _new.on_conflict_do_update(
        index_elements=[limits.c.name], set_={"expires_at": limits.c.expires_at}
    ).returning(limits.c.state, _Now().label("now"))
)
_SAVE = Statement(
    update(limits)
    .where(limits.c.name == bindparam("of"))
    .values(state=bindparam("new_state"), expires_at=bindparam("until"))
)
_PURGE = Statement(delete(limits).where(limits.c.expires_at < _Now()))


@dataclass(frozen=True, slots=True)
class Changed(Generic[T]):
    """What a change makes of a row."""

    state: Mapping[str, Any]
    """What the row holds from now on."""
    until: float
    """When it says nothing any more, in seconds of the database's clock."""
    result: T
    """What whoever asked for the change is told."""


@dataclass(frozen=True, slots=True)
class _Asked:
    name: str
    change: Change
    answer: asyncio.Future[Any]


class Ledger:
    """The rows, as one process changes them. Made inside a running event loop, used from it alone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Asked] = []
        self._writing: asyncio.Task[None] | None = None
        self._silent_until = 0.0

    async def exchange(self, name: str, change: Callable[[Mapping[str, Any], float], Changed[T]]) -> T:
        """Change a limit's row, and return the change's result once that is stored.

        Args:
            name: of the limit.
            change: given what the row holds, ``{}`` at first, and the database's time in Unix seconds. It may
                be called again, and must do nothing else.

        Raises:
            StoreUnavailable: it is not stored; or it is, and nobody knows.
        """
        if len(self._waiting) >= _MOST_WAITING:
            raise self._complained(StoreUnavailable(cause="too much waits for it"))
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(name, change, answer))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return cast("T", await answer)

    async def purge(self) -> int:
        """Delete what says nothing any more; returns how many limits that were.

        Raises:
            StoreUnavailable: it could not be done.
        """
        return await self._store.write(lambda tx: tx.run(_PURGE), fleeting=True)

    async def _write(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                await self._write_some([one for one in asked if not one.answer.cancelled()])
        finally:
            self._writing = None

    async def _write_some(self, asked: Sequence[_Asked]) -> None:
        try:
            results = await self._store.write(lambda tx: _change_all(tx, asked), fleeting=True)
        except Exception as error:  # noqa: BLE001 - it is raised where the change was asked for
            self._complained(error)
            waiting, self._waiting = self._waiting, []  # a store that hangs may take long to fail each time
            for one in (*asked, *waiting):
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, result in zip(asked, results, strict=True):
            if not one.answer.done():
                one.answer.set_result(result)

    def _complained(self, error: E) -> E:
        """Tell the operator, now and then: each process keeps its limits by itself."""
        now = asyncio.get_running_loop().time()
        if now >= self._silent_until:
            self._silent_until = now + _COMPLAIN_EVERY
            log.warning("limits.not_shared", error=in_one_line(error))
        return error


def _change_all(tx: Tx, asked: Sequence[_Asked]) -> list[Any]:
    """Change the rows in the order of their names, as everybody does: so nobody waits in a circle."""
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(asked):
        by_name[one.name].append(place)
    results: list[Any] = [None] * len(asked)
    for name, places in sorted(by_name.items()):
        row = tx.row(_OPEN, of=name, nothing="{}", never=0)
        assert row is not None
        state = _read(name, row.state)
        until = 0.0
        for place in places:
            changed = _changed(asked[place], state, row.now / 1000)
            state, until, results[place] = changed.state, changed.until, changed.result
        tx.send(_SAVE, of=name, new_state=to_json(state), until=int(until * 1000))
    return results


def _read(name: str, text: str) -> Mapping[str, Any]:
    try:
        state = from_json(text)
    except ValueError:
        state = None
    if isinstance(state, dict):
        return state
    log.warning("limits.unreadable", limit=name, error="it is no JSON object")
    return {}


def _changed(asked: _Asked, state: Mapping[str, Any], now: float) -> Changed[Any]:
    """Make a change; of a row that it cannot read, as if that held nothing: others go with it each time."""
    try:
        return asked.change(state, now)
    except Exception as error:
        if not state:
            raise  # it is the change that is wrong
        log.warning("limits.unreadable", limit=asked.name, error=in_one_line(error))
        return asked.change({}, now)
