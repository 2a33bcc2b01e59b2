"""What every command is told: which bot.yaml, which models, and how much to say when something breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from supportbot.channel import ChannelConfig
    from supportbot.commands import Outline
    from supportbot.config import Loaded, Report
    from supportbot.store import Store
    from supportbot.vault import Vault


@dataclass(frozen=True, slots=True)
class Settings:
    """The options before the command."""

    config: Path
    model_file: Path | None = None
    debug: bool = False

    def check(self) -> Report:
        """Read bot.yaml and find everything that is wrong with it."""
        from supportbot.config import check

        return check(self.config, model_file=self.model_file)

    def load(self) -> Loaded:
        """Read bot.yaml.

        Raises:
            ConfigError: it has problems.
        """
        from supportbot.config import load

        return load(self.config, model_file=self.model_file)

    def outline(self, channel_type: str) -> Outline:
        """Read what can be read of bot.yaml; see ``supportbot.commands.BotFile``."""
        from supportbot.config.outline import outline_of

        return outline_of(self.config, channel_type)

    def channel(self, name: str) -> ChannelConfig:
        """Read one channel's section of bot.yaml; see ``supportbot.commands.BotFile``."""
        from supportbot.config.outline import channel_of

        return channel_of(self.config, name)

    def records(self, channel: str, prefix: str) -> list[tuple[str, Any]]:
        """Return what a channel keeps; see ``supportbot.commands.BotFile``."""
        from supportbot.cli.stored import looked_into
        from supportbot.records import ChannelRecords

        async def read(store: Store) -> list[tuple[str, Any]]:
            return [record async for record in ChannelRecords(store, channel).scan(prefix)]

        return looked_into(self.database(), read)

    def vault(self) -> Vault | None:
        """Return what opens what is encrypted in the store; None where bot.yaml names no keys.

        Raises:
            ConfigError: bot.yaml has problems.
        """
        return self.load().vault

    def database(self) -> str:
        """Return the URL of bot.yaml's store, whatever else is wrong with the file.

        Raises:
            ConfigError: there is no such file, it is not YAML, or its ``database`` is wrong.
        """
        from supportbot.config import database_of

        return database_of(self.config)


def settings_of(context: typer.Context) -> Settings:
    """Return the options before the command."""
    settings = context.find_object(Settings)
    assert settings is not None  # the callback of the root has run
    return settings
