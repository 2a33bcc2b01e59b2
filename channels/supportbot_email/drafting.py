"""Replies as drafts: left in the mailbox, explained beside it, and watched until a person has decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot_email.drafts import Drafts
from supportbot_email.notes import Notes, planned_note
from supportbot_email.outbound import signature_of
from supportbot_email.outcomes import Outcomes
from supportbot_email.why import Whys

if TYPE_CHECKING:
    from supportbot.host import Host
    from supportbot.messages import Outbound, Sent
    from supportbot_email.config import EmailConfig
    from supportbot_email.conversations import Conversations
    from supportbot_email.folders import Folders
    from supportbot_email.line import Line
    from supportbot_email.notes import Note
    from supportbot_email.others import Others


class Drafting:
    """The drafts of a mailbox, from when one is planned until it has come to something."""

    def __init__(
        self,
        config: EmailConfig,
        host: Host,
        desk: Line,
        *,
        folders: Folders,
        conversations: Conversations,
        others: Others,
    ) -> None:
        """Put the parts together.

        Args:
            config: the mailbox.
            host: what the core lends.
            desk: to the mailbox.
            folders: where drafts and sent mail are.
            conversations: its threads.
            others: who knows of another bot at work there.
        """
        self.notes = Notes(host.records)
        self._drafts = Drafts(desk, self.notes, host.drafts, folders)
        self._others = others
        self._whys = Whys(config, desk, self.notes, bot_name=host.bot_name)
        self.outcomes = Outcomes(
            records=host.records,
            notes=self.notes,
            drafts=self._drafts,
            whys=self._whys,
            others=others,
            conversations=conversations,
            signature=signature_of(config, host.bot_name),
        )

    @property
    def problem(self) -> str:
        """What is wrong with the folder, in one line; empty when all is well."""
        return self._drafts.problem or self._others.problem

    async def leave(self, outbound: Outbound, message_id: str, raw: bytes) -> Sent:
        """Leave a draft, and what explains it beside it.

        Raises:
            Refused, RetryAfter, Unclear: as ``Channel.send``.
        """
        sent = await self.leave_noted(outbound, planned_note(outbound, message_id), raw)
        await self._whys.leave(outbound)
        return sent

    async def leave_noted(self, outbound: Outbound, note: Note, raw: bytes) -> Sent:
        """Do that with a note of one's own, and without an explanation beside it."""
        return await self._drafts.leave(outbound, note, raw)

    async def has_begun(self, delivery: str) -> bool:
        """Say whether a reply was, or may have been, left as a draft."""
        return await self._drafts.has_begun(delivery)

    async def find(self, outbound: Outbound) -> Sent | None:
        """Look for a draft that may have been left; what explains it is left then, if it was not.

        What people wrote, and somebody missed, is not explained: ``leave_noted``.

        Raises:
            NeverClear, MailServerError: as ``Drafts.find``.
        """
        found = await self._drafts.find(outbound.delivery_id)
        if found is not None and outbound.missed is None:
            await self._whys.leave(outbound)
        return found

    async def keeps(self, outbound: Outbound) -> bool:
        """Say whether a reply has to be a draft: it was begun as one, or a person has its thread, because an
        earlier draft waits for them."""
        drafts = self._drafts
        return await drafts.has_begun(outbound.delivery_id) or await drafts.is_waiting(outbound.external_id)
