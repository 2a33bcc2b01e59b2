"""SQLite files as a bot's first start leaves them, copied instead of filled again and again."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from supportbot.store import sqlite_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


class Filled:
    """One that is filled at the first call, and copies of it."""

    def __init__(self, prepare: Callable[[str], None], folders: pytest.TempPathFactory) -> None:
        self.really_prepare = prepare
        """``schema.prepare`` as it is."""
        self._folders = folders
        self._content = b""

    def prepare(self, url: str) -> None:
        """Do what ``schema.prepare`` does; a file that is not there is a copy already when it looks."""
        path = sqlite_path(url)
        if path is not None and not path.exists():
            with suppress(OSError):  # what is wrong with the place is for the real one to say
                self._copy_to(path)
        self.really_prepare(url)

    def _copy_to(self, path: Path) -> None:
        if not self._content:
            first = self._folders.mktemp("filled") / "bot.db"
            self.really_prepare(f"sqlite:///{first}")
            self._content = first.read_bytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        copy = path.with_name(uuid4().hex)
        try:
            copy.touch(0o600)
            copy.write_bytes(self._content)
            path.hardlink_to(copy)  # whole or not at all, and never over another's
        finally:
            copy.unlink(missing_ok=True)
