"""The steps that lead a database from one schema version to the next, run by ``supportbot.schema``.

The versions are listed here too, so that starting a bot on a database that is already right
imports neither Alembic nor the steps; a test compares the list with the folder ``versions``.
"""

from __future__ import annotations

import re

KNOWN = ("0001",)
"""Every schema version this release can be at or come from, oldest first."""

HEAD = KNOWN[-1]
"""The schema version this release works with."""


def expands(version: str, known: str) -> bool:
    """Say whether a version only added to one that is known, so that releases of both work side by side.

    Its name says so: ``0001a`` and ``0001b`` added to ``0001``, the second to the first as well.
    """
    added = re.fullmatch(r"(\d+)([a-z]*)", version)
    to = re.fullmatch(r"(\d+)([a-z]*)", known)
    return bool(added and to and added[1] == to[1] and added[2] > to[2])


def is_newer(version: str) -> bool:
    """Say whether a version can only be that of a release after this one, going by its name."""
    return re.fullmatch(r"\d{4}[a-z]*", version) is not None and version > HEAD
