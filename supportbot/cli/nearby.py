"""The bot to chat with: the one that runs, else one started in this process for as long as the chat lasts."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from supportbot.cli.line import Address
from supportbot.errors import NoTerminalChannel
from supportbot.lockfile import read
from supportbot.store import open_store, sqlite_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from supportbot.config import Loaded

    Find = Callable[[], Awaitable[Address | None]]

_TYPE = "terminal"


@asynccontextmanager
async def bot_nearby(loaded: Loaded) -> AsyncIterator[Find]:
    """Give what finds the bot of this bot.yaml; one is started when none runs, and stopped at the end.

    Raises:
        NoTerminalChannel: one runs, and has no channel for this.
        SupportBotError: it cannot be started.
    """
    found = _running(loaded)
    if found is not None:
        name = _terminal(loaded)
        if name is None:
            raise NoTerminalChannel(url=found.get("url", "?"))
        yield lambda: _address(loaded, name)
        return
    async with _started(loaded) as find:
        yield find


def _running(loaded: Loaded) -> dict[str, Any] | None:
    """Return what a running bot tells about itself: on SQLite only, where there is one at most."""
    path = sqlite_path(loaded.database)
    return None if path is None else read(path)


async def _address(loaded: Loaded, name: str) -> Address | None:
    told = _running(loaded)
    if told is None or "url" not in told:
        return None
    return Address(f"{told['url']}/channels/{name}/messages", await _token(loaded.database, name))


@asynccontextmanager
async def _started(loaded: Loaded) -> AsyncIterator[Find]:
    from supportbot.app import running

    name = terminal_name(loaded)
    async with running(_for_one_chat(loaded, name), only=name) as bot:
        address = Address(f"{bot.url}/channels/{name}/messages", await _token(loaded.database, name))

        async def find() -> Address:
            return address

        yield find


def _for_one_chat(loaded: Loaded, name: str) -> Loaded:
    """Change a configuration so that the bot can be reached from this machine's terminal and nowhere else."""
    from supportbot.config.channels import config_class

    section = loaded.channels.get(name) or config_class(_TYPE).model_validate({"type": _TYPE})
    server = loaded.config.server.model_copy(update={"host": "127.0.0.1", "port": 0})
    return replace(
        loaded,
        config=loaded.config.model_copy(update={"server": server}),
        channels={name: section},
    )


def terminal_name(loaded: Loaded) -> str:
    """Return the name of the channel that is chatted through, whether it stands in bot.yaml or not."""
    return _terminal(loaded) or _TYPE


async def conversation_id(loaded: Loaded, name: str) -> str:
    """Return the id of the conversation of this name; empty when there is none yet. The store must exist."""
    from supportbot.session import ChannelTranscripts

    store = open_store(loaded.database)
    try:
        return await ChannelTranscripts(store, terminal_name(loaded)).conversation_id(name) or ""
    finally:
        await store.close()


def _terminal(loaded: Loaded) -> str | None:
    """Return the name of the terminal channel in bot.yaml."""
    return next((name for name, section in loaded.channels.items() if section.type == _TYPE), None)


async def _token(database: str, name: str) -> str:
    """Read the token that the channel left for whoever may read the database."""
    from supportbot.records import ChannelRecords

    store = open_store(database)
    try:
        return str(await ChannelRecords(store, name).get("token"))
    finally:
        await store.close()
