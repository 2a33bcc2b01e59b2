"""What a bot can do besides talking: each tool is one typed function.

    from supportbot.tools import Caller, ToolFailed, tool

    @tool(effects="none", requires="identified")
    async def order_status(caller: Caller, order_id: str) -> dict[str, str]:
        \"""Look up where an order is.\"""

bot.yaml names it: ``tools: ["mybot.tools:order_status"]``. ``docs/tools.md`` shows a whole one.
"""

from __future__ import annotations

from supportbot.errors import ToolFailed
from supportbot.tools.load import load_tool
from supportbot.tools.tool import Caller, Effects, Requires, Tool, tool

__all__ = ["Caller", "Effects", "Requires", "Tool", "ToolFailed", "load_tool", "tool"]
