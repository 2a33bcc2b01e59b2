"""Where the store is: the one key of a bot.yaml that whoever only looks into the store needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from supportbot.config import nodes, source
from supportbot.config.checks import absolute_database, check_database
from supportbot.config.expand import Expander
from supportbot.config.models import Config
from supportbot.config.problems import Findings, Problem, in_order
from supportbot.config.validate import check_scalars, expanded, validated
from supportbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEY = "database"


def database_of(path: Path, environ: Mapping[str, str] | None = None) -> str:
    """Return the SQLAlchemy URL of a bot.yaml's store, an SQLite path made absolute; it may hold a password.

    Nothing else in the file has to be right: a slip of the pen in it does not hide the store of a bot that
    runs. ``environ`` is what ``${NAME}`` is looked up in, by default the process's environment.

    Raises:
        ConfigError: there is no such file, it is not YAML, or ``database`` is wrong.
    """
    name = str(path)
    try:
        tree, refused = source.parse(source.read(path), name)
    except source.UnreadableError as error:
        raise _error(error.problems, name) from None
    entry = tree.entries.get(_KEY)
    if entry is None:
        tree, refused = nodes.Mapping(tree.at), []
    else:
        tree = nodes.Mapping(tree.at, {_KEY: entry})
        refused = [problem for problem in refused if _is_about(entry, problem)]
    findings = Findings(name, tree, refused)
    root = path.parent.resolve()
    data = expanded(tree, Expander(os.environ if environ is None else environ, root), findings)
    check_scalars(tree, Config, findings)
    config = validated(Config, data, findings) or Config()
    if not findings.problems:
        check_database(config.database, root, findings)
    if findings.problems:
        raise _error(findings.problems, name)
    return absolute_database(config.database, root)


def _is_about(entry: nodes.Entry, problem: Problem) -> bool:
    """Say whether what was refused is this key's value, or the key itself where it stands again."""
    at = nodes.Mark(problem.line, problem.column)
    return at == entry.node.at or (at.column == entry.key_at.column and f"'{_KEY}'" in problem.what)


def _error(problems: list[Problem], name: str) -> ConfigError:
    return ConfigError(problems="\n".join(map(str, in_order(problems, name))))
