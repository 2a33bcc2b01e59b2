"""bot.yaml -> a checked, frozen configuration; the only package that reads it and the environment.

    loaded = load(Path("bot.yaml"))     # or ConfigError, with every problem at its line
    report = check(Path("bot.yaml"))    # the same without an exception, and with warnings
    url = database_of(Path("bot.yaml"))  # where the store is, whatever else is wrong

None of them touches the network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from supportbot.config import nodes, source
from supportbot.config.channels import read_channels
from supportbot.config.checks import (
    absolute,
    absolute_database,
    check_files,
    check_follow_ups,
    check_guard,
    check_prompts,
    check_triage,
    warn_of_idle_caps,
    warn_of_plain_http,
)
from supportbot.config.database import database_of
from supportbot.config.editor import schema
from supportbot.config.expand import Expander
from supportbot.config.model_file import read_model_file
from supportbot.config.models import Config
from supportbot.config.needs import check_driver, check_keys, check_needs, with_paths
from supportbot.config.problems import Findings, Problem, in_order
from supportbot.config.tools import read_tools
from supportbot.config.validate import check_scalars, expanded, validated
from supportbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from supportbot.channel import ChannelConfig
    from supportbot.config.models import ModelSection
    from supportbot.tools import Tool
    from supportbot.vault import Vault

__all__ = ["Config", "Loaded", "Problem", "Report", "check", "database_of", "load", "schema"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A bot.yaml without errors."""

    config: Config
    """Its sections. Relative paths have become absolute; ``config.channels`` holds what ``channels`` does."""
    path: Path
    """The file itself, as it was named."""
    root: Path
    """The folder it stands in, absolute: every relative path in it begins here."""
    channels: Mapping[str, ChannelConfig]
    """The channels by name, each as its own ``Config``."""
    tools: tuple[Tool[..., Any], ...] = ()
    """What the bot can do, in the order of the file."""
    database: str = field(repr=False)
    """The SQLAlchemy URL, an SQLite path made absolute. May hold a password: not for showing."""

    @property
    def vault(self) -> Vault | None:
        """What seals and opens with ``encryption_keys``; None without any."""
        if not self.config.encryption_keys:
            return None
        from supportbot.vault import Vault

        return Vault(self.config.encryption_keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What ``check`` found, in the order of the file."""

    problems: tuple[Problem, ...]
    """What keeps the bot from starting."""
    warnings: tuple[Problem, ...] = ()
    """What works and is unwise."""
    loaded: Loaded | None = None
    """The configuration; None when there are problems."""

    def sound(self) -> Loaded:
        """Return the configuration.

        Raises:
            ConfigError: there are problems; the message is all of them, one a line.
        """
        if self.loaded is None:
            raise ConfigError(problems="\n".join(map(str, self.problems)))
        return self.loaded


def load(path: Path, environ: Mapping[str, str] | None = None, model_file: Path | None = None) -> Loaded:
    """Read a bot.yaml. ``environ`` is what ``${NAME}`` is looked up in, by default the process's environment.

    What a ``model_file`` is: see ``check``.

    Raises:
        ConfigError: it has problems; the message is all of them, one a line.
    """
    return check(path, environ, model_file).sound()


def check(path: Path, environ: Mapping[str, str] | None = None, model_file: Path | None = None) -> Report:
    """Find everything that is wrong with a bot.yaml, without raising and without the network.

    With a ``model_file``, which holds a section ``model`` and nothing else, that section counts; the one in
    bot.yaml is not even looked at, so that what it needs need not be there.
    """
    environ = os.environ if environ is None else environ
    if model_file is None:
        return _check(path, environ)
    instead = read_model_file(model_file, environ)
    report = _check(path, environ, instead.models)
    return Report(
        problems=(*report.problems, *instead.problems),
        warnings=(*report.warnings, *instead.warnings),
        loaded=None if instead.problems else report.loaded,
    )


def _check(path: Path, environ: Mapping[str, str], models: tuple[ModelSection, ...] | None = None) -> Report:
    name = str(path)
    try:
        tree, refused = source.parse(source.read(path), name)
    except source.UnreadableError as error:
        return Report(problems=in_order(error.problems, name))
    if models is not None:
        tree = _without("model", tree)
    findings = Findings(name, tree, refused)
    loaded = _load(path, tree, findings, environ)
    if models is not None:
        loaded = replace(loaded, config=loaded.config.model_copy(update={"model": models}))
    check_triage(loaded.config, loaded.root, findings)
    check_guard(loaded.config, findings)
    check_keys(loaded.config, loaded.channels, findings)
    warn_of_idle_caps(loaded.config, findings)
    problems = in_order(findings.problems, name)
    return Report(
        problems=problems,
        warnings=in_order(findings.warnings, name),
        loaded=None if problems else loaded,
    )


def _load(path: Path, tree: nodes.Mapping, findings: Findings, environ: Mapping[str, str]) -> Loaded:
    """Record every problem, and return what the sound parts of the file make."""
    root = path.parent.resolve()
    data = expanded(tree, Expander(environ, root), findings)
    # What stands under "channels" only the channels' own packages can read.
    check_scalars(_without("channels", tree), Config, findings)
    config = validated(Config, data, findings) or _sound_part(data, findings)
    channels = {
        name: channel.model_copy(update=absolute(channel, root))
        for name, channel in read_channels(data.get("channels"), root, findings).items()
    }
    check_follow_ups(channels, data.get("channels") or (), findings)
    tools = read_tools(config.tools, root, findings)
    check_files(config, root, path.parent, findings)
    check_needs(config.model, root, findings)
    check_driver(config.database, findings)
    check_prompts(config, root, path.parent, channels, findings)
    warn_of_plain_http(config, findings)
    database = absolute_database(config.database, root)
    models = with_paths(config.model, root)
    changes = {**absolute(config, root), "model": models, "database": database, "channels": channels}
    return Loaded(
        config=config.model_copy(update=changes),
        path=path,
        root=root,
        channels=MappingProxyType(channels),
        tools=tools,
        database=database,
    )


def _without(key: str, tree: nodes.Mapping) -> nodes.Mapping:
    """Leave a section out."""
    return nodes.Mapping(tree.at, {name: entry for name, entry in tree.entries.items() if name != key})


def _sound_part(data: dict[str, Any], findings: Findings) -> Config:
    """Make a configuration of the sections without problems, so that they are checked in the same run."""
    sound = {key: data[key] for key in Config.model_fields if key in data and not findings.suspect((key,))}
    return validated(Config, sound, findings) or Config()
