"""Who reads, told to the core again and again: whoever is there misses nothing."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from supportbot.host import Presence
    from supportbot_webhook.stream import Readers

log = structlog.get_logger(__name__)


async def tell_who_is_there(presence: Presence, readers: Readers, _: web.Application) -> AsyncIterator[None]:
    """Tell it for as long as the application runs, if anybody needs to know: a ``cleanup_ctx``."""
    telling = asyncio.create_task(_tell(presence, readers)) if presence.every else None
    yield
    if telling is not None:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def _tell(presence: Presence, readers: Readers) -> None:
    while True:
        try:
            await presence.here(readers.conversations)
        except Exception as error:  # noqa: BLE001 - whatever it was, who reads must not be taken for gone
            log.warning("presence.not_told", error=type(error).__name__)
        await asyncio.sleep(presence.every)
