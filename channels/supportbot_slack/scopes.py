"""What the bot's token must be allowed, and what for (https://docs.slack.dev/reference/scopes)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SCOPES = {
    "app_mentions:read": "to hear when it is mentioned",
    "assistant:write": "to work in the assistant pane: status, title and suggested prompts",
    "channels:history": "to read the threads it answers in, in public channels",
    "chat:write": "to answer",
    "commands": "for /ask and the shortcut",
    "files:read": "to see the images that customers send",
    "groups:history": "to read the threads it answers in, in private channels",
    "im:history": "to read direct messages",
    "im:write": "to open a direct message, where answers to /ask go",
    "mpim:history": "to read group messages it is in",
    "users:read": "to know people's names, and who is a guest",
}
"""Scopes of the bot token, with the end of a sentence that begins "the bot needs it"."""

EVENTS = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "assistant_thread_context_changed",
    "assistant_thread_started",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "tokens_revoked",
)
"""Events that the bot hears of."""


def missing(granted: Iterable[str]) -> dict[str, str]:
    """Return the scopes that a token lacks, with what each is for."""
    has = frozenset(granted)
    return {scope: why for scope, why in SCOPES.items() if scope not in has}
