"""What a process has open, to see that something left nothing behind."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path


def belongings() -> set[object]:
    """Return the tasks of the running loop, and the process's open files where the system tells them."""
    listing = Path("/dev/fd")
    numbers = [int(path.name) for path in listing.iterdir()] if listing.is_dir() else []
    return {*asyncio.all_tasks(), *filter(_is_open, numbers)}


async def left_over(before: set[object]) -> set[object]:
    """Return what there is now and was not ``before``; what is just closing gets up to a second for it."""
    for _ in range(100):
        if belongings() <= before:
            break
        await asyncio.sleep(0.01)
    return belongings() - before


def _is_open(number: int) -> bool:
    """Say whether a file is open: the listing itself was one, and is no longer."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
