"""A mail in the bot's normal form. Pure: which conversation it belongs to is known already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot.messages import Attachment, Inbound, Sender
from supportbot_email import shapes
from supportbot_email.languages import language_of

if TYPE_CHECKING:
    from supportbot_email.mail import Mail

_APART = "\n\n"
_MOST_LOOPS = 3
"""How often an answer of ours may have come round before we fall silent."""


def to_inbound(
    mail: Mail, *, channel: str, conversation: str, ignored: str = "", original: bytes = b""
) -> Inbound:
    """Return a customer's mail as a message.

    Args:
        mail: what was read.
        channel: the channel's name in bot.yaml.
        conversation: which one it belongs to.
        ignored: why it gets no answer; empty when it does.
        original: what is kept of its bytes.
    """
    text = text_of(mail)
    return Inbound(
        channel=channel,
        conversation=conversation,
        sender=Sender(
            id=mail.sender.address or nobody(mail.content_key),
            name=mail.sender.name,
            email=mail.sender.address,
            assurance="verified" if mail.verified else "claimed",
            language="" if ignored else language_of(text),
        ),
        text=text,
        keys=(mail.content_key,),
        attachments=tuple(
            Attachment(name=a.name, content_type=a.content_type, size=a.size, data=b"" if ignored else a.data)
            for a in mail.attachments
        ),
        sent_at=mail.date,
        address={} if ignored else reply_address(mail),
        ignored=ignored,
        wants_person=mail.encrypted and not ignored,
        original=original,
    )


def text_of(mail: Mail) -> str:
    """Return what a model reads of a mail: the customer's words, below the subject of one that answers none.

    People say half of what they want in it: "Please cancel order 4711", and below it their thanks. The
    subject of an answer is that of the mail before.
    """
    answers = mail.in_reply_to or mail.references or shapes.ANSWERED_SUBJECT.match(mail.subject)
    if mail.reply and (answers or mail.subject.casefold() in mail.reply.casefold()):
        return mail.reply
    return f"{mail.subject}{_APART}{mail.reply}".strip()


def without_subject(text: str, subject: str) -> str:
    """Return the words of a mail of which ``text_of`` made ``text``: what an answer quotes."""
    return text.removeprefix(f"{subject}{_APART}")


def nobody(content_key: str) -> str:
    """Return the contact of a mail that names no sender: its own, as two may be of two people."""
    return f"unknown:{content_key}"


def reply_address(mail: Mail) -> dict[str, Any]:
    """Return what a reply to a mail needs, as JSON."""
    return {
        "to": mail.sender.address,
        "name": mail.sender.name,
        "subject": mail.subject,
        "message_id": mail.message_id,
        "in_reply_to": mail.in_reply_to,
        "references": list(mail.references),
        "date": mail.date,
        "thread_index": mail.thread_index,
        "thread_topic": mail.thread_topic,
    }


def reason_to_ignore(mail: Mail) -> str:
    """Return why a mail gets no answer: a machine wrote it, or nobody did; empty for a person's."""
    if mail.kind != "human":
        return mail.kind
    if mail.loop >= _MOST_LOOPS:
        return "loop"
    if not mail.sender.address:
        return "unreadable" if mail.problem else "no_sender"
    return ""
