"""The parser of a mailbox's mails, for as long as it is needed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from supportbot_email.child import Parser
from supportbot_email.mail import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot_email.config import EmailConfig


@asynccontextmanager
async def reading(config: EmailConfig) -> AsyncIterator[Parser]:
    """Give a parser that knows whose mailbox it is, and end its process afterwards."""
    settings = Settings(
        own_addresses=tuple(sorted(config.ours)),
        contact_forms=config.contact_forms,
        own_domain=config.domain,
        authserv_id=config.authserv_id,
        max_image_bytes=config.max_image,
    )
    parser = Parser(settings)
    try:
        yield parser
    finally:
        await parser.close()
