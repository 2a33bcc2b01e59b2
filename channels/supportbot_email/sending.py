"""Replies as mail: which may be sent without a person, at what pace, and what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot_email.dispatch import Dispatch, Traces
from supportbot_email.outbound import recipient_address
from supportbot_email.pace import Pace
from supportbot_email.smtp import Submission

if TYPE_CHECKING:
    from supportbot.host import Records
    from supportbot.messages import Outbound, Sent
    from supportbot_email.config import EmailConfig
    from supportbot_email.credentials import Credentials
    from supportbot_email.folders import MailFolder
    from supportbot_email.line import Line


class Sending:
    """The automatic mails of a mailbox; in mode draft it only knows what was sent before."""

    def __init__(
        self, config: EmailConfig, records: Records, credentials: Credentials, desk: Line, sent: MailFolder
    ) -> None:
        """Put the parts together.

        Args:
            config: the mailbox.
            records: the channel's.
            credentials: the mailbox's.
            desk: to the mailbox, for its Sent folder.
            sent: that folder.
        """
        self._pace = Pace(records, config.limits, unverified=config.send_to_unverified)
        self.traces = Traces(records)
        submission = Submission(config, credentials) if config.mode == "send" else None
        self._dispatch = Dispatch(config, submission, desk, self.traces, sent)

    @property
    def problem(self) -> str:
        """What keeps mail from being sent, in one line; empty when all is well."""
        return self._dispatch.problem

    async def may_send(self, outbound: Outbound) -> bool:
        """Say whether a reply may be sent without a person."""
        return await self._pace.may_send(outbound)

    async def may_follow_up(self, outbound: Outbound, subject: str) -> bool:
        """Say whether what a visitor missed may be sent without a person; see ``Pace.may_follow_up``."""
        return await self._pace.may_follow_up(outbound, subject)

    async def may_have_sent(self, delivery: str) -> bool:
        """Say whether a reply was, or may have been, sent."""
        return await self.traces.get(delivery) is not None

    async def leave(self, delivery: str) -> None:
        """It is left to a person now: sent under its own Message-ID, it is no mail of the bot's."""
        await self.traces.leave(delivery)

    def is_sending(self, delivery: str) -> bool:
        """Say whether a server still has to answer the final dot of a reply."""
        return self._dispatch.is_sending(delivery)

    async def send(self, outbound: Outbound, message_id: str, raw: bytes) -> Sent:
        """Send a reply, unless it was sent before.

        Raises:
            Refused, RetryAfter, Unclear: as ``Channel.send``.
        """
        to = recipient_address(outbound)
        return await self._dispatch.send(outbound.delivery_id, message_id, to=to, raw=raw)

    async def find(self, outbound: Outbound, message_id: str, raw: bytes) -> Sent | None:
        """Look whether a reply was sent.

        Raises:
            Unclear, MailServerError: as ``Dispatch.find``.
        """
        return await self._dispatch.find(outbound.delivery_id, message_id, raw=raw)

    async def close(self) -> None:
        """Wait for nothing any more."""
        await self._dispatch.close()
