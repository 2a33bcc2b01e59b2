"""A bot.yaml that is not finished: what stands in it, whatever is wrong or still missing."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from supportbot.channel import known_channels
from supportbot.commands import Outline
from supportbot.config import nodes, source
from supportbot.config.channels import read_channels
from supportbot.config.checks import absolute
from supportbot.config.expand import Expander
from supportbot.config.models import BotSection, Config
from supportbot.config.problems import Findings, in_order
from supportbot.config.validate import expanded, validated
from supportbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from pathlib import Path

    from supportbot.channel import ChannelConfig
    from supportbot.config.problems import Problem

_KEY = "channels"


def outline_of(path: Path, channel_type: str, environ: Mapping[str, str] | None = None) -> Outline:
    """Return what a bot.yaml says of the bot, and its sections of one type of channel.

    ``environ`` is what ``${NAME}`` is looked up in, by default the process's environment. What is not there
    is None; without the file, it is the outline of an empty one.

    Raises:
        ConfigError: it is there and is not YAML.
    """
    if not path.exists():
        return replace(_outline({}, BotSection(), channel_type), is_there=False)
    tree, refused = _tree(path)
    findings, environ = Findings(str(path), tree, refused), os.environ if environ is None else environ
    data = expanded(tree, Expander(environ, path.parent.resolve()), findings)
    bot = validated(BotSection, data.get("bot") or {}, findings, ("bot",)) or BotSection()
    return replace(_outline(data, bot, channel_type), problems=_unclear(path, data.get(_KEY), environ))


def channel_of(path: Path, name: str, environ: Mapping[str, str] | None = None) -> ChannelConfig:
    """Return one channel's section as its own package reads it, whatever is wrong with the others.

    Raises:
        ConfigError: it cannot be used; the message is what ``supportbot check`` says, one thing a line.
    """
    findings, read = _read(path, {name}, os.environ if environ is None else environ)
    if findings.problems or name not in read:
        raise _error(findings.problems, path)
    return read[name].model_copy(update=absolute(read[name], path.parent.resolve()))


def _unclear(path: Path, sections: Any, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return why a section may seem to be missing: what the file's reader left out, and types nobody knows.

    What else is wrong with a channel is not said: it may be unfinished, or is none of the command's business.
    """
    kinds = known_channels()
    strange = {
        name
        for name, section in (sections.items() if isinstance(sections, dict) else ())
        if not isinstance(section, dict) or section.get("type") not in kinds
    }
    findings, _ = _read(path, strange, environ)
    return tuple(map(str, in_order(findings.problems, str(path))))


def _read(
    path: Path, names: Container[str], environ: Mapping[str, str]
) -> tuple[Findings, dict[str, ChannelConfig]]:
    """Read some of the channels as ``supportbot check`` does, and nothing else of the file."""
    tree, refused = _tree(path)
    tree = _only(tree, names)
    findings, root = Findings(str(path), tree, refused), path.parent.resolve()
    data = expanded(tree, Expander(environ, root), findings)
    validated(Config, data, findings)
    return findings, read_channels(data.get(_KEY), root, findings)


def _only(tree: nodes.Mapping, names: Container[str]) -> nodes.Mapping:
    """Leave out whatever is none of these channels."""
    entry = tree.entries.get(_KEY)
    if entry is None:
        return nodes.Mapping(tree.at)
    if isinstance(entry.node, nodes.Mapping):
        kept = {name: each for name, each in entry.node.entries.items() if name in names}
        entry = nodes.Entry(entry.key_at, nodes.Mapping(entry.node.at, kept))
    return nodes.Mapping(tree.at, {_KEY: entry})


def _tree(path: Path) -> tuple[nodes.Mapping, list[Problem]]:
    try:
        return source.parse(source.read(path), str(path))
    except source.UnreadableError as error:
        raise _error(error.problems, path) from None


def _error(problems: list[Problem], path: Path) -> ConfigError:
    return ConfigError(problems="\n".join(map(str, in_order(problems, str(path)))))


def _outline(data: dict[str, Any], bot: BotSection, channel_type: str) -> Outline:
    channels = data.get("channels")
    sections = channels if isinstance(channels, dict) else {}
    return Outline(
        name=bot.name,
        description=bot.description,
        sections={
            name: section
            for name, section in sections.items()
            if isinstance(section, dict) and section.get("type") == channel_type
        },
    )
