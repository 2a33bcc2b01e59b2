"""Two releases on one PostgreSQL, the newer one's schema having more in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from supportbot.chaos.clients import Http
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program
from supportbot.migrations import HEAD

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.model import ListeningModel

NEXT = f"{HEAD}b"

NEWER = f"""
from supportbot import migrations
migrations.KNOWN += ("{NEXT}",)
migrations.HEAD = "{NEXT}"
"""
"""What makes this release the next one, before anything else is imported."""

STEP = f"""
ALTER TABLE conversations ADD COLUMN priority TEXT;
ALTER TABLE turns ADD COLUMN score INTEGER NOT NULL DEFAULT 0;
CREATE TABLE teams (id TEXT PRIMARY KEY);
CREATE INDEX ix_messages_author ON messages (author);
UPDATE alembic_version SET version_num = '{NEXT}';
"""


async def test_an_older_and_a_newer_release_work_side_by_side(
    tmp_path: Path, postgres_database: str, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """The database is migrated under a running process; a newer one joins it, an older one is started again,
    and a conversation goes on through all of them."""
    (tmp_path / "sitecustomize.py").write_text(NEWER, "utf-8")
    folder = BotFolder(tmp_path / "bot", model_url=model.url, database=postgres_database)
    async with program(folder) as old:
        visitor = await Http(old, session).visitor()
        assert 202 == (await visitor.post("c1", "kside1-1 hello")).status
        await visitor.answered("kside1-1")
        with psycopg.connect(postgres_database.replace("+psycopg", "")) as connection:
            connection.execute(STEP)
        async with (
            program(folder, environment={"PYTHONPATH": str(tmp_path)}) as new,
            program(folder) as again,
        ):
            for number, one in enumerate((old, new, again, old, new), start=2):
                visitor.http.program = one
                assert 202 == (await visitor.post(f"c{number}", f"kside1-{number} and more")).status
                await visitor.answered(f"kside1-{number}")
            assert [0, 0] == [await again.stop(), await new.stop()]
        assert 0 == await old.stop()
    assert [] == model.wrong
