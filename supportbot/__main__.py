"""``python -m supportbot``: the same as the command ``supportbot``."""

from __future__ import annotations

from supportbot.cli import main

if __name__ == "__main__":
    main()
