"""What programs send: to a list, to many, or to one mailbox because something happened.

Nobody waits for an answer to it. A person may write the same subject; a program has a second sign beside it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import bills, envelopes, events, notices, shapes, subjects, wording
from supportbot_email.patterns import any_of
from supportbot_email.signs import Signs

if TYPE_CHECKING:
    from supportbot_email.case import Case
    from supportbot_email.mail import Kind
    from supportbot_email.mime import Entity

_LIST_FIELDS = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "list-subscribe",
    "list-help",
    "list-owner",
    "list-archive",
)
"""RFC 2369 and RFC 2919."""
_OLD_LIST_FIELDS = (
    "mailing-list",
    "x-mailing-list",
    "x-beenthere",
    "x-mailman-version",
    "x-listserver",
    "x-listserv",
    "x-ml-name",
    "x-mlserver",
    "x-egroups-return",
    "x-egroups-msg-info",
    "x-google-loop",
)
"""Of Mailman, ezmlm, LISTSERV, fml, eGroups and others before those."""
_LIST_SENDER = any_of(
    r"(?:owner-[^@\s]{1,64}|[^@\s]{1,64}-(?:request|bounces?|owner|errors))(?:[+=][^@\s]{0,200})?@",
    r"[^@\s]{1,64}@(?:listserv|lists?|mailman)\.",
)
"""Who sends for a list, of Majordomo and Mailman. A person may be called office-admin or ann-l."""
_CHALLENGE_FIELDS = ("x-boxtrapper", "x-tmda-fingerprint", "x-ask-auth", "x-spamarrest")
"""Of gates that ask whoever writes to prove that they are a person."""
_MODERATES = re.compile(r"/wp-admin/(?:edit-)?comments?\.php", re.IGNORECASE)
"""Where WordPress lets a comment through."""
_CALENDAR = any_of(r"<?[^@\s]{0,60}\bcalendar-notification@")
"""Whom Google's calendar sends invitations from, in their organizer's name."""


def lists(entity: Entity) -> str:
    """Return the name of the field that says a mail came through a list; empty when none does."""
    for name in (*_LIST_FIELDS, *_OLD_LIST_FIELDS):
        if entity.get(name):
            return name
    if any("mailing list" in value.lower() for value in entity.all("delivered-to")):
        return "delivered_to_list"
    fields = ("sender", "resent-sender", "return-path")
    sent_by = {one.lower() for name in fields for one in shapes.ADDRESS.findall(entity.get(name)[:500])}
    written_by = {one.lower() for one in shapes.ADDRESS.findall(entity.get("from")[:500])}
    if any(map(_LIST_SENDER.match, sent_by - written_by)):
        return "list_sender"
    for name in ("precedence", "x-precedence"):
        if entity.get(name).strip().lower() in {"bulk", "list", "junk"}:
            return "precedence"
    return ""


def find(case: Case) -> tuple[Kind, str] | None:
    """Return what a mail is by its foot, subject, sender and the service that sent it; None: a person's."""
    signs = Signs(case)
    handed_on = _is_form(case)
    if not (case.answered or signs.hands_on or (handed_on and signs.own)) and signs.for_many:
        return "list_or_bulk", "feedback-id"
    if rule := _by_program(signs):
        return "auto_reply", rule
    to_nobody: tuple[Kind, str] | None = None
    if case.answered and not handed_on:
        to_nobody = ("auto_reply", "notice") if signs.silent and wording.notice(case.written) else None
    elif not handed_on:
        to_nobody = _to_nobody(signs)
    if to_nobody and to_nobody[1] == "newsletter":
        return to_nobody
    if not case.answered and (_notifies(signs) or _tells_its_owner(signs)):
        return "list_or_bulk" if signs.feedback else "auto_reply", "notice_subject"
    if case.answered or handed_on or case.by_desk or to_nobody:
        return to_nobody
    told = _tells(signs)
    handed = told or _is_handed(signs)
    return ("auto_reply", "event" if told else "envelope") if handed else None


def _by_program(signs: Signs) -> str:
    """Return the rule by which a program sent it, in whosever name; empty for none."""
    case = signs.case
    if any(map(case.entity.get, _CHALLENGE_FIELDS)):
        return "held"
    if shapes.LIST_MANAGER.match(case.sender.address):
        return "list_manager"
    if case.answered:
        return ""
    if _CALENDAR.match(case.entity.get("return-path")) and not signs.speaks:
        return "calendar"  # whoever called the meeting adds no word
    return "bill" if not case.by_desk and _is_bill(signs) else ""


def _is_bill(signs: Signs) -> bool:
    case = signs.case
    return bills.tells(
        case.subject,
        case.written,
        case.sender,
        program=signs.program,
        service=signs.service,
        passed_on=case.answered_elsewhere,
        personal=signs.called_as_owner,
    )


def _to_nobody(signs: Signs) -> tuple[Kind, str] | None:
    case = signs.case
    written, sender = case.written, case.sender
    foot = wording.newsletter(written)
    if foot >= 2 or (foot > 0 and (signs.service or signs.program or signs.feedback)):
        return "list_or_bulk", "newsletter"
    refused = signs.refuses and wording.refuses(written)
    told = (wording.notice(written) or refused) and not signs.hands_on
    if told or wording.of_device(written):
        return "auto_reply", "notice"
    monitor = (
        case.entity.get("x-cron-env")
        or shapes.MONITOR_ADDRESS.match(sender.address)
        or (signs.program and shapes.MONITOR_SUBJECT.match(case.subject))
    )
    nobody = (
        (signs.silent and (signs.service or signs.feedback) and not signs.hands_on)
        or signs.device
        or shapes.NOTIFIER_ADDRESS.match(sender.address)
    )
    if monitor or (nobody and not signs.says_or_asks):
        return "auto_reply", "program"
    tells = signs.refuses and (signs.looks_like_program or signs.sold_subject)
    return ("auto_reply", "program") if tells and not signs.speaks else None


def _notifies(signs: Signs) -> bool:
    """Whether a subject is a notice's, and a second sign says that no customer asks about one."""
    case = signs.case
    if not signs.notice_subject or (_is_form(case) and signs.filled_in):
        return False
    if signs.program or _repeats(signs):
        return True
    if bills.speaks(case.written):
        return False
    if signs.service or signs.feedback or signs.sure_subject:
        return True
    asked = signs.says_or_asks or shapes.INTERROGATIVE.search(case.written[:2_000])
    return signs.role and not (asked or case.by_desk or signs.by_an_office)


def _repeats(signs: Signs) -> bool:
    """Whether a program tells it though somebody speaks there: a caller, a buyer, who asks to connect."""
    case = signs.case
    if signs.device or (signs.of_server and signs.sure_subject):
        return True
    if signs.sure_subject and signs.unmanned and signs.looks_like_program:
        return True
    return signs.service and wording.refuses(case.written) and not shapes.INTERROGATIVE.search(case.beginning)


def _tells_its_owner(signs: Signs) -> bool:
    """Whether a program tells a shop or a site what its customers did: nobody waits for an answer there."""
    case = signs.case
    if case.by_desk or case.relayed:
        return False
    if subjects.MODERATION.match(case.subject) and "/wp-admin/" in case.written:
        return signs.of_server or bool(_MODERATES.search(case.written) and not signs.speaks)
    if subjects.RESPONSE.match(case.subject) and not _is_form(case):
        by_program = signs.program or (signs.service and not signs.says_or_asks)
        return by_program and not (notices.FIRST_PERSON.search(case.beginning) or signs.names_another)
    return _is_to_seller(signs)


def _is_to_seller(signs: Signs) -> bool:
    """Whether a market place tells of an order. What its buyers ask comes from other addresses."""
    case = signs.case
    if signs.of_market and (signs.sold_subject or signs.sure_subject):
        return True
    if not signs.sold_subject or notices.FIRST_PERSON.search(case.beginning):
        return False
    if _is_form(case) and signs.filled_in:
        return False
    if signs.program or wording.is_automatic(case.written):
        return True
    if (signs.service or signs.feedback) and not signs.speaks:
        return True
    known = signs.role or signs.notifier or signs.by_server
    return known and not (signs.says_or_asks or signs.by_an_office)


def _tells(signs: Signs) -> bool:
    """Whether the text is a notice's. What its subject and its sender say comes to what stands in it."""
    case = signs.case
    by_role = signs.unmanned or signs.notifier
    return events.tells(
        case.subject,
        case.written,
        named=signs.notice_subject,
        silent=signs.silent,
        # People's mail, too, goes through services that send for many.
        program=(signs.program and not signs.silent) or by_role or signs.by_server,
        device=signs.program and not signs.silent,  # forms write from there, in names and values
        personal=not (by_role or signs.program) and signs.called_as_owner,
        handed=signs.handed,
    )


def _is_handed(signs: Signs) -> bool:
    case = signs.case
    if signs.own or signs.hands_on or signs.names_another or signs.called_as_owner:
        return False
    known = signs.program or signs.notifier
    return envelopes.tells(case.entity, case.subject, case.written, known=known)


def _is_form(case: Case) -> bool:
    """Whether it hands on what somebody typed, a market place's included."""
    return case.form or case.relayed
