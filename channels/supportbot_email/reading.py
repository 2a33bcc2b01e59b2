"""The parsers of a mailbox's mails, for as long as they are needed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from supportbot_email.child import MEMORY_BYTES
from supportbot_email.mail import Settings
from supportbot_email.parsers import Parsers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot_email.config import EmailConfig

_USUAL = 25 * 1024 * 1024
"""The largest mail that ``MEMORY_BYTES`` are for."""
_EACH = 4
"""Bytes that reading takes for each byte beyond it, with some to spare."""


@asynccontextmanager
async def reading(config: EmailConfig) -> AsyncIterator[Parsers]:
    """Give parsers that know whose mailbox it is, and end their processes afterwards."""
    settings = Settings(
        own_addresses=tuple(sorted(config.ours)),
        contact_forms=config.contact_forms,
        own_domain=config.domain,
        authserv_id=config.authserv_id,
        max_image_bytes=config.max_image,
    )
    more = max(0, config.max_size - _USUAL)
    parsers = Parsers(settings, memory_bytes=MEMORY_BYTES + _EACH * more)
    try:
        yield parsers
    finally:
        await parsers.close()
