"""The ``tools`` of a bot.yaml, imported: whether a function can be a tool shows only there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot.errors import BadTool
from supportbot.tools import load_tool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from supportbot.config.problems import Findings
    from supportbot.tools import Tool


def read_tools(names: Sequence[str], root: Path, findings: Findings) -> tuple[Tool[..., Any], ...]:
    """Return the tools; record what is no tool, and leave it out."""
    tools: dict[str, Tool[..., Any]] = {}
    for number, name in enumerate(names):
        try:
            tool = load_tool(name, root)
        except BadTool as error:
            findings.add(("tools", number), str(error.details["problem"]), str(error.details["fix"]))
            continue
        if tool.name in tools:
            fix = "name each tool once, and let no two have the same name"
            findings.add(("tools", number), f"is a second tool of the name '{tool.name}'", fix)
        tools[tool.name] = tool
    return tuple(tools.values())
