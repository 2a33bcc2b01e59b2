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

_DIRECT = frozenset({"assistant:write", "im:history", "im:write"})
_DIRECT_EVENTS = frozenset({"assistant_thread_context_changed", "assistant_thread_started", "message.im"})
"""What only direct messages need, and the assistant pane, which is one. Group messages count as channels; the
status in a thread needs no more than ``chat:write``:
https://docs.slack.dev/changelog/2026/03/05/set-status-scope-update"""


def scopes(*, direct_messages: bool) -> dict[str, str]:
    """Return the scopes that the bot needs, with what each is for; without direct messages it needs fewer."""
    return {scope: why for scope, why in SCOPES.items() if direct_messages or scope not in _DIRECT}


def events(*, direct_messages: bool) -> tuple[str, ...]:
    """Return the events that the bot needs to hear of."""
    return tuple(event for event in EVENTS if direct_messages or event not in _DIRECT_EVENTS)


def missing(granted: Iterable[str], *, direct_messages: bool) -> dict[str, str]:
    """Return the scopes that a token lacks, with what each is for."""
    has = frozenset(granted)
    needed = scopes(direct_messages=direct_messages)
    return {scope: why for scope, why in needed.items() if scope not in has}
