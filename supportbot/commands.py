"""Commands that an installed package brings to ``supportbot``, such as ``supportbot slack manifest``.

A package names a ``typer.Typer`` by an entry point of the group ``supportbot.commands``::

    [project.entry-points."supportbot.commands"]
    fax = "supportbot_fax.cli:app"          # supportbot fax …

It is imported when its name is called, and not before: other commands stay as quick as they are, and what is
not installed is missed by nobody else. Its commands find bot.yaml by ``bot_file(context)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from supportbot.errors import ChannelDependencyMissing, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import typer

    from supportbot.channel import ChannelConfig

_GROUP = "supportbot.commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What stands in a bot.yaml, ready or not: while somebody sets a bot up, secrets are still to come."""

    name: str
    """What the bot calls itself."""
    description: str
    """What the company does; may be empty."""
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The sections of one type of channel, by the channel's name. A value that comes from outside and is not
    there yet is None; nothing else about them has been checked."""
    problems: tuple[str, ...] = ()
    """Why a section may not be among them, as ``supportbot check`` says it, one thing each: a key that stands
    twice, a type that nobody knows."""
    is_there: bool = True
    """Whether there is such a file at all."""

    def section(self, channel: str = "") -> tuple[str, Mapping[str, Any]] | None:
        """Return a channel's name and section: the one of that name, without a name the only one.

        None when it is not clear which is meant, or there is none.

        Raises:
            ConfigError: there is none, and something in the file may be why.
        """
        if channel in self.sections:
            return channel, self.sections[channel]
        if self.problems and (channel or not self.sections):
            raise ConfigError(problems="\n".join(self.problems))
        return next(iter(self.sections.items())) if len(self.sections) == 1 and not channel else None


class BotFile(Protocol):
    """The bot.yaml that the command line was told."""

    def outline(self, channel_type: str) -> Outline:
        """Read what can be read of it; where there is no such file, an outline of nothing.

        Raises:
            ConfigError: it is there and is not YAML.
        """

    def channel(self, name: str) -> ChannelConfig:
        """Return a channel's section as the ``Config`` of its package reads it.

        Raises:
            ConfigError: it cannot be used, or there is no such file; the message is what ``supportbot check``
                says, one thing a line. What is wrong with other channels does not matter.
        """

    def records(self, channel: str, prefix: str) -> list[tuple[str, Any]]:
        """Return what a channel keeps under keys that begin with ``prefix``, in order (see ``Records.scan``).

        Raises:
            ConfigError: bot.yaml does not say where the store is.
            NoStoreYet: no bot has run on it.
        """


def bot_file(context: typer.Context) -> BotFile:
    """Return the bot.yaml of a command's context."""
    found: BotFile = context.find_root().obj
    return found


def known_commands() -> list[str]:
    """Return the names of all installed packages' commands, sorted; imports none of them."""
    return sorted({entry.name for entry in entry_points(group=_GROUP)})


def load_commands(name: str) -> typer.Typer | None:
    """Return the commands that an installed package offers under this name; None when there are none.

    Raises:
        ChannelDependencyMissing: the package is there, something it imports is not.
    """
    for entry in entry_points(group=_GROUP, name=name):
        try:
            loaded: typer.Typer = entry.load()
        except ModuleNotFoundError as error:
            raise ChannelDependencyMissing(name=name, module=error.name) from error
        return loaded
    return None
