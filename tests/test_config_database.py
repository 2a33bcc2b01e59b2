"""Where the store is, read from a bot.yaml of which nothing else has to be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supportbot.config import database_of, needs
from supportbot.errors import ConfigError
from tests.bot_folder import BotFolder

if TYPE_CHECKING:
    from pathlib import Path

POSTGRES = "postgresql+psycopg://bot:${PASSWORD}@db.internal/bot"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A bot.yaml to be written; nothing else is in its folder."""
    return tmp_path / "bot.yaml"


@pytest.mark.parametrize(
    "content",
    [
        "bot: {name: Ada}\n",
        "bot: {nmae: Ada}\n",
        "model: [{model: m, api_key: '${NOT_SET}'}]\n",
        "knowledge: {path: not-there}\nprompts: {path: not-there}\n",
        "channels: {fax: {type: not-installed, database: 1, database: 2}}\n",
        "bot: &one {name: Ada}\nother: *one\nbot: {}\n",
    ],
)
def test_without_the_key_it_is_the_default(file: Path, content: str) -> None:
    """However wrong the rest is."""
    file.write_text(content, "utf-8")
    assert f"sqlite:///{file.parent}/data/bot.db" == database_of(file, {})


def test_it_is_what_load_says(tmp_path: Path) -> None:
    """Of a file without problems both read the same."""
    folder = BotFolder(tmp_path)
    loaded = folder.load("database: sqlite:///${FOLDER:-here}/../store.db\n")
    assert f"sqlite:///{tmp_path}/store.db" == loaded.database == database_of(folder.file, {})


def test_references_are_replaced(file: Path) -> None:
    """From the environment, and only those of this key."""
    file.write_text(f"bot: {{name: '${{NOT_SET}}'}}\ndatabase: {POSTGRES}\n", "utf-8")
    assert POSTGRES.replace("${PASSWORD}", "pw") == database_of(file, {"PASSWORD": "pw"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("bot: [\n", "bot.yaml:2:1: "),
        ("- a list\n", "the file must be a mapping"),
        (f"database: {POSTGRES}\n", "bot.yaml:1:11: database needs ${PASSWORD}, which is not set"),
        ("database: 7\n", "database must be text"),
        ("database:\n", "database is empty"),
        ("database: {path: x}\n", "database must be text, not a mapping"),
        ("database: sqlite:///.\n", "database is a folder"),
        ("database: mysql://x/y\n", "bot.yaml:1:11: database"),
        ("x: &a 1\ndatabase: *a\n", "bot.yaml:2:11: an alias"),
        ("database: sqlite:///a.db\nbot: {}\ndatabase: sqlite:///b.db\n", "stands in line 1 already"),
    ],
)
def test_a_wrong_key_is_told_at_its_line(file: Path, content: str, said: str) -> None:
    """One line: nothing else of the file is complained about."""
    file.write_text(content, "utf-8")
    with pytest.raises(ConfigError) as caught:
        database_of(file, {})
    assert said in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_a_missing_file_is_told(file: Path) -> None:
    """There is no default without a file."""
    with pytest.raises(ConfigError, match="there is no such file"):
        database_of(file, {})


@pytest.mark.parametrize("missing", ["psycopg", "psycopg_pool", "procrastinate"])
def test_a_server_needs_its_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """``check`` says so, with the extra to install: not only the start."""
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == missing else name)
    bot = BotFolder(tmp_path)
    fix = "install it, in your clone: pip install '.[postgres]'"
    assert [
        f"bot.yaml:1:11: database names a PostgreSQL server, which needs {missing}: {fix}"
    ] == bot.problems("database: postgresql+psycopg://bot@127.0.0.1/bot\n")
    assert [] == bot.problems("database: sqlite:///data/bot.db\n")
