"""A reply of the bot as the mail that a person will send. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from supportbot.errors import Refused
from supportbot_email.compose import Answer, NotWritten, compose
from supportbot_email.mail import Address, Mail
from supportbot_email.mark import mark

if TYPE_CHECKING:
    from supportbot.messages import Outbound
    from supportbot_email.config import EmailConfig


def to_mail(outbound: Outbound, *, message_id: str, asked: str, config: EmailConfig, bot_name: str) -> bytes:
    """Return the draft's bytes, the same for the same delivery.

    Args:
        outbound: the reply; its address is what ``inbound.reply_address`` made.
        message_id: the draft's own.
        asked: what the customer wrote, to be quoted below.
        config: the mailbox.
        bot_name: the name beside the address, where the mailbox has none of its own.

    Raises:
        Refused: it has nobody to go to, or would read back differently.
    """
    to = outbound.address
    if not to.get("to") or to["to"] in config.ours:
        raise Refused(cause="there is nobody to answer")
    name = config.name or bot_name
    answer = Answer(
        answered=_answered(outbound, asked),
        markdown=outbound.text,
        signature=signature_of(config, bot_name),
        identity=Address(name=name, address=config.address),
        recipient=Address(name=to["name"], address=to["to"]),
        message_id=message_id,
        now=datetime.fromtimestamp(outbound.created_at / 1000, UTC),
        extra=(mark(outbound.sources),) if config.draft_header else (),
    )
    try:
        return compose(answer)
    except NotWritten as error:
        raise Refused(cause=str(error)) from error


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
        references=tuple(to["references"]),
        text=asked,
        thread_index=to["thread_index"],
        thread_topic=to["thread_topic"],
    )
