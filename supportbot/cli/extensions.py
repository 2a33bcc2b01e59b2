"""Commands that installed packages bring, in the tree of all commands (see ``supportbot.commands``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from supportbot.commands import known_commands, load_commands

if TYPE_CHECKING:
    from typer.core import TyperGroup as Group


class Extensible(TyperGroup):
    """A group of commands whose own come first, and at once; a package's when its name is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names for ``--help``."""
        own = super().list_commands(ctx)
        return [*own, *(name for name in known_commands() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command as ``--help`` shows it; a package is not imported for its line there."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in known_commands():
            return own
        return TyperCommand(cmd_name, help=f"Commands of the package '{cmd_name}'.")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that was called."""
        name = args[0] if args else ""
        brought = None if name in self.commands else _brought(name)
        if brought is not None:
            return name, brought, args[1:]
        return super().resolve_command(ctx, args)


def _brought(name: str) -> Group | None:
    """Return a package's commands as a group, also when there is but one."""
    commands = load_commands(name)
    return None if commands is None else typer.main.get_group(commands)
