"""Another SupportBot at the same mailbox that does not share our database: each mail then gets two drafts.

Nothing keeps two such bots apart, since what they know of each other is only what lies in the mailbox: mails
with a Message-ID of our shape that our secret did not make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from supportbot.ids import now_ms
from supportbot_email.threads import has_token_shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from supportbot_email.conversations import Conversations

_REMEMBERED = 24 * 3_600_000
"""Milliseconds after which one that was not seen again is taken for stopped."""

log = structlog.get_logger(__name__)


class Others:
    """Knows whether another bot works on the mailbox."""

    def __init__(self, conversations: Conversations, *, domain: str) -> None:
        """``domain``: of our own Message-IDs."""
        self._conversations = conversations
        self._domain = domain
        self._seen_at = 0

    @property
    def problem(self) -> str:
        """That there is another one, in one line; empty when nothing says so."""
        if not self._seen_at or now_ms() - self._seen_at > _REMEMBERED:
            return ""
        return (
            "Another SupportBot with a database of its own works on this mailbox, so each mail is answered "
            "twice: stop one of them, or give both the same database. If there is none, somebody sent a "
            "draft that this one left before it got a new database."
        )

    async def see(self, message_ids: Iterable[str]) -> None:
        """Look at the Message-IDs of mails that have just been left in the mailbox, or sent from it."""
        for one in message_ids:
            if has_token_shape(one, self._domain) and not await self._conversations.delivery_of(one):
                if not self.problem:
                    log.warning(
                        "email.another_bot",
                        message_id=one,
                        advice="stop it, or share its database; none: an old draft was sent",
                    )
                self._seen_at = now_ms()
