"""kill -9 at random moments, under load with duplicates: nothing is lost, nothing is answered twice."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.acceptance.audit import Tables

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.ordeal import Ordeal

KILLS = int(os.environ.get("SUPPORTBOT_TEST_KILLS", "6"))
"""How often the program is killed; set it higher for a longer run."""


async def test_kill_9_at_random_moments(tmp_path: Path, ordeal: Ordeal) -> None:
    """Every acknowledged message is answered exactly once, in order, whenever the program is killed."""
    folder = ordeal.folder(tmp_path / "bot")
    tables = Tables(f"sqlite:///{folder.database_file}")
    counts = await ordeal.endure(folder, tables, kills=KILLS)
    counts.report("kill-9")
    counts.check()
    assert "ok" == folder.integrity()


async def test_kill_9_on_postgresql(tmp_path: Path, ordeal: Ordeal, postgres_database: str) -> None:
    """The same holds on PostgreSQL, where a dead process's turns are taken over when their leases end."""
    folder = ordeal.folder(tmp_path / "bot", database=postgres_database)
    counts = await ordeal.endure(folder, Tables(postgres_database), kills=max(2, KILLS // 3), customers=8)
    counts.report("kill-9-postgresql")
    counts.check()
