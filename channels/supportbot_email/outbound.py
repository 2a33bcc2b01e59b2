"""A reply of the bot as a mail: what a person will send, or the bot. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from supportbot.errors import Refused
from supportbot_email.addresses import NotInAscii, in_ascii
from supportbot_email.compose import Answer, NotWritten, compose
from supportbot_email.headers import one_line
from supportbot_email.languages import attribution, language_of
from supportbot_email.mail import Address, Mail, is_one_of
from supportbot_email.mark import mark

if TYPE_CHECKING:
    from supportbot.messages import Outbound
    from supportbot_email.config import EmailConfig


def to_mail(
    outbound: Outbound,
    *,
    message_id: str,
    asked: str,
    config: EmailConfig,
    bot_name: str,
    automatic: bool = False,
) -> bytes:
    """Return the mail's bytes, the same for the same delivery.

    Args:
        outbound: the reply; its address is what ``inbound.reply_address`` made.
        message_id: its own.
        asked: what the customer wrote, to be quoted below.
        config: the mailbox.
        bot_name: the name beside the address, where the mailbox has none of its own.
        automatic: no person sends it; it says so.

    Raises:
        Refused: it has nobody to go to, or would read back differently.
    """
    to = outbound.address
    address = recipient_address(outbound)
    if not address or is_one_of(to["to"], config.ours):
        raise Refused(cause="there is nobody to answer")
    name = config.name or bot_name
    theirs = language_of(asked)
    line = theirs or config.language
    answer = Answer(
        answered=_answered(outbound, asked),
        asked=_attribution(outbound, line, config),
        asked_language=line,
        quoted_language=theirs,
        language=language_of(outbound.text) or theirs,
        markdown=outbound.text,
        signature=signature_of(config, bot_name),
        identity=Address(name=name, address=config.address),
        recipient=Address(name=to["name"], address=address),
        message_id=message_id,
        now=datetime.fromtimestamp(outbound.created_at / 1000, UTC),
        automatic=automatic,
        extra=(mark(outbound.sources),) if config.draft_header and not automatic else (),
    )
    return written(answer)


def written(answer: Answer) -> bytes:
    """Return a mail's bytes.

    Raises:
        Refused: it would read back differently.
    """
    try:
        return compose(answer)
    except NotWritten as error:
        raise Refused(cause=str(error)) from error


def _attribution(outbound: Outbound, language: str, config: EmailConfig) -> str:
    """Return the line above what is quoted; its date in a form that all languages have (ISO 8601)."""
    to = outbound.address
    date = f"{datetime.fromtimestamp(to['date'] / 1000, UTC):%Y-%m-%d %H:%M} UTC" if to["date"] else ""
    who = f"{one_line(to['name'] or to['to'], 200)} <{to['to']}>"
    return attribution(config.attribution, language, who=who, date=date)


def recipient_address(outbound: Outbound) -> str:
    """Return the one address that a reply goes to, in ASCII.

    Raises:
        Refused: it has no such form; few servers take what stands before the @ otherwise (RFC 6531).
    """
    try:
        return in_ascii(str(outbound.address.get("to", "")))
    except NotInAscii as error:
        raise Refused(cause=f"{error}, and few mail servers take that: write to them by hand") from None


def signature_of(config: EmailConfig, bot_name: str) -> str:
    """Return what stands below every reply."""
    return config.signature.replace("{bot}", bot_name).replace("{address}", config.address)


def _answered(outbound: Outbound, asked: str) -> Mail:
    """Return the mail that is answered, as far as an answer needs it."""
    to = outbound.address
    return Mail(
        message_id=to["message_id"],
        content_key="",
        date=to["date"],
        subject=to["subject"],
        sender=Address(name=to["name"], address=to["to"]),
        in_reply_to=to.get("in_reply_to", ""),  # not in what was stored by earlier releases
        references=tuple(to["references"]),
        text=asked,
        thread_index=to["thread_index"],
        thread_topic=to["thread_topic"],
    )
