"""The store on PostgreSQL: every statement, errors told apart, connections that die, nothing half done."""

from __future__ import annotations

import asyncio
import gc
import importlib
import pkgutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import LargeBinary, Text, bindparam, literal_column, select, text
from structlog.testing import capture_logs

import supportbot
from supportbot.errors import StoreUnavailable
from supportbot.store import Statement
from supportbot.store.postgres_pool import Pool, connect
from tests.durable import Durable, opened, rows_of
from tests.frozen import freezing

if TYPE_CHECKING:
    from supportbot.store import Store, Tx

_KILL_ME = Statement(text("SELECT pg_terminate_backend(pg_backend_pid())"))
_KILL_OTHERS = Statement(
    text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
)
_CANCEL_SLEEPERS = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep(600)%'"
)
_WRONG = Statement(text("SELECT 1 / 0"))
_ONE = Statement(text("SELECT 1 AS one"))


def add(name: str) -> Statement:
    """Return what adds a tenant."""
    return Statement(text(f"INSERT INTO tenants (id, name, created_at) VALUES ('{name}', '', 1)"))


async def tenants(store: Store) -> list[str]:
    return [row[0] for row in await rows_of(store, "SELECT id FROM tenants ORDER BY id")]


def every_statement() -> dict[str, Statement]:
    """Return all statements of the core, by where they stand."""
    found = {}
    for module_info in pkgutil.walk_packages(supportbot.__path__, "supportbot."):
        if (
            ".migrations" in module_info.name
            or ".testing" in module_info.name
            or "__main__" in module_info.name
        ):
            continue
        module = importlib.import_module(module_info.name)
        for name, value in vars(module).items():
            if isinstance(value, Statement):
                found[f"{module.__name__}.{name}"] = value
    return found


async def test_the_server_can_prepare_every_statement(postgres_database: str) -> None:
    """No statement leaves a parameter's type open, or gives it one that does not fit."""
    statements = every_statement()
    assert len(statements) > 100
    wrong = {}
    async with (
        opened(postgres_database),
        await psycopg.AsyncConnection.connect(
            postgres_database.replace("+psycopg", ""), autocommit=True
        ) as connection,
    ):
        for name, statement in statements.items():
            prepared = statement.for_postgres()
            result = connection.pgconn.prepare(b"", prepared.sql)
            if result.error_message:
                wrong[name] = result.error_message.decode()
    assert {} == wrong


async def test_values_come_back_as_they_went(postgres_database: str) -> None:
    """Words in any script, bytes with NULs, JSON as text, numbers, nothing."""
    async with opened(postgres_database) as store:
        echo = Statement(
            select(
                bindparam("words", type_=Text).label("words"),
                bindparam("raw", type_=LargeBinary).label("raw"),
                bindparam("none", type_=Text).label("none"),
                literal_column("'{\"a\":[1]}'::jsonb").label("json"),
                literal_column("9007199254740993").label("number"),
            )
        )
        row = await store.read(
            lambda tx: tx.row(echo, words="Grüße, 世界 🙂 %s $1", raw=b"\0\xff'", none=None)
        )
        assert ("Grüße, 世界 🙂 %s $1", b"\0\xff'", None, '{"a": [1]}', 9007199254740993) == tuple(row)


async def test_a_nul_is_refused_and_never_cuts_a_text_short(postgres_database: str) -> None:
    """The server's protocol would end a text there without a word."""
    async with opened(postgres_database) as store:
        echo = Statement(select(bindparam("words", type_=Text)))
        with pytest.raises(ValueError, match="NUL"):
            await store.write(lambda tx: tx.row(echo, words="a\0b"))
        assert (1,) == tuple(await store.read(lambda tx: tx.row(_ONE)))


async def test_a_statement_larger_than_the_socket_takes(postgres_database: str) -> None:
    """Ten megabytes go out bit by bit, while everything else goes on."""
    async with opened(postgres_database) as store:
        size = Statement(select(literal_column("1"), bindparam("raw", type_=LargeBinary).label("raw")))
        raw = bytes(10_000_000)
        rows = await asyncio.gather(*(store.read(lambda tx: tx.row(size, raw=raw)) for _ in range(3)))
        assert [10_000_000] * 3 == [len(row.raw) for row in rows]


async def test_what_nobody_asks_about_fails_the_unit_all_the_same(postgres_database: str) -> None:
    """The error of a statement that was only sent is raised, by the next question or by the commit."""
    async with opened(postgres_database) as store:

        def asked(tx: Tx) -> None:
            tx.run(add("before"))
            tx.send(_WRONG)
            tx.row(_ONE)

        def never_asked(tx: Tx) -> None:
            tx.send(add("before"))
            tx.send(_WRONG)
            tx.send(add("after"))

        for unit in (asked, never_asked):
            with pytest.raises(psycopg.errors.DivisionByZero):
                await store.write(unit)
        assert ["default"] == await tenants(store)
        assert 1 == await store.write(lambda tx: tx.run(add("next")))


async def test_a_statement_that_was_skipped_is_prepared_again(postgres_database: str) -> None:
    """What stood behind a failure was not prepared either; the connection does not believe it was."""
    async with opened(postgres_database) as store:
        behind = add("behind")

        def unit(tx: Tx) -> None:
            tx.send(_WRONG)
            tx.send(behind)

        with pytest.raises(psycopg.errors.DivisionByZero):
            await store.write(unit)
        await store.write(lambda tx: tx.run(behind))
        assert ["behind", "default"] == await tenants(store)


async def test_a_connection_that_died_at_rest_is_replaced_unnoticed(postgres_database: str) -> None:
    """A server that was restarted costs nobody an error: nothing had been asked of the dead connections."""
    async with opened(postgres_database) as store:
        await asyncio.gather(*(store.write(lambda tx: tx.row(_ONE)) for _ in range(5)))
        async with await psycopg.AsyncConnection.connect(
            postgres_database.replace("+psycopg", ""), autocommit=True
        ) as other:
            await other.execute(_KILL_OTHERS.for_postgres().sql)
        await asyncio.gather(*(store.write(lambda tx, n=n: tx.run(add(f"t{n}"))) for n in range(5)))
        assert 6 == len(await tenants(store))
        assert 6 == len(await tenants(store))


async def test_a_connection_that_dies_before_the_commit_takes_nothing_along(postgres_database: str) -> None:
    """The unit is run again, wholly, on another connection."""
    async with opened(postgres_database) as store:
        runs = 0

        def unit(tx: Tx) -> None:
            nonlocal runs
            runs += 1
            tx.run(add("one"))
            if runs == 1:
                tx.row(_KILL_ME)

        await store.write(unit)
        assert 2 == runs
        assert ["default", "one"] == await tenants(store)


async def test_a_connection_that_always_dies_makes_the_store_unavailable(postgres_database: str) -> None:
    """It is tried once more, not for ever, and the next unit gets a living connection."""
    async with opened(postgres_database) as store:
        with pytest.raises(StoreUnavailable):
            await store.write(lambda tx: (tx.run(add("one")), tx.row(_KILL_ME)))
        assert ["default"] == await tenants(store)


async def test_durable_whatever_the_server_s_default(postgres_database: str) -> None:
    """A commit waits for the disk, also where the server is told not to."""
    async with opened(postgres_database) as store:
        found = [await rows_of(store, f"SHOW {name}") for name in ("synchronous_commit", "statement_timeout")]
        assert [[("on",)], [("10s",)]] == found


async def test_two_units_that_block_each_other_are_both_done(postgres_database: str) -> None:
    """A deadlock ends one of them; it is run again."""
    async with opened(postgres_database) as store:
        bot = Durable(store)
        await bot.accept("hello", to="a")
        await bot.accept("hello", to="b")
        touch = Statement(
            text("UPDATE conversations SET updated_at = updated_at + 1 WHERE external_id = :name").bindparams(
                bindparam("name", type_=Text)
            )
        )
        pause = Statement(text("SELECT pg_sleep(0.1)"))

        def both(first: str, second: str) -> object:
            def unit(tx: Tx) -> None:
                tx.run(touch, name=first)
                tx.row(pause)
                tx.run(touch, name=second)

            return unit

        before = await rows_of(store, "SELECT sum(updated_at) FROM conversations")
        await asyncio.gather(store.write(both("a", "b")), store.write(both("b", "a")))  # type: ignore[arg-type]
        after = await rows_of(store, "SELECT sum(updated_at) FROM conversations")
        assert 4 == after[0][0] - before[0][0]


async def test_a_failure_that_nobody_waits_for_any_more_is_told_in_the_log(postgres_database: str) -> None:
    """Whoever gave up hears no more of it; the event loop does not complain of an error never retrieved."""
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()
    hang = Statement(text("SELECT pg_sleep(600)"))

    def unit(tx: Tx) -> None:
        loop.call_soon(reached.set)
        tx.row(hang)

    async with opened(postgres_database) as store:
        with capture_logs() as logs:
            gone = asyncio.ensure_future(store.write(unit))
            await reached.wait()
            gone.cancel()
            await asyncio.wait([gone])
            async with asyncio.timeout(10):
                while not logs:  # nobody waits for the unit, that is the point
                    await rows_of(store, _CANCEL_SLEEPERS)
        del gone
    gc.collect()
    assert ["store.unavailable", "store.failed_after_the_caller_left"] == [entry["event"] for entry in logs]
    assert [] == complaints


POSITIONS = 5
"""Statements of a unit, the failing one among them."""


def number(n: int) -> Statement:
    """Return what asks for a number; never prepared before, so that its preparation is on its way too."""
    return Statement(text(f"SELECT {n} AS number, '{uuid4().hex}' AS salt"))


async def answers_are_their_own(store: Store) -> None:
    """Units at once, each of which gets what it asked for, and the last of which is stored."""

    def look(n: int) -> Any:
        def unit(tx: Tx) -> tuple[int, ...]:
            tx.send(number(-1))
            return tuple(tx.rows(number(n + place))[0][0] for place in range(3))

        return unit

    jobs = [use(look(n)) for n in range(0, 60, 10) for use in (store.read, store.write)]
    found = await asyncio.gather(*jobs)
    assert [(n, n + 1, n + 2) for n in range(0, 60, 10) for _ in range(2)] == found


@pytest.mark.parametrize("asks", [True, False], ids=["asked", "sent"])
@pytest.mark.parametrize("place", range(POSITIONS))
@pytest.mark.parametrize("wrong", [_WRONG, _KILL_ME], ids=["error", "terminated"])
async def test_a_failure_anywhere_in_a_pipeline_is_its_unit_s_alone(
    postgres_database: str, wrong: Statement, place: int, *, asks: bool
) -> None:
    """Wherever a statement fails or the server ends the connection: nothing of it is stored, and whoever has
    the connection next gets its own answers.
    """
    async with opened(postgres_database) as store:

        def unit(tx: Tx) -> None:
            for step in range(POSITIONS):
                tx.send(add(f"step-{step}"))
                if step == place:
                    (tx.row if asks else tx.send)(wrong)
                tx.send(number(step))

        for _ in range(3):
            with pytest.raises((psycopg.errors.DivisionByZero, StoreUnavailable)):
                await store.write(unit)
            await answers_are_their_own(store)
        assert ["default"] == await tenants(store)


@pytest.mark.parametrize("then", ["asks", "commits"])
async def test_a_unit_that_overlooks_a_failure_stores_nothing(postgres_database: str, then: str) -> None:
    """It goes on as if nothing had been: it is told again at once, and its commit does not pretend."""
    async with opened(postgres_database) as store, asyncio.timeout(10):

        def unit(tx: Tx) -> None:
            tx.run(add("before"))
            with suppress(psycopg.Error):
                tx.run(_WRONG)
            tx.send(add("after"))
            if then == "asks":
                tx.row(_ONE)

        with pytest.raises(psycopg.errors.DivisionByZero):
            await store.write(unit)
        await answers_are_their_own(store)
        assert ["default"] == await tenants(store)


async def test_a_commit_that_the_server_answers_with_rollback_is_none(postgres_database: str) -> None:
    """So it does where the transaction had failed before; the connection is good again after a rollback."""
    pool = Pool(postgres_database)
    async with pool.lend() as wire:
        wrong = _WRONG.for_postgres()
        wire.begin()
        wire.send(wrong, wrong.bind({}))
        with pytest.raises(psycopg.errors.DivisionByZero):
            await wire.synced()
        with pytest.raises(psycopg.errors.DivisionByZero):
            await wire.commit()
        await wire.rollback()
        assert wire.usable
        wire.begin()
        await wire.synced()
        assert not wire.usable, "a transaction is open"
    async with pool.lend() as another:
        assert another is not wire
    pool.close()


@pytest.mark.parametrize("work", ["writes", "reads", "opens"])
async def test_a_server_that_hangs_does_not_keep_the_store_from_closing(
    postgres_database: str, work: str
) -> None:
    """Whoever waits for it then, in the middle of a unit or for a connection, is told that there is none."""
    async with freezing(postgres_database) as server, opened(server.url) as store:
        await rows_of(store, "SELECT 1")
        server.freeze()
        jobs = []
        if work == "writes":
            jobs = [asyncio.create_task(store.write(lambda tx: tx.run(add("never")), patience=60))]
        elif work == "reads":
            jobs = [asyncio.create_task(rows_of(store, "SELECT 1"))]
        else:
            jobs = [asyncio.create_task(rows_of(store, "SELECT 1")) for _ in range(3)]
        await asyncio.sleep(0)
        async with asyncio.timeout(8):  # a server gets 15 s to answer
            await store.close()
            ends = await asyncio.gather(*jobs, return_exceptions=True)
        assert {StoreUnavailable} == {type(end) for end in ends}


async def test_a_unit_that_stops_in_the_middle_is_seen_to_be_idle(postgres_database: str) -> None:
    """For the server it waits for the process, so that its time-out takes a stopped one's locks away."""
    states: list[str] = []

    def unit(tx: Tx) -> None:
        tx.row(_ONE)
        with psycopg.connect(postgres_database.replace("+psycopg", ""), autocommit=True) as other:
            query = (
                "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            states.extend(row[0] for row in other.execute(query))

    async with opened(postgres_database) as store:
        await store.write(unit)
    assert ["idle in transaction"] == states


async def test_who_waits_behind_a_process_that_is_stopped_in_mid_transaction_goes_on(
    postgres_database: str,
) -> None:
    """Its locks are taken away before those who wait for them are told that the database is of no use."""
    async with opened(postgres_database) as store:
        await store.write(lambda tx: tx.run(add("one")))
        stopped = await connect(postgres_database)
        try:
            await stopped.execute("BEGIN")
            await stopped.execute("UPDATE tenants SET name = 'theirs' WHERE id = 'one'")  # and no word more
            ours = Statement(text("UPDATE tenants SET name = 'ours' WHERE id = 'one'"))
            await store.write(lambda tx: tx.run(ours))
        finally:
            await stopped.close()
        assert [("ours",)] == await rows_of(store, "SELECT name FROM tenants WHERE id = 'one'")
