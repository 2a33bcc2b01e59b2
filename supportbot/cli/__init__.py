"""The command line: parse, call, print. docs/cli.md explains every command.

Only what parses is imported here; a command imports what it works with when it runs, so that
``supportbot --help`` answers at once.
"""

from __future__ import annotations

import sys

from supportbot.cli.commands import app


def main() -> None:
    """Run the command line. Exit codes: 0 done; 1 it broke; 2 the command or bot.yaml has to change."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter shows a question mark
    app(prog_name="supportbot")
