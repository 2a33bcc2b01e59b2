"""One bot per SQLite file: a lock beside it that the operating system holds.

Two processes on one file would each believe that they alone decide the order of answers. The lock
is the kernel's, so it ends with its process however that ends; the file ``<database>.lock`` stays,
and only tells who holds it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from supportbot.errors import DatabaseUnusable, StoreInUse
from supportbot.ids import now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PATIENCE = 0.5
"""Seconds to try for: whoever reads the file holds the lock for an instant too."""

_MOST = 64 * 1024
"""Most bytes that are read back; what we write is a few hundred."""

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # Windows keeps others from reading locked bytes, so one is locked that nobody reads

    def _try_lock(descriptor: int, *, shared: bool) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:  # Windows has one kind of lock: shared or not makes no difference
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int, *, shared: bool) -> bool:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class LockFile:
    """The right to run a bot on one SQLite file."""

    def __init__(self, database: Path) -> None:
        """Name the database; nothing is opened yet. Its folder must exist by the time of ``acquire``."""
        self._database = database
        self._descriptor: int | None = None
        self._info: dict[str, Any] = {}

    def acquire(self, info: Mapping[str, Any] | None = None) -> None:
        """Take the lock, or raise at once.

        Args:
            info: small JSON values that others may read while the lock is held, such as ``url``;
                ``pid`` and ``started_at`` (Unix milliseconds) are added. Only this user can read the file.

        Raises:
            StoreInUse: another living process holds it.
            DatabaseUnusable: the lock file cannot be made, or its file system has no locks.
        """
        if self._descriptor is not None:
            raise RuntimeError("the lock is already held")
        try:
            self._descriptor = self._take()
            self._info = {"pid": os.getpid(), "started_at": now_ms(), **(info or {})}
            self._write()
        except OSError as error:
            self.release()
            raise self._unusable(error) from error

    def update(self, info: Mapping[str, Any]) -> None:
        """Tell others more, such as the URL once it is known; replaces what had the same names.

        Raises:
            DatabaseUnusable: it could not be written; the lock is still held.
        """
        self._info.update(info)
        try:
            self._write()
        except OSError as error:
            raise self._unusable(error) from error

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held. The file stays, empty.

        On a disk that has become read-only it stays as it is: what counts is the lock, not what is written.
        """
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            try:
                with suppress(OSError):
                    os.ftruncate(descriptor, 0)
            finally:
                os.close(descriptor)

    def _take(self) -> int:
        descriptor = os.open(_beside(self._database), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            locked = _is_locked_within(_PATIENCE, descriptor)
            told = _content(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        if not locked:
            os.close(descriptor)
            raise StoreInUse(path=self._database, pid=told.get("pid", "unknown"))
        return descriptor

    def _write(self) -> None:
        """Write one line. It is emptied first, so that nobody reads what a killed process left in it."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        line = json.dumps(self._info).encode() + b"\n"
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, line)

    def _unusable(self, error: OSError) -> DatabaseUnusable:
        return DatabaseUnusable(database=str(self._database), cause=str(error))


def read(database: Path) -> dict[str, Any] | None:
    """Return what the holder of a database's lock tells about itself; None when nobody holds it.

    Empty when it is held but tells nothing (yet).

    Raises:
        DatabaseUnusable: the lock file is there and cannot be read.
    """
    try:
        descriptor = os.open(_beside(database), os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatabaseUnusable(database=str(database), cause=str(error)) from error
    try:
        if _try_lock(descriptor, shared=True):
            return None
        return _content(descriptor)
    finally:
        os.close(descriptor)  # and with it the lock, if we got it


def _is_locked_within(seconds: float, descriptor: int) -> bool:
    deadline = time.monotonic() + seconds
    while not _try_lock(descriptor, shared=False):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _beside(database: Path) -> Path:
    """Return the lock's path: the same for every name that leads to the database."""
    database = database.resolve()
    return database.with_name(f"{database.name}.lock")


def _content(descriptor: int) -> dict[str, Any]:
    """Read the line in the file; empty when it is not whole."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        told = json.loads(os.read(descriptor, _MOST))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
