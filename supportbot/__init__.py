"""SupportBot: a customer-support chatbot framework.

What was acknowledged is never lost and never answered twice. This is the small public door: what people
who write channels import. Running a bot needs no import: ``supportbot serve``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from supportbot.channel import Accept, Capabilities, Channel, ChannelConfig
    from supportbot.errors import (
        NotAccepting,
        Refused,
        RetryAfter,
        StoreUnavailable,
        SupportBotError,
        Unclear,
    )
    from supportbot.host import Host
    from supportbot.messages import Accepted, Attachment, Citation, Inbound, Message, Outbound, Sender, Sent

__version__ = "0.1.0"

_HOME = {
    "channel": ("Accept", "Capabilities", "Channel", "ChannelConfig"),
    "errors": ("NotAccepting", "Refused", "RetryAfter", "StoreUnavailable", "SupportBotError", "Unclear"),
    "host": ("Host",),
    "messages": (
        "Accepted",
        "Attachment",
        "Citation",
        "Inbound",
        "Message",
        "Outbound",
        "Sender",
        "Sent",
    ),
}

__all__ = [  # names of _HOME, loaded when they are first asked for
    "Accept",
    "Accepted",
    "Attachment",
    "Capabilities",
    "Channel",
    "ChannelConfig",
    "Citation",
    "Host",
    "Inbound",
    "Message",
    "NotAccepting",
    "Outbound",
    "Refused",
    "RetryAfter",
    "Sender",
    "Sent",
    "StoreUnavailable",
    "SupportBotError",
    "Unclear",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that ``supportbot --help`` does not wait for it."""
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"supportbot.{module}"), name)
    raise AttributeError(f"module 'supportbot' has no attribute '{name}'")
