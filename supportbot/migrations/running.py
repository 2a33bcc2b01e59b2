"""Runs the steps with Alembic, which is imported no sooner than that."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

_one_at_a_time = threading.Lock()
"""Kept in a module because Alembic keeps there on which database it works."""


def run(connection: Connection, *, to: str, report: Callable[[str], None], down: bool = False) -> None:
    """Lead a database to a version, in the transaction that is open; threads take turns.

    Args:
        connection: to the database.
        to: the version, ``head`` or ``base``.
        report: told about each step, one line each.
        down: it is an older version than the present one.
    """
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "report": report})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _one_at_a_time:
        (command.downgrade if down else command.upgrade)(config, to)
