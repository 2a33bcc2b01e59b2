"""The command line, called as a person calls it: a store that is away, foreign, newer, or empty."""

from __future__ import annotations

import sqlite3
from base64 import urlsafe_b64encode
from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url

from tests.databases import execute

if TYPE_CHECKING:
    from tests.operators import Operator

pytestmark = pytest.mark.usefixtures("own_logging")

ID = "01K9ZC4RWT8QJ5M3XHGN2B7VDE"
COMMANDS = [
    "chat --once hello",
    "migrate",
    "explain msg_" + ID,
    "usage",
    "export",
    "conversations list",
    "conversations show conv_" + ID,
    "conversations state conv_" + ID + " bot",
    "conversations export",
    "conversations original msg_" + ID,
    "conversations reseal",
    "conversations delete --yes conv_" + ID,
    "turns list",
    "dead list",
    "dead replay --all",
    "deliveries list",
    "deliveries retry dlv_" + ID,
    "deliveries settle dlv_" + ID + " dead",
    "drafts stats",
    "ratings list",
    "processes",
    "slack workspaces",
    "serve",
]
"""All that open the store of bot.yaml, but ``email check``, which asks a mailbox first."""

KEY = urlsafe_b64encode(sha256(b"a key").digest()).decode()
SLACK = "  team: {type: slack, signing_secret: 0123456789abcdef, bot_token: xoxb-1-2-abc}\n"


def written(operator: Operator, database: str) -> None:
    """Write a bot.yaml with that database."""
    operator.folder.file.write_text(
        f"database: {database}\nencryption_keys: [{KEY}]\nchannels:\n  web: {{type: webhook}}\n{SLACK}",
        "utf-8",
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_store_that_cannot_be_reached_is_no_mistake_of_the_caller(operator: Operator, command: str) -> None:
    """Exit code 1, as the page says, and what to look at; nothing else is printed."""
    written(operator, "postgresql+psycopg://bot:s3cret@127.0.0.1:1/bot")
    result = operator.run(*command.split())
    assert (1, "") == (result.exit_code, result.stdout)
    assert "The database postgresql+psycopg://bot:***@127.0.0.1:1/bot does not answer: " in result.stderr
    assert "Look whether it runs and whether 'database' in bot.yaml names it" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_another_program_s_database_is_named_as_such(operator: Operator, command: str) -> None:
    """What is in it, and what to do: it is not "no store yet", and a start would not help."""
    with closing(sqlite3.connect(operator.folder.root / "data" / "bot.db")) as other:
        other.execute("CREATE TABLE orders (id INTEGER)")
    written(operator, "sqlite:///data/bot.db")
    said = operator.refused(*command.split())
    assert "holds tables that SupportBot did not make (orders)" in said
    assert "an empty database of its own in bot.yaml ('database')" in said


@pytest.mark.parametrize("command", ["conversations list", "migrate", "serve"])
def test_connections_that_are_all_taken_are_named(
    operator: Operator, postgres_database: str, command: str
) -> None:
    """Not "cannot be used": which setting of the server, and how many a process takes."""
    name = f"crowded_{uuid4().hex}"
    execute(postgres_database, f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 0")
    try:
        url = make_url(postgres_database).set(username=name).render_as_string(hide_password=False)
        written(operator, url)
        result = operator.run(*command.split())
    finally:
        execute(postgres_database, f"DROP ROLE {name}")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "too many connections for role" in result.stderr
    assert "raise its max_connections, run fewer processes (each takes up to 27)" in result.stderr


def test_who_has_no_key_is_told_how_to_make_one(operator: Operator) -> None:
    """An installed bot has no folder of pages to look into."""
    operator.says("migrate")
    said = operator.refused("conversations", "reseal")
    assert "openssl rand -base64 32 | tr '+/' '-_'" in said
    assert 'encryption_keys: ["${BOT_KEY}"]' in said
    assert "docs/" not in said
