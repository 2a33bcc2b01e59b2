"""kill -9 at random moments, under load with duplicates: nothing is lost, nothing is answered twice.

``supportbot chaos`` does the same for longer, and more of it (docs/chaos.md).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from supportbot.chaos.plan import Plan
from supportbot.chaos.trial import hold
from tests.acceptance.conftest import check

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("SUPPORTBOT_TEST_KILLS", "6"))
"""How often the program is killed; set it higher for a longer run."""


async def test_kill_9_at_random_moments(tmp_path: Path, seed: int) -> None:
    """Every acknowledged message is answered exactly once, in order, whenever the program is killed."""
    plan = Plan(conversations=8, messages=15, kills=KILLS, freezes=1, stops=1, seed=seed)
    check("kill-9", await hold(plan, tmp_path, "sqlite:///data/bot.db"))


async def test_kill_9_on_postgresql(tmp_path: Path, seed: int, postgres_database: str) -> None:
    """The same holds for two processes on PostgreSQL, which take over each other's turns when leases end."""
    plan = Plan(
        conversations=8, messages=20, processes=2, kills=max(2, KILLS // 2), freezes=1, stops=1, seed=seed
    )
    check("kill-9-postgresql", await hold(plan, tmp_path, postgres_database))
