"""Whichever of a turn's database calls fails, what was acknowledged is answered once and in order.

The n-th statement fails, for every n of a turn; and every commit in turn is reported as failed although it
reached the disk, as when the connection breaks while the answer is on its way.
"""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pytest

from supportbot.errors import StoreUnavailable
from supportbot.outbox import deliveries
from tests.durable import Durable, inbound, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from supportbot.store import Asked, Statement, Store, Tx

T = TypeVar("T")

Kind = Literal["statement", "commit"]

AT_LEAST = {"statement": 40, "commit": 6}
"""So many calls two turns surely have: with fewer, the test has lost sight of them."""

LEASE = 0.5
"""Seconds: what was claimed by a call whose answer got lost is claimed again after so long."""


class Injected(StoreUnavailable):
    """The session store cannot be written: {cause}. Nothing was accepted; try again."""


class FailingStore:
    """A store whose n-th statement fails, or whose n-th commit succeeds and is told to have failed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._left: dict[Kind, int] = {}
        self.seen: Counter[Kind] = Counter()
        self.hits = 0

    def fail(self, kind: Kind, number: int) -> None:
        """Let the n-th from now on fail, the first being 1."""
        self._left[kind] = number

    def is_due(self, kind: Kind) -> bool:
        """Count one, and say whether it is the one that fails."""
        self.seen[kind] += 1
        if kind not in self._left:
            return False
        self._left[kind] -= 1
        if self._left[kind]:
            return False
        del self._left[kind]
        self.hits += 1
        return True

    async def write(self, unit: Callable[[Tx], T], *, patience: float = 0.0) -> T:
        """Run a unit; where the store's own patience would try again, so does this."""
        try:
            return await self._write_once(unit, patience)
        except Injected:
            if not patience:
                raise
            return await self._write_once(unit, patience)

    async def _write_once(self, unit: Callable[[Tx], T], patience: float) -> T:
        failing = _Failing(self)

        def run(tx: Tx) -> T:
            failing.begin()  # also when the store runs it again, behind a savepoint: still the same failure
            result = unit(_FailingTx(tx, failing))
            tx.after_commit(failing.committed)
            return result

        result = await self._store.write(run, patience=0.0)
        if failing.answer_lost:
            raise Injected(cause="the connection broke during the commit")
        return result

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that only reads."""
        failing = _Failing(self)
        return await self._store.read(lambda tx: unit(_FailingTx(tx, failing)))

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()


class _Failing:
    """One unit of work, whose fate is decided once."""

    def __init__(self, store: FailingStore) -> None:
        self._store = store
        self._broken = False
        self.answer_lost = False
        self.callbacks: list[Callable[[], None]] = []

    def begin(self) -> None:
        self.callbacks.clear()
        if self._broken:
            raise Injected(cause="disk I/O error")

    def statement(self) -> None:
        if self._broken or self._store.is_due("statement"):
            self._broken = True
            raise Injected(cause="disk I/O error")

    def committed(self) -> None:
        self.answer_lost = self._store.is_due("commit")
        for callback in [] if self.answer_lost else self.callbacks:
            callback()


class _FailingTx:
    """A transaction that counts its statements."""

    def __init__(self, tx: Tx, failing: _Failing) -> None:
        self._tx = tx
        self._failing = failing

    def rows(self, statement: Statement, /, **params: Any) -> list[Any]:
        self._failing.statement()
        return self._tx.rows(statement, **params)

    def row(self, statement: Statement, /, **params: Any) -> Any | None:
        self._failing.statement()
        return self._tx.row(statement, **params)

    def run(self, statement: Statement, /, **params: Any) -> int:
        self._failing.statement()
        return self._tx.run(statement, **params)

    def ask(self, statement: Statement, /, **params: Any) -> Asked:
        self._failing.statement()
        return self._tx.ask(statement, **params)

    def send(self, statement: Statement, /, **params: Any) -> None:
        self._failing.statement()
        self._tx.send(statement, **params)

    def lock(self, statement: Statement, /, **params: Any) -> None:
        self._failing.statement()
        self._tx.lock(statement, **params)

    def after_commit(self, callback: Callable[[], None], /) -> None:
        self._failing.callbacks.append(callback)


@asynccontextmanager
async def suffering(url: str, queue: str) -> AsyncIterator[tuple[FailingStore, Durable]]:
    """A durable path on a store that will fail; its engine is the queue's where that has a URL."""
    async with opened(url) as store:
        failing = FailingStore(store)
        durable = Durable(failing, queue=queue, lease_ms=int(LEASE * 1000), delivery_timeout=LEASE)
        durable.store = store  # what the test looks at is not counted
        await durable.start()
        try:
            yield failing, durable
        finally:
            await durable.stop()


async def insist(durable: Durable, said: str, *, to: str) -> None:
    """Hand a message in as a platform does: again, under the same key, until it is acknowledged."""
    while True:
        try:
            await durable.inbox.accept(inbound(said, to=to, key=f"{to} {said}"))
        except StoreUnavailable:
            continue
        return


async def converse(durable: Durable, to: str) -> None:
    """Two messages, the second once the first was answered, and both are delivered."""
    for said in ("first", "second"):
        await insist(durable, said, to=to)
        await durable.until_rows(
            "SELECT count(*) FROM deliveries d JOIN conversations c ON c.id = d.conversation_id"
            f" WHERE c.external_id = '{to}' AND d.state = 'delivered'",
            [(1 if said == "first" else 2,)],
            seconds=20,
        )


async def kept(durable: Durable, to: str) -> None:
    """Both were answered exactly once, in order, and nothing is left to do."""
    said = await durable.rows(
        "SELECT m.text, m.state FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        f" WHERE c.external_id = '{to}' ORDER BY m.seq"
    )
    answered = [("first", "answered"), ("re: first", "said"), ("second", "answered"), ("re: second", "said")]
    assert answered == said
    posted = [post.text for post in durable.platform.posts if post.external_id == to]
    assert ["re: first", "re: second"] == posted
    left = f"SELECT due_at, open_turn_id FROM conversations WHERE external_id = '{to}'"
    await durable.until_rows(left, [(None, None)])


@pytest.mark.parametrize("driver", ["local-sqlite", "local-postgresql", "queue"])
@pytest.mark.parametrize("kind", ["statement", "commit"])
async def test_whichever_call_of_a_turn_fails(
    request: pytest.FixtureRequest, driver: str, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the acceptance of a message to the record of its delivery, each call in turn fails once; with
    either engine, on either database.
    """
    monkeypatch.setattr(deliveries, "_MARGIN", LEASE)
    monkeypatch.setattr("supportbot.turns.queue._REAP", LEASE)
    url = request.getfixturevalue("sqlite_database" if driver == "local-sqlite" else "postgres_database")
    async with suffering(url, url if driver == "queue" else "") as (store, durable):
        durable.worker.say = lambda turn: f"re: {turn.question}"
        for number in count(1):
            hits = store.hits
            store.fail(kind, number)
            await converse(durable, f"{kind} {number}")
            await kept(durable, f"{kind} {number}")
            if hits == store.hits:
                break  # both turns have fewer calls: each has failed
        assert [("answered",)] == await durable.rows("SELECT DISTINCT state FROM turns")
    print(f"\n{number - 1} {kind}s of two turns, each failed once")
    assert AT_LEAST[kind] <= number - 1
