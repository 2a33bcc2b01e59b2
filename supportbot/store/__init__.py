"""The session store: units of work on SQLite or PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from supportbot.store.base import Asked, Store, Tx
from supportbot.store.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Asked", "Statement", "Store", "Tx", "open_store", "sqlite_path"]


def open_store(url: str, *, observe: Callable[[float, int], None] | None = None) -> Store:
    """Open the store that a database URL names. It must exist, at the right schema version.

    Args:
        url: ``sqlite:////absolute/path`` or ``postgresql+psycopg://…``.
        observe: told of every commit on SQLite: seconds it took, units it held.
    """
    path = sqlite_path(url)
    if path is None:
        from supportbot.store.postgres import PostgresStore

        return PostgresStore(url)
    from supportbot.store.sqlite import SqliteStore

    return SqliteStore(path, observe=observe)


def sqlite_path(url: str) -> Path | None:
    """Return the file a database URL names, or None when it names a server."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None
