"""One bot per SQLite file."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import supportbot
from supportbot import lockfile
from supportbot.errors import DatabaseUnusable, StoreInUse
from supportbot.lockfile import LockFile

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLDER = """
import sys
from pathlib import Path
from supportbot.lockfile import LockFile
lock = LockFile(Path(sys.argv[1]))
lock.acquire({"url": "http://127.0.0.1:8080"})
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@contextmanager
def holder(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is killed or its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)],
        cwd=Path(supportbot.__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "held\n" == process.stdout.readline()
        yield process


def test_the_second_process_is_refused_with_one_line(database: Path) -> None:
    """It says which file, which process, and what to do; the holder is not disturbed."""
    with holder(database) as process:
        with pytest.raises(StoreInUse) as refused:
            LockFile(database).acquire()

        assert (
            f"Another bot is running on {database} (process {process.pid}). Stop it first, give this one its "
            "own 'database' in bot.yaml, or use PostgreSQL to run several."
        ) == str(refused.value)
        told = lockfile.read(database)
        assert told is not None
        assert process.pid == told["pid"]


def test_another_name_of_the_file_is_the_same_lock(database: Path) -> None:
    """A symbolic link to the database does not get round the lock."""
    database.touch()
    link = database.with_name("link.db")
    link.symlink_to(database)

    with holder(database), pytest.raises(StoreInUse):
        LockFile(link).acquire()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "SIGTERM"])
def test_a_killed_process_holds_nothing(database: Path, number: signal.Signals) -> None:
    """The kernel ends the lock with its process; what it had written is nobody's word any more."""
    with holder(database) as process:
        process.send_signal(number)
        process.wait(timeout=30)

    assert lockfile.read(database) is None
    lock = LockFile(database)
    lock.acquire()
    told = lockfile.read(database)
    lock.release()

    assert told is not None
    assert os.getpid() == told["pid"]
    assert "url" not in told


def test_the_holder_tells_about_itself(database: Path) -> None:
    """Who holds it, since when and what they add is there to read, for their own user only."""
    lock = LockFile(database)
    lock.acquire({"url": "http://a-rather-long-name.test:8080", "name": "Ada"})
    lock.update({"url": "http://b.test"})

    told = lockfile.read(database)
    mode = stat.S_IMODE(database.with_name("bot.db.lock").stat().st_mode)
    lock.release()

    assert told is not None
    assert told.pop("started_at") > 1_700_000_000_000
    assert {"pid": os.getpid(), "url": "http://b.test", "name": "Ada"} == told
    assert 0o600 == mode


def test_nobody_holds_a_released_lock(database: Path) -> None:
    """After ``release`` there is nothing to read, and the lock can be had again; twice does no harm."""
    lock = LockFile(database)
    lock.acquire()
    lock.release()
    lock.release()

    assert lockfile.read(database) is None
    again = LockFile(database)
    again.acquire()
    again.release()


def test_nobody_holds_a_lock_that_was_never_taken(database: Path) -> None:
    """Looking makes no file."""
    assert lockfile.read(database) is None
    assert [] == list(database.parent.iterdir())


def test_a_passing_reader_does_not_keep_a_bot_from_starting(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading holds the lock for an instant; an ``acquire`` in that instant waits it out."""
    reader = os.open(database.with_name("bot.db.lock"), os.O_RDWR | os.O_CREAT)
    assert lockfile._try_lock(reader, shared=True)
    monkeypatch.setattr("supportbot.lockfile.time.sleep", lambda _seconds: os.close(reader))
    lock = LockFile(database)

    lock.acquire()
    told = lockfile.read(database)
    lock.release()

    assert told is not None


@pytest.mark.parametrize("left", [b"", b'{"pid": 1, "u', b"\xff\xff", b"[1]"])
def test_an_unreadable_line_is_no_word(database: Path, left: bytes) -> None:
    """A holder whose line is not whole still holds; it just tells nothing."""
    lock = LockFile(database)
    lock.acquire()
    database.with_name("bot.db.lock").write_bytes(left)

    with pytest.raises(StoreInUse, match="process unknown"):
        LockFile(database).acquire()
    told = lockfile.read(database)
    lock.release()

    assert {} == told


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """Where no lock file can be made, one line says so."""
    with pytest.raises(DatabaseUnusable, match=r"No such file or directory"):
        LockFile(tmp_path / "nowhere" / "bot.db").acquire()


def test_a_lock_is_taken_once(database: Path) -> None:
    """Taking it twice, or telling without holding it, is a mistake in the program."""
    lock = LockFile(database)
    with pytest.raises(RuntimeError, match="not held"):
        lock.update({})
    lock.acquire()
    with pytest.raises(RuntimeError, match="already held"):
        lock.acquire()
    lock.release()


def test_a_read_only_disk_does_not_keep_the_lock(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file cannot be emptied any more; the lock is given back all the same."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    lock = LockFile(database)
    lock.acquire({"url": "http://127.0.0.1:8080"})
    with monkeypatch.context() as disk:
        disk.setattr(os, "ftruncate", refuse)
        lock.release()
    assert lockfile.read(database) is None
