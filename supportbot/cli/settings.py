"""What every command is told: which bot.yaml, and how much to say when something breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from supportbot.config import Loaded


@dataclass(frozen=True, slots=True)
class Settings:
    """The options before the command."""

    config: Path
    debug: bool = False

    def load(self) -> Loaded:
        """Read bot.yaml.

        Raises:
            ConfigError: it has problems.
        """
        from supportbot.config import load

        return load(self.config)


def settings_of(context: typer.Context) -> Settings:
    """Return the options before the command."""
    settings = context.find_object(Settings)
    assert settings is not None  # the callback of the root has run
    return settings
