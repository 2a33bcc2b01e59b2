"""Answers that a visitor of another channel missed, as one mail; what comes back joins that conversation.

An address that somebody typed is not theirs as far as we know. So a mail to it holds what people of the team
wrote, nothing of what the bot wrote (the core withholds it), of the question at most a line without anything
to follow or to call, and no name. Such a mail is an address's only one until its owner answers (``knocks``).
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from supportbot.errors import Refused
from supportbot_email import headers
from supportbot_email.addresses import canonical
from supportbot_email.classify import is_no_reply
from supportbot_email.compose import Answer
from supportbot_email.knocks import untagged
from supportbot_email.mail import Address, Mail, Settings, is_one_of
from supportbot_email.notes import planned_note
from supportbot_email.outbound import recipient_address, signature_of, written
from supportbot_email.parse import parse
from supportbot_email.words import MOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.messages import Missed, Outbound, Sent
    from supportbot_email.config import EmailConfig
    from supportbot_email.conversations import Conversations
    from supportbot_email.drafting import Drafting
    from supportbot_email.knocks import Knocks
    from supportbot_email.sending import Sending

_LONGEST = 20_000
"""Characters of all answers together."""

_GLIMPSE = 100
"""Characters of a question that an address which is not proven gets to see."""

_LEADS_AWAY = re.compile(
    r"://|www\.|@|[^\W\d_]\.[^\W\d_]{2}|[\[\]<>{}()|\\/]|(?:\d[\s().-]*){6}", re.IGNORECASE
)
"""What can be followed, called or clicked; then nothing of the question is shown."""

_MACHINE = re.compile(
    r"(?:mailer-daemon|postmaster|abuse|hostmaster|listserv|majordomo|.*-(?:request|bounces?|owner))",
    re.IGNORECASE,
)
"""Who is no visitor of a website (RFC 2142, and mailing lists)."""


def first_address(email: str, config: EmailConfig) -> Mapping[str, Any]:
    """Return how to write to somebody who never wrote here; empty for ourselves, a machine, or no address.

    What follows a plus sign is its owner's (RFC 5233): the mailbox is the same. A host without a domain is
    one of ours, and no visitor's.
    """
    found = headers.addresses(email)
    if (
        len(found) != 1
        or not found[0].address
        or found[0].address.lower() != canonical(email.strip()).lower()
    ):
        return {}
    address = found[0].address
    mailbox = replace(found[0], address=untagged(address))
    local = mailbox.address.rpartition("@")[0]
    machine = is_no_reply(mailbox) or _MACHINE.fullmatch(local) is not None or not mailbox.domain.isascii()
    ours = {untagged(one.lower()) for one in (*config.ours, *config.contact_forms)}
    if machine or not local.isascii() or "." not in mailbox.domain or is_one_of(mailbox.address, ours):
        return {}
    return {"to": address, "name": ""}


class FollowUps:
    """Writes to those who left another channel."""

    def __init__(
        self,
        config: EmailConfig,
        *,
        bot_name: str,
        knocks: Knocks,
        conversations: Conversations,
        sending: Sending,
        drafting: Drafting,
    ) -> None:
        self._config = config
        self._bot_name = bot_name
        self._knocks = knocks
        self._conversations = conversations
        self._sending = sending
        self._drafting = drafting

    async def send(self, outbound: Outbound, missed: Missed) -> Sent:
        """Send what was missed, or leave it in the Drafts folder.

        Raises:
            Refused, RetryAfter, Unclear: as ``Channel.send``.
        """
        delivery, to = outbound.delivery_id, recipient_address(outbound)
        automatic = await self._is_sent(outbound, missed, to)
        message_id = await self._conversations.message_id(delivery)
        raw = await self.mail(outbound, missed, message_id, automatic=automatic)
        if automatic:
            return await self._sending.send(outbound, message_id, raw)
        await self._sending.leave(delivery)
        as_read = parse(raw, settings=Settings()).reply  # as it will be read when a person has sent it
        note = replace(planned_note(outbound, message_id), text=as_read[:MOST], said=delivery)
        return await self._drafting.leave_noted(outbound, note, raw)

    async def mail(self, outbound: Outbound, missed: Missed, message_id: str, *, automatic: bool) -> bytes:
        """Return the mail's bytes, and remember that it belongs to the conversation.

        Raises:
            Refused: it would read back differently.
        """
        to = recipient_address(outbound)
        ours = await self._conversations.begin(outbound.external_id, message_id, to)
        language = self._config.follow_up.spoken(missed.language)
        words = self._words(missed)
        question = missed.question if missed.proven else glimpse(missed.question)
        token = message_id.strip("<>").partition("@")[0]
        stop = f"<mailto:{self._config.address}?subject=stop%20{token}>"
        answer = Answer(
            answered=_answered(outbound, ours, subject=words["subject"], question=question),
            markdown=_body(missed, words),
            signature=signature_of(self._config, self._bot_name),
            identity=Address(name=words["name"], address=self._config.address),
            recipient=Address(name=missed.name if missed.proven else "", address=to),
            message_id=message_id,
            now=datetime.fromtimestamp(outbound.created_at / 1000, UTC),
            automatic=automatic,
            unasked=True,
            asked=words["asked"],
            language=language,
            extra=(("List-Unsubscribe", stop),) if automatic else (),
        )
        return written(answer)

    async def _is_sent(self, outbound: Outbound, missed: Missed, to: str) -> bool:
        """Say whether it is sent, and not left as a draft.

        Raises:
            Refused: the address must not be written to.
            RetryAfter: not yet.
        """
        delivery = outbound.delivery_id
        if await self._sending.may_have_sent(delivery):
            return True
        reason = await self._knocks.refusal(
            to, outbound.external_id, proven=missed.proven, by_hand=outbound.by_hand
        )
        if reason:
            raise Refused(cause=reason)
        if self._config.mode != "send" or await self._drafting.has_begun(delivery):
            return False
        return await self._sending.may_follow_up(outbound, self._words(missed)["subject"])

    def _words(self, missed: Missed) -> dict[str, str]:
        """Return the words around the answers in the visitor's language, filled in."""
        name = self._config.name or self._bot_name
        own = self._config.follow_up
        texts = own.words(own.spoken(missed.language))
        filled = {key: text.replace("{name}", name) for key, text in texts.items()}
        return {**filled, "link": filled["link"].replace("{link}", f"<{missed.link}>"), "name": name}


def glimpse(question: str) -> str:
    """Return the beginning of a question, for an address that may be a stranger's; empty if it leads away."""
    line = " ".join(question.split())
    if _LEADS_AWAY.search(line):
        return ""
    return line if len(line) <= _GLIMPSE else line[: _GLIMPSE - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _body(missed: Missed, words: Mapping[str, str]) -> str:
    """Return what stands in the mail above the signature, as Markdown."""
    said = "\n\n".join(message.text for message in missed.messages)[:_LONGEST]
    parts = [words["intro"], said] if said else []
    if missed.withheld:
        parts.append(words["waiting"])
    if missed.link:
        parts.append(words["link"])
    if not missed.proven:
        parts.append(words["stranger"])
    return "\n\n".join(part for part in parts if part)


def _answered(outbound: Outbound, ours: tuple[str, ...], *, subject: str, question: str) -> Mail:
    """Return the mail that it stands below in the thread: the customer's last, else our last, else none."""
    to = outbound.address
    if not to.get("message_id"):
        return Mail(
            message_id=ours[-1] if ours else "",
            content_key="",
            subject=subject,
            references=tuple(dict.fromkeys((*ours[:1], *ours[1:-1]))),
            text=question,
        )
    return Mail(
        message_id=to["message_id"],
        content_key="",
        subject=to["subject"],
        in_reply_to=to["in_reply_to"],
        references=tuple(to["references"]),
        text=question,
        thread_index=to["thread_index"],
        thread_topic=to["thread_topic"],
    )
