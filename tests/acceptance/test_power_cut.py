"""The power goes: what is on the disk then is enough."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from supportbot.chaos.plan import Plan
from supportbot.chaos.trial import hold
from tests.acceptance.conftest import check
from tests.acceptance.disks import disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from supportbot.chaos.program import Program
    from tests.acceptance.disks import Disk

CUTS = max(2, int(os.environ.get("SUPPORTBOT_TEST_KILLS", "6")) // 2)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Disk]:
    """A disk for the database."""
    with disk(tmp_path / "power", megabytes=64) as made:
        yield made


def test_a_power_cut_forgets_what_was_not_synced(mounted: Disk) -> None:
    """The simulation is one: synced words survive it, words that were only written do not."""
    synced, written = mounted.root / "synced", mounted.root / "written"
    with synced.open("w") as file:
        file.write("kept")
        file.flush()
        os.fsync(file.fileno())
    written.write_text("lost")
    mounted.cut_power()
    assert "kept" == synced.read_text()
    assert not written.exists() or "" == written.read_text()


async def test_a_power_cut_loses_nothing_acknowledged(tmp_path: Path, seed: int, mounted: Disk) -> None:
    """What was acknowledged before the power went is there afterwards, and is answered once."""

    async def crash(bot: Program) -> None:
        await bot.kill()
        mounted.cut_power()

    plan = Plan(conversations=8, messages=15, kills=CUTS, freezes=0, stops=0, seed=seed)
    database = f"sqlite:///{mounted.root}/bot.db"
    check("power-cut", await hold(plan, tmp_path / "bot", database, crash=crash))
