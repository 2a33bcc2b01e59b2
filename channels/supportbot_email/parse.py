"""Raw bytes to a `Mail`. Pure; runs in the child, and raises nothing for any bytes."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from supportbot_email import classify, forms, headers, mime, quotes, shapes
from supportbot_email.attachments import attachments
from supportbot_email.authres import is_verified
from supportbot_email.bodies import text_of
from supportbot_email.case import Case
from supportbot_email.dsn import report_of
from supportbot_email.mail import Address, Mail, Report, Settings, Span
from supportbot_email.threads import has_token_shape

if TYPE_CHECKING:
    from collections.abc import Iterable

_FORWARD = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|i|doorst|pd|转发|転送|вс|vs|vl)\s*[:：]", re.IGNORECASE)
_FINNISH = re.compile(r"^[ *>]{0,4}Lähettäjä:", re.MULTILINE)
_MOST_SPANS = 2_000
_MOST_WRITERS = 10
"""Of one mail; beyond them From is no person's."""
_PGP = "-----BEGIN PGP MESSAGE-----"
_REPORTED = re.compile(
    r"^(?:Original-)?Message-I[Dd]:\s{0,4}(<[^<>\s]{1,250}>)", re.MULTILINE | re.IGNORECASE
)
_REPORTS = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"})


def parse(raw: bytes, *, settings: Settings, whole: int = 0) -> Mail:
    """The mail of these bytes. What cannot be read is named in `problem`, the rest is best effort.

    Args:
        raw: the mail, or its beginning.
        settings: whose mailbox it is.
        whole: bytes of all of it, where that is more.
    """
    entity, problem = mime.read(raw, whole=whole)
    written_from = _writer(entity)
    subject = headers.decode_words(entity.get("subject"))
    text, from_html = text_of(entity)
    sender = forms.customer_of(entity, text, written_from, settings) or written_from
    in_reply_to, references = _answered(entity)
    spans = _few(
        quotes.split(
            text,
            forwarded=_is_forward(subject, text),
            answers=bool(in_reply_to or references or shapes.ANSWER_SUBJECT.match(subject)),
            writer=sender,
        )
    )
    written = quotes.above_forwarded("".join(span.text for span in spans if span.kind != "quoted"))
    kind, rule = classify.classify(
        Case(entity=entity, subject=subject, text=text, written=written, sender=sender, settings=settings)
    )
    if kind == "human" and sender is written_from:
        sender = forms.customer_behind(entity, written, written_from, settings) or written_from
    results = entity.all("authentication-results")
    return Mail(
        message_id=_message_id(entity, raw),
        content_key=_content_key(entity, raw),
        date=headers.date_ms(entity.get("date")),
        received=headers.date_ms(entity.get("received").rpartition(";")[2]),
        subject=subject,
        sender=sender,
        reply_to=headers.addresses(entity.get("reply-to")),
        to=headers.addresses(entity.get("to")),
        cc=headers.addresses(entity.get("cc")),
        in_reply_to=in_reply_to,
        references=references,
        text=text,
        spans=spans,
        html_used=from_html,
        attachments=attachments(entity, settings, missing=mime.missing(raw, whole)),
        kind=kind,
        rule=rule,
        reported_message_id=_reported(entity, text) if kind in {"bounce", "feedback_report"} else "",
        report=report_of(entity, subject=subject, text=text) if kind == "bounce" else Report(),
        verified=sender is written_from and is_verified(results, settings.authserv_id, sender.domain),
        no_reply=sender is not written_from or classify.is_no_reply(sender),
        encrypted=_is_encrypted(entity, text),
        loop=classify.loop_count(entity),
        own_token=_own_token([in_reply_to, *reversed(references)], settings),
        thread_index=headers.one_line(entity.get("thread-index"), 500),
        thread_topic=headers.decode_words(entity.get("thread-topic"), 500),
        problem=problem,
    )


def _is_forward(subject: str, text: str) -> bool:
    """Whether a subject says so; what a Dane passes on as "VS:", a Finn answers."""
    finnish = subject.lstrip()[:2].lower() == "vs" and bool(_FINNISH.search(text))
    return bool(_FORWARD.match(subject)) and not finnish


def _few(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return a text's spans, all beyond what a person writes between quotes as one of the customer's words.

    The bot stands still while it takes them from the child: a fifth of a second for 70,000.
    """
    if len(spans) <= _MOST_SPANS:
        return spans
    rest = "".join(span.text for span in spans[_MOST_SPANS:])
    return (*spans[:_MOST_SPANS], Span(kind="reply", text=rest))


def _writer(entity: mime.Entity) -> Address:
    """Who From names; nobody where it names several (RFC 5322, 3.6.2). A comma in a name is no second one."""
    named = headers.addresses(entity.get("from"), _MOST_WRITERS)
    with_address = [one for one in named if one.address]
    if len({one.address.lower() for one in with_address}) > 1:
        return Address(name=named[0].name)
    return next(iter(with_address or named), Address())


def _message_id(entity: mime.Entity, raw: bytes) -> str:
    given = headers.message_id(entity.get("message-id"))
    return given or f"<{hashlib.sha256(raw).hexdigest()[:40]}@missing.invalid>"


def _content_key(entity: mime.Entity, raw: bytes) -> str:
    """Of the fields that do not change between two fetches or two folders, and the body."""
    digest = hashlib.sha256()
    for name in ("message-id", "from", "date", "subject"):
        digest.update(entity.get(name).encode("utf-8", "replace") + b"\0")
    digest.update(entity.body or (b"" if entity.fields else raw))
    return digest.hexdigest()


def _answered(entity: mime.Entity) -> tuple[str, tuple[str, ...]]:
    answered = headers.message_ids(entity.get("in-reply-to"), 1)
    return (answered[0] if answered else ""), headers.message_ids(entity.get("references"))


def _own_token(ids: Iterable[str], settings: Settings) -> str:
    return next((one for one in ids if one and has_token_shape(one, settings.own_domain)), "")


def _reported(entity: mime.Entity, text: str) -> str:
    """The Message-ID of the mail that a report is about: of the part that returns it, else of the text."""
    returned = [part.body[:50_000] for part in entity.walk()[1:] if part.content_type in _REPORTS]
    for body in [*(headers.decode_bytes(one, "utf-8") for one in returned), text[:50_000]]:
        found = _REPORTED.search(body.replace("\r\n", "\n").replace("\n ", " "))
        if found:
            return found.group(1)
    return ""


def _is_encrypted(entity: mime.Entity, text: str) -> bool:
    if entity.content_type == "multipart/encrypted" or text.lstrip().startswith(_PGP):
        return True
    opaque = entity.content_type in {"application/pkcs7-mime", "application/x-pkcs7-mime"}
    return opaque and entity.params.get("smime-type", "").lower() != "signed-data"
