"""Looking at the Drafts folder from time to time: nobody tells us what a person does there."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from supportbot.errors import StoreUnavailable
from supportbot_email.failures import MailServerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot_email.lease import Lease
    from supportbot_email.outcomes import Outcomes

_REST = 20
"""How many times as long as a look took it rests: thousands of drafts may lie there."""

log = structlog.get_logger(__name__)


async def watch(outcomes: Outcomes, lease: Lease, *, every: float, sent_is_read: Callable[[], bool]) -> None:
    """Look for ever, while the mailbox is ours; what goes wrong is looked at again.

    Args:
        outcomes: who looks.
        lease: the right to.
        every: seconds between two looks, at least.
        sent_is_read: whether what was sent is known.
    """
    while True:
        began = time.monotonic()
        try:
            if await lease.take():
                await outcomes.look(sent_is_read=sent_is_read)
        except (MailServerError, StoreUnavailable) as error:
            log.info("email.drafts_not_seen", problem=str(error))  # the watchers say what is wrong
        except Exception as error:  # a mistake of ours must not end it for good
            log.exception("email.look_broke", error=type(error).__name__)
        await asyncio.sleep(max(every, _REST * (time.monotonic() - began)))
