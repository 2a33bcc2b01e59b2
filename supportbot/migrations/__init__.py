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

    Its name says so: ``0001a`` and ``0001b`` added to ``0001``, the second to the first as well; after
    ``0001z`` comes ``0001aa``.
    """
    added, to = _placed(version), _placed(known)
    return added is not None and to is not None and added[0] == to[0] and added > to


def is_newer(version: str) -> bool:
    """Say whether a version can only be that of a release after this one, going by its name."""
    found, ours = _placed(version), _placed(HEAD)
    return found is not None and ours is not None and found > ours


def _placed(version: str) -> tuple[int, int, str] | None:
    """Return what versions are ordered by; None of what is no name of ours."""
    name = re.fullmatch(r"(\d{4})([a-z]*)", version, re.ASCII)
    return name and (int(name[1]), len(name[2]), name[2])
