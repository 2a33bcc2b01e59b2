"""The terminal channel: what ``supportbot chat`` talks to."""

from supportbot_terminal.channel import TerminalChannel

__all__ = ["TerminalChannel"]
