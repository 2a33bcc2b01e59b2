"""A bot.yaml that is not finished: what stands in it, whatever is wrong or still missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from supportbot.commands import Outline
from supportbot.config import source
from supportbot.config.expand import Expander
from supportbot.config.models import BotSection
from supportbot.config.problems import Findings, in_order
from supportbot.config.validate import expanded, validated
from supportbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def outline_of(path: Path, channel_type: str, environ: Mapping[str, str] | None = None) -> Outline:
    """Return what a bot.yaml says of the bot, and its sections of one type of channel.

    ``environ`` is what ``${NAME}`` is looked up in, by default the process's environment. What is not there
    is None; without the file, it is the outline of an empty one.

    Raises:
        ConfigError: it is there and is not YAML.
    """
    if not path.exists():
        return _outline({}, BotSection(), channel_type)
    try:
        tree, refused = source.parse(source.read(path), str(path))
    except source.UnreadableError as error:
        problems = in_order(error.problems, str(path))
        raise ConfigError(problems="\n".join(map(str, problems))) from None
    findings = Findings(str(path), tree, refused)
    environ = os.environ if environ is None else environ
    data = expanded(tree, Expander(environ, path.parent.resolve()), findings)
    bot = validated(BotSection, data.get("bot") or {}, findings, ("bot",)) or BotSection()
    return _outline(data, bot, channel_type)


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
