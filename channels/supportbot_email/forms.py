"""Whose a mail is that a program passes on: a contact form's customer, a member of a group. Pure.

Nobody vouches for such a customer: anybody may type any address there. So they are never verified, and where
the form does not say clearly who they are, nobody is answered.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import classify, groups, headers, shapes
from supportbot_email.mail import is_one_of

if TYPE_CHECKING:
    from supportbot_email.mail import Address, Settings
    from supportbot_email.mime import Entity

_MOST = 20_000
"""Characters of a form that are read."""

_FIELD = re.compile(r"^[ \t>*_|•-]{0,6}([^\n:：|=@<>]{1,60})[:：|=](.{3,400})$", re.MULTILINE)
"""A line of a form: what was asked for, and what was typed."""

_BELOW = re.compile(
    r"^[ \t>*_|•-]{0,6}([^\n:：|=@<>]{1,60})[:：]?[*_ \t]{0,3}\n[ \t]*(\S{3,400})$", re.MULTILINE
)
"""Likewise, with what was typed in a line of its own."""

_CELLS = re.compile(r"^[ \t>*_•-]{0,6}(\S{2,30}(?: \S{1,20}){0,2})[ \t]{1,4}(\S{3,320})$", re.MULTILINE)
"""Likewise, as a row of a table of HTML is read: few words and an address."""

_MAIL_LABEL = re.compile(
    r"(?:\b|_)(?:e-?mail\w*|mail|mailadresse|courriel|correo|posta elettronica|from|von|absender|sender)"
    r"(?:\b|_)|reply[- ]?to|adresse électronique|эл(?:ектронная|\.) ?почта|почта"
    r"|メール|邮箱|邮件|郵箱|البريد|דוא|אימייל",
    re.IGNORECASE,
)
"""How a form asks for an address to answer to."""

_ADDRESS = re.compile(r"[^\s@<>()\[\],:;\\\"|*]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,10}")


def customer_of(entity: Entity, text: str, sender: Address, settings: Settings) -> Address | None:
    """Return the customer behind the mail of a configured contact form, or of a group that is our mailbox.

    Args:
        entity: the mail.
        text: what can be read of it.
        sender: whom From names.
        settings: whose mailbox it is.
    """
    if sender.address.lower() not in settings.contact_forms:
        return groups.member_behind(entity, sender, settings)
    named = _foreign(headers.addresses(entity.get("reply-to")), settings)
    if named:
        return named[0] if len(named) == 1 else None
    if is_one_of(sender.address, settings.own_addresses) and not _looks_like_form(text):
        return None  # a colleague's
    return _typed(text, settings)


def customer_behind(entity: Entity, text: str, sender: Address, settings: Settings) -> Address | None:
    """Return the customer whom the mail of a person names whose sender reads no answers; None where nobody
    can say who it is.

    Args:
        entity, text, sender, settings: as ``customer_of``.
    """
    if not classify.is_no_reply(sender):
        return None
    named = _foreign(headers.addresses(entity.get("reply-to")), settings)
    if named:
        return named[0] if len(named) == 1 else None
    return _typed(text, settings) if _looks_like_form(text) else None


def _typed(text: str, settings: Settings) -> Address | None:
    """Return the one address that was typed where a form asks for it; where no words tell, the one that a
    form has at all."""
    start = text[:_MOST]
    lines = [*_FIELD.findall(start), *_BELOW.findall(start), *_CELLS.findall(start)]
    asked = [_in(value, settings) for label, value in lines if _MAIL_LABEL.search(label)]
    found = _distinct([one for ones in asked for one in ones])
    if not found:
        alone = _distinct([one for _, value in lines for one in _in(value, settings)])
        everywhere = {one.lower() for one in _ADDRESS.findall(start)}
        found = alone if len(everywhere) == 1 else []
    return found[0] if len(found) == 1 else None


def _in(value: str, settings: Settings) -> tuple[Address, ...]:
    """Return the addresses of a line that holds nothing else but a name."""
    plain = re.sub(r"\[([^\]]{1,320})\]\(mailto:[^)]{1,320}\)|\(?<?mailto:[^>)\s]{1,320}>?\)?", r"\1", value)
    named = headers.addresses(plain.strip(" \t*_|"), 5)
    return _foreign(named, settings) if all(one.address for one in named) else ()


def _distinct(found: list[Address]) -> list[Address]:
    return list({one.address.lower(): one for one in found}.values())


def _foreign(found: tuple[Address, ...], settings: Settings) -> tuple[Address, ...]:
    """Return those that are neither ours nor a form's, and that somebody reads."""
    ours = (*settings.own_addresses, *settings.contact_forms)
    return tuple(
        one
        for one in found
        if one.address and not is_one_of(one.address, ours) and not classify.is_no_reply(one)
    )


def _looks_like_form(text: str) -> bool:
    return shapes.has_fields(text[:_MOST])
