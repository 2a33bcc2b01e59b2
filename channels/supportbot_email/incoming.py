"""What a mail that arrives tells of what was sent, and what has to be known of it when it is answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import structlog

from supportbot.ids import now_ms
from supportbot_email.classify import is_unattended
from supportbot_email.compose import recipient_of
from supportbot_email.conversations import record_of
from supportbot_email.guard import facts_of
from supportbot_email.inbound import reason_to_ignore as no_person
from supportbot_email.inbound import reply_address
from supportbot_email.knocks import Knocks
from supportbot_email.mail import Address

if TYPE_CHECKING:
    from supportbot.host import Records, Returned
    from supportbot_email.config import EmailConfig
    from supportbot_email.conversations import Conversations
    from supportbot_email.dispatch import Traces
    from supportbot_email.mail import Mail

NOBODY = "nobody_to_answer"
"""Why a person's mail gets no answer where whoever sent it reads none, and names nobody who would."""

_MOST = 10
"""Mails of ours that one mail may prove or name."""

_STOP = re.compile(r"\bstop (sb\.[A-Za-z0-9_-]{1,80}\.[0-9a-f]{32})\b")
"""The subject that List-Unsubscribe asks for."""

log = structlog.get_logger(__name__)


class Incoming:
    """Looks at each mail once, before it is handed in."""

    def __init__(
        self,
        config: EmailConfig,
        records: Records,
        returned: Returned,
        *,
        conversations: Conversations,
        traces: Traces,
    ) -> None:
        self._config = config
        self._records = records
        self._returned = returned
        self._conversations = conversations
        self._traces = traces
        self._knocks = Knocks(records, per_day=config.limits.first_per_day)

    async def notice(self, mail: Mail) -> str:
        """Take note of what a mail says about ours.

        Naming a Message-ID of ours, which nobody can guess, proves that the mail with it went out. A report
        of failure gives the delivery back; one of delay, or of success, is only told.

        Returns:
            The conversation of the mail that a report is about; empty when it is of none.
        """
        for delivery in await self._named(mail):
            await self._traces.prove(delivery)
        if mail.kind not in {"bounce", "feedback_report"} or not mail.reported_message_id:
            return ""
        delivery = await self._conversations.delivery_of(mail.reported_message_id)
        if delivery:
            await self._traces.prove(delivery)
        if delivery and mail.kind == "bounce" and mail.report.failed:
            reason = " ".join(filter(None, ("bounced:", mail.report.status, mail.report.diagnosis)))
            known = await self._returned(delivery, reason=reason.removesuffix(":"))
            await self._traces.free(delivery)  # whoever retries it wants it sent
            log.warning("email.bounced", delivery=delivery, status=mail.report.status, known=known)
        found = await self._records.get(record_of(mail.reported_message_id))
        return str(found) if found is not None else ""

    async def address(self, mail: Mail) -> dict[str, Any]:
        """Return what a reply to a mail needs, as JSON."""
        to = self.recipient(mail)
        facts = facts_of(mail, to=to, named=await self._named(mail), now=now_ms())
        return {
            **reply_address(mail),
            "to": to.address,
            "name": to.name or mail.sender.name,
            "facts": facts.to_json(),
        }

    async def of_guest(self, mail: Mail, to: str) -> dict[str, Any]:
        """Return what a reply needs in a guest: it goes to its one address; and its owner is known now."""
        await self._knocks.opened(to)
        return {**await self.address(mail), "to": to}

    async def opts_out(self, mail: Mail) -> bool:
        """Say whether a mail asks us to write first never again; take note of it."""
        token = _STOP.search(mail.subject)
        to = await self._conversations.guest_of(f"<{token[1]}@{self._config.domain}>") if token else ""
        if to:
            await self._knocks.stop(to)
        return bool(to)

    def recipient(self, mail: Mail) -> Address:
        """Return the one address that a reply goes to: From; Reply-To where bot.yaml says so, or nobody reads
        From; an empty one where there is none."""
        return recipient(self._config, mail)

    def reason_to_ignore(self, mail: Mail) -> str:
        """Return why a mail gets no answer; empty when it does."""
        return reason_to_ignore(self._config, mail)

    async def _named(self, mail: Mail) -> list[str]:
        ids = dict.fromkeys((mail.in_reply_to, *reversed(mail.references)))
        found = [delivery for one in ids if (delivery := await self._conversations.delivery_of(one))]
        return found[:_MOST]


def recipient(config: EmailConfig, mail: Mail) -> Address:
    """Return the one address that a reply to a mail goes to; an empty one where nobody would read it there:
    at a noreply@, or at a contact form that does not say who the customer is."""
    policy = config.reply_to
    other = mail.reply_to[0].domain if len(mail.reply_to) == 1 else ""
    follows = (
        policy == "always"
        or (policy == "same_domain" and other == mail.sender.domain)
        or mail.no_reply  # nobody reads what goes to From, and a person looks at the answer first
    )
    wanted = recipient_of(mail, use_reply_to=follows, own_addresses=config.ours)
    found = (one for one in (wanted, mail.sender) if one is not None and _is_read(config, one))
    return next(found, Address())


def _is_read(config: EmailConfig, one: Address) -> bool:
    return not is_unattended(one.address) and one.address.lower() not in config.contact_forms


def reason_to_ignore(config: EmailConfig, mail: Mail) -> str:
    """Return why a mail gets no answer: no person wrote it, or nobody can be answered."""
    return no_person(mail) or ("" if recipient(config, mail).address else NOBODY)
