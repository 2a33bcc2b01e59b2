"""For people who test bots and channels: fakes, a whole bot in a test, and the contract of a channel.

The fixtures ``bot``, ``start_bot`` and ``clock`` are there by themselves wherever pytest and pytest-asyncio
are (``pip install '.[testing]'``); everything else is imported from here. The page
``docs/testing.md`` shows each at work.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from supportbot.testing.bots import Reply, StartedBot, started_bot
    from supportbot.testing.clock import Clock
    from supportbot.testing.contract import ChannelContract
    from supportbot.testing.fakes import (
        RecordingChannel,
        ScriptedModel,
        TeamChannel,
        call_tool,
        model_down,
    )
    from supportbot.testing.fixtures import StartBot
    from supportbot.testing.host import FakeCore
    from supportbot.testing.http_platform import HttpPlatform
    from supportbot.testing.model_limits import RateLimits
    from supportbot.testing.model_replies import ModelReply, ToolCallReply
    from supportbot.testing.model_server import FakeModelServer, ModelRequest
    from supportbot.testing.platform import Fault, Platform, TeamPlatform, Written
    from supportbot.testing.site import Site, serving
    from supportbot.testing.slack import FakeSlack, SlackFault

_MODULES = {
    "bots": ("Reply", "StartedBot", "started_bot"),
    "clock": ("Clock",),
    "contract": ("ChannelContract",),
    "fakes": ("RecordingChannel", "ScriptedModel", "TeamChannel", "call_tool", "model_down"),
    "fixtures": ("StartBot",),
    "host": ("FakeCore",),
    "http_platform": ("HttpPlatform",),
    "model_limits": ("RateLimits",),
    "model_replies": ("ModelReply", "ToolCallReply"),
    "model_server": ("FakeModelServer", "ModelRequest"),
    "platform": ("Fault", "Platform", "TeamPlatform", "Written"),
    "site": ("Site", "serving"),
    "slack": ("FakeSlack", "SlackFault"),
}
"""Where each name is. They are imported when they are asked for: the pytest plug-in lives in this package,
and nobody's pytest should start slower for it."""

__all__ = [  # noqa: RUF022 - in the order of the page
    "ChannelContract",
    "Platform",
    "TeamPlatform",
    "HttpPlatform",
    "Fault",
    "Written",
    "Site",
    "serving",
    "FakeCore",
    "RecordingChannel",
    "TeamChannel",
    "ScriptedModel",
    "call_tool",
    "model_down",
    "StartBot",
    "StartedBot",
    "Reply",
    "started_bot",
    "Clock",
    "FakeModelServer",
    "ModelReply",
    "ModelRequest",
    "ToolCallReply",
    "RateLimits",
    "FakeSlack",
    "SlackFault",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module, the first time it is asked for (PEP 562)."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
