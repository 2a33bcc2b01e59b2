"""The steps that lead a database from one schema version to the next, run by ``supportbot.schema``.

The versions are listed here too, so that starting a bot on a database that is already right
imports neither Alembic nor the steps; a test compares the list with the folder ``versions``.
"""

from __future__ import annotations

KNOWN = ("0001",)
"""Every schema version this release can be at or come from, oldest first."""

HEAD = KNOWN[-1]
"""The schema version this release works with."""
