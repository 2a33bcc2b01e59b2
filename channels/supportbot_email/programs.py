"""What programs send: to a list, to many, or to one mailbox because something happened.

Nobody waits for an answer to it. A person may write the same subject; a program has a second sign beside it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import acknowledgements, bills, envelopes, events, notices, shapes, subjects, wording
from supportbot_email.mail import is_one_of
from supportbot_email.patterns import any_of
from supportbot_email.phrases import PHONE

if TYPE_CHECKING:
    from supportbot_email.mail import Address, Kind, Settings
    from supportbot_email.mime import Entity

_MOST = 3_000
"""Characters at the beginning that are looked at."""

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
_SERVICE_FIELDS = (
    "x-sg-eid",
    "x-ses-outgoing",
    "x-mandrill-user",
    "x-mailgun-sid",
    "x-mc-user",
    "x-pm-message-id",
    "x-csa-complaints",
    "x-campaign",
    "x-campaign-id",
    "x-campaignid",
    "x-mailer-lid",
    "x-report-abuse",
    "x-roving-id",
    "x-sfmc-stack",
    "x-job",
    "x-rpcampaign",
    "x-mailin-campaign",
    "x-sib-id",
    "x-klaviyo-message-id",
    "x-msys-api",
    "x-mj-mid",
    "x-email-type-id",
    "x-pp-email-transmission-id",
    "x-cr-mailing-id",
    "x-emarsys-identify",
    "x-linkedin-class",
    "x-github-reason",
    "x-notifications",
    "x-auto-mailing",
    "x-bulkmail",
    "x-ebay-mailtracker",
    "x-etsy-email-type",
    "x-xero-message-id",
    "x-ms-mail-application",
    "x-ses-configuration-set",
    "x-mailin-eid",
    "x-sg-id",
    "x-msfbl",
    "x-mailgun-variables",
    "x-mailgun-tag",
)
"""Of services that send for many: newsletters and notices, and now and then a person's mail."""
_MARKET_FIELDS = ("x-ebay-mailtracker", "x-etsy-email-type")
"""Of market places that tell their sellers."""
_CHALLENGE_FIELDS = ("x-boxtrapper", "x-tmda-fingerprint", "x-ask-auth", "x-spamarrest")
"""Of gates that ask whoever writes to prove that they are a person."""
_MAILER = any_of(
    r"\b(?:mailchimp|cleverreach|sendinblue|brevo|mailjet|klaviyo|activecampaign|campaign ?monitor|constant contact|getresponse|rapidmail|newsletter2go|emarsys|inxmail|marketo|pardot|phplist|mailpoet|acymailing|sendy|aweber|mailerlite|swiftmailer newsletter|powermta)\b",
    r"\b(?:3cx|asterisk|freepbx|e-?fax|hylafax|whmcs|magento|prestashop|woocommerce|shopware|nagios|zabbix|grafana|prtg|jira|confluence|redmine|mantisbt|bugzilla|gitlab|jenkins|nas|mfp|ricoh|konica|kyocera|canon|xerox|lexmark)\b",
    r"\b(?:bexio|lexoffice|lexware office|sevdesk|fastbill|billomat|easybill|debitoor|freshbooks|quickbooks|xero|zoho (?:invoice|books)|holded|fatture in cloud|fakturownia|moneybird|e-conomic|fortnox|freeagent|invoicely|invoice ninja|pennylane)\b",
)
"""Programs that send without anybody; what people write with is not among them."""
_DEVICE = any_of(
    r"\b(?:avm fritz!?box|fritz!box|3cx|asterisk|freepbx|e-?fax|hylafax|nagios|zabbix|grafana|prtg|kmmfp|mfp|ricoh|konica|kyocera|xerox|lexmark|synology|qnap|apcupsd)\b"
)
"""Machines that have no keyboard to write a letter with."""
SERVER = any_of(r"\s*<?(?:wordpress|www-data|apache2?|httpd|nobody|nginx)@")
"""Users that web servers run as."""
_MODERATES = re.compile(r"/wp-admin/(?:edit-)?comments?\.php", re.IGNORECASE)
"""Where WordPress lets a comment through."""
_CALENDAR = any_of(r"<?[^@\s]{0,60}\bcalendar-notification@")
"""Whom Google's calendar sends invitations from, in their organizer's name."""
_PROGRAM_ID = any_of(
    r"\bgeopod-ismtpd|@[\w.-]{0,60}\b(?:amazonses|mailgun|mandrillapp|mailjet)\.|\.javamail\.|<\d{4,12}\.\d{1,8}\.1\d{12}@"
)
"""How services and Java's programs number what they send."""
_FORM = any_of(
    r"текст сообщения|web-?форм\w+|форм\w+ обратной связи|(?:contact|kontakt)-?form(?:ular)?\b|formul(?:aire|ario|ário) de conta[ck]?t\w*|modulo di contatto|contactformulier|formularz\w* kontaktow\w+|お問い?合わせフォーム|留言"
)
"""A form says whose words it hands on, whatever it calls its fields."""
_PERSONAL = (":proton", ":fastmail")
"""How the Feedback-ID ends that these mailbox providers give to what people write."""
_ADDRESS = any_of(
    r"(?:orders?|billing|invoic(?:es?|ing)|ebay|router|receipts?|payments?|service|account(?:s|-security)?|security|alerts?|pbx|voice-?mail|fax|transactions?|renewals?|messaging-service|mailer|wordpress|quickbooks|ship(?:ping|ment)|tracking|reminders?|invitations?|message|indeedapply|job-?alerts?|job-?apply|applications?|copier|ricoh|grafana|prometheus|zbx|jira|root|forum|wiki|bugzilla|mantis|cvs|svn|git|e-?bank|bank|pay|transaction|statements?)(?:[._+-][^@]*)?@"
)
"""Addresses that both programs and people send from: a sign beside a subject of a notice."""
_OFFICE = any_of(
    r"(?:orders?|billing|invoic(?:es?|ing)|receipts?|payments?|service|accounts?|security|transactions?|renewals?|ship(?:ping|ment)|tracking|bank|pay|statements?)(?:[._+-][^@]*)?@"
)
"""Those of them at which people work."""
_RELAY = any_of(
    r"(?:.{1,60}\.)?(?:members\.ebay|marketplace\.amazon|guest\.booking|m\.expediapartnercentral|(?:reply|user|guest)\.airbnb|convos\.etsy|messages\.(?:homeaway|vrbo)|(?:reply|sale|hous|serv)\.craigslist|mail\.(?:ebay-)?kleinanzeigen|messagerie\.leboncoin|(?:msg|reply)\.gumtree|reply\.facebook|privaterelay\.appleid|inquiry\.rakuten|relay\.walmart|agoda-messaging|messages\.etsy|reply\.reverb)\."
)
"""Domains behind which a market place hides its customers: what comes from there, one of them wrote."""


def is_relayed(entity: Entity, sender: Address) -> bool:
    """Whether a market place passes on what a person wrote to a seller; its headers are those of a program.

    It hides the buyer's address in From, or in Reply-To. What it tells from a noreply@ is its own.
    """
    fields = sender.address, *shapes.ADDRESS.findall(entity.get("reply-to")[:500].lower())
    named = [one.rpartition("@") for one in fields]
    return any(
        _RELAY.match(f"{domain}.") and not shapes.NO_REPLY.fullmatch(local) for local, _, domain in named
    )


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


def find(
    entity: Entity,
    subject: str,
    written: str,
    sender: Address,
    *,
    answered: bool,
    form: bool,
    by_desk: bool,
    settings: Settings,
) -> tuple[Kind, str] | None:
    """Return what a mail is by its foot, its subject, its sender and the service that sent it; None: a person's.

    Args:
        entity: the mail.
        subject: its subject, decoded.
        written: what was written now.
        sender: who From says wrote it.
        answered: it answers another mail.
        form: it is a contact form's, or somebody of another domain gets the answer.
        by_desk: a program sent it that people write with.
        settings: whose mailbox it is.
    """
    signs = _Signs(entity, written, sender, settings)
    if not (answered or signs.hands_on or (form and signs.own)) and signs.for_many:
        return "list_or_bulk", "feedback-id"
    if rule := _by_program(entity, subject, written, signs, answered=answered, by_desk=by_desk):
        return "auto_reply", rule
    to_nobody: tuple[Kind, str] | None = None
    if answered and not form:
        to_nobody = ("auto_reply", "notice") if signs.silent and wording.notice(written) else None
    elif not form:
        to_nobody = _to_nobody(entity, subject, written, sender, signs)
    if to_nobody and to_nobody[1] == "newsletter":
        return to_nobody
    kinds = _notifies, _tells_its_owner
    if not answered and any(
        one(subject, written, sender, signs, form=form, by_desk=by_desk) for one in kinds
    ):
        return "list_or_bulk" if signs.feedback else "auto_reply", "notice_subject"
    if answered or form or by_desk or to_nobody:
        return to_nobody
    told = _tells(subject, written, sender, signs)
    handed = told or _is_handed(entity, subject, written, sender, signs)
    return ("auto_reply", "event" if told else "envelope") if handed else None


class _Signs:
    """What of a mail speaks for a program. None of it alone is proof."""

    def __init__(self, entity: Entity, written: str, sender: Address, settings: Settings) -> None:
        feedback, mailer = entity.get("feedback-id").strip().lower(), entity.get("x-mailer")[:200]
        personal = feedback.endswith(_PERSONAL)
        self.feedback = bool(feedback) and not personal
        notified = entity.get("x-amazon-mail-relay-type").strip().lower() == "notification"
        many = any(map(entity.get, _SERVICE_FIELDS)) and not personal
        self.service = many or bool(_MAILER.search(mailer)) or notified
        self.speaks = events.speaks(written)
        """Somebody does, of what is theirs, or asks, or says what is wrong: people's mail has signs, too."""
        impersonal = not (self.speaks and _is_called_as_owner(sender)) and events.tells_seller(written)
        self.of_market = any(map(entity.get, _MARKET_FIELDS)) or (notified and impersonal)
        numbered = _PROGRAM_ID.search(entity.get("message-id"))
        self.handed = bool(self.service or numbered or envelopes.has_bounce_address(entity, sender))
        """A service that sends for programs handed it over, or one of the sender's."""
        self.device = bool(_DEVICE.search(mailer))
        self.by_server = bool(
            entity.get("x-php-originating-script") or SERVER.match(entity.get("return-path"))
        )
        """A website's program handed it over: a shop's own, or a form's."""
        self.of_server = bool(SERVER.match(sender.address) or SERVER.match(entity.get("return-path")))
        """The user that a web server runs as wrote it."""
        self.relayed = is_relayed(entity, sender)
        self._sender = sender
        self.address = sender.address
        self._passed_on = _is_answered_elsewhere(entity, sender)
        self.silent = bool(shapes.NO_REPLY.fullmatch(sender.address.rpartition("@")[0]))
        third = _domains_in(written) - {sender.domain, settings.own_domain}
        fields = acknowledgements.FIELD_WITH_ADDRESS.search(written[:_MOST]) or shapes.has_fields(
            written[:_MOST]
        )
        self.hands_on = bool((third and fields) or _FORM.search(written[:_MOST]))
        """It is a form's that says whose words it hands on."""
        typed = shapes.FORM_FIELD.search(written[:_MOST]) or PHONE.search(written[:_MOST])
        of_form = third or typed or sender.domain == settings.own_domain
        self.refuses = self.silent and not (self._passed_on or of_form)
        """Nobody there can be answered, and it is no form's."""
        self.program = self.silent or bool(shapes.PROGRAM_ADDRESS.match(sender.address))
        self.own = sender.domain == settings.own_domain or is_one_of(sender.address, settings.contact_forms)
        self.says_or_asks = wording.speaks(written)
        """Likewise, and whatever programs ask counts as well."""
        self.names_another = acknowledgements.names_another(written, sender, settings)
        self._written = written

    @property
    def for_many(self) -> bool:
        """Whether a service sent it whose mails have a number for those who complain about them.

        Such services give one to people's mail, too, so that it is nothing without a word that programs write.
        """
        if self.program or not self.feedback:
            return self.feedback
        impersonal = not (_is_called_as_owner(self._sender) or self.speaks)
        return self.service and impersonal and events.looks_like_program(self._written)

    def is_bill(self, subject: str, written: str) -> bool:
        """Whether it is a bill, and a program's."""
        return bills.tells(
            subject,
            written,
            self._sender,
            program=self.program,
            service=self.service,
            passed_on=self._passed_on,
            personal=_is_called_as_owner(self._sender),
        )


def _notifies(
    subject: str, written: str, sender: Address, signs: _Signs, *, form: bool, by_desk: bool
) -> bool:
    """Whether a subject is a notice's, and a second sign says that no customer asks about one."""
    if not subjects.NOTICE.match(subject):
        return False
    if form and _is_filled_in(written, signs):
        return False
    if signs.program or _repeats(subject, written, sender, signs):
        return True
    if bills.speaks(written):
        return False
    if signs.service or signs.feedback or subjects.SURE.match(subject):
        return True
    asked = signs.says_or_asks or shapes.INTERROGATIVE.search(written[:2_000])
    return bool(_ADDRESS.match(sender.address)) and not (
        asked or by_desk or _is_of_an_office(sender, written)
    )


def _repeats(subject: str, written: str, sender: Address, signs: _Signs) -> bool:
    """Whether a program tells it though somebody speaks there: a caller, a buyer, who asks to connect."""
    sure = bool(subjects.SURE.match(subject))
    if signs.device or (signs.of_server and sure):
        return True
    role = _ADDRESS.match(sender.address) and not _OFFICE.match(sender.address)
    if sure and role and events.looks_like_program(written):
        return True
    asked = shapes.INTERROGATIVE.search(written[:_MOST])
    return signs.service and wording.refuses(written) and not asked


def _tells_its_owner(
    subject: str, written: str, sender: Address, signs: _Signs, *, form: bool, by_desk: bool
) -> bool:
    """Whether a program tells a shop or a site of what its customers did: nobody waits for an answer there."""
    if by_desk or signs.relayed:
        return False
    if subjects.MODERATION.match(subject) and "/wp-admin/" in written:
        return signs.of_server or bool(_MODERATES.search(written) and not signs.speaks)
    if subjects.RESPONSE.match(subject) and not form:
        by_program = signs.program or (signs.service and not signs.says_or_asks)
        return by_program and not (notices.FIRST_PERSON.search(written[:_MOST]) or signs.names_another)
    return _is_to_seller(subject, written, sender, signs, form=form)


def _is_to_seller(subject: str, written: str, sender: Address, signs: _Signs, *, form: bool) -> bool:
    """Whether a market place tells of an order. What its buyers ask comes from other addresses."""
    if signs.of_market and (subjects.SOLD.match(subject) or subjects.SURE.match(subject)):
        return True
    if not subjects.SOLD.match(subject) or notices.FIRST_PERSON.search(written[:_MOST]):
        return False
    if form and _is_filled_in(written, signs):
        return False
    if signs.program or wording.is_automatic(written):
        return True
    if (signs.service or signs.feedback) and not signs.speaks:
        return True
    known = _ADDRESS.match(sender.address) or events.is_notifier(sender.address) or signs.by_server
    return bool(known) and not (signs.says_or_asks or _is_of_an_office(sender, written))


def _is_filled_in(written: str, signs: _Signs) -> bool:
    """Whether a form hands on what somebody typed: they speak, or their fields are there."""
    return signs.speaks or shapes.has_fields(written[:_MOST])


def _is_of_an_office(sender: Address, written: str) -> bool:
    """Whether somebody may have written from an office's address: nothing of it is as programs write."""
    return bool(_OFFICE.match(sender.address)) and events.looks_written(written)


def _tells(subject: str, written: str, sender: Address, signs: _Signs) -> bool:
    """Whether the text is a notice's. What its subject and its sender say comes to what stands in it."""
    known = _ADDRESS.match(sender.address) and not _OFFICE.match(sender.address)
    role = known or events.is_notifier(sender.address)
    return events.tells(
        subject,
        written,
        named=bool(subjects.NOTICE.match(subject)),
        silent=signs.silent,
        # People's mail, too, goes through services that send for many.
        program=bool((signs.program and not signs.silent) or role or signs.by_server),
        device=signs.program and not signs.silent,  # forms write from there, in names and values
        personal=not (role or signs.program) and _is_called_as_owner(sender),
        handed=signs.handed,
    )


def _is_handed(entity: Entity, subject: str, written: str, sender: Address, signs: _Signs) -> bool:
    if signs.own or signs.hands_on or signs.names_another or _is_called_as_owner(sender):
        return False
    known = signs.program or events.is_notifier(sender.address)
    return envelopes.tells(entity, subject, written, known=known)


def _is_called_as_owner(sender: Address) -> bool:
    """Whether an address has its owner's name before the @."""
    local, _, domain = sender.address.lower().partition("@")
    called = [word for word in sender.name.lower().split() if len(word) > 2 and word not in domain]
    return any(word in local for word in called)


def _is_answered_elsewhere(entity: Entity, sender: Address) -> bool:
    """Whether answers go to somebody of another domain."""
    named = [one.rpartition("@")[2] for one in shapes.ADDRESS.findall(entity.get("reply-to")[:500].lower())]
    return any(one != sender.domain for one in named)


def _domains_in(text: str) -> set[str]:
    return {one.rpartition("@")[2].lower() for one in shapes.ADDRESS.findall(text[:_MOST])}


def _by_program(
    entity: Entity, subject: str, written: str, signs: _Signs, *, answered: bool, by_desk: bool
) -> str:
    """Return the rule by which a program sent it, in whosever name; empty for none."""
    if any(map(entity.get, _CHALLENGE_FIELDS)):
        return "held"
    if shapes.LIST_MANAGER.match(signs.address):
        return "list_manager"
    if answered:
        return ""
    if _is_invitation(entity, written):
        return "calendar"
    return "bill" if not by_desk and signs.is_bill(subject, written) else ""


def _is_invitation(entity: Entity, written: str) -> bool:
    """Whether a calendar's program tells of a meeting, and whoever called it adds no word."""
    return bool(_CALENDAR.match(entity.get("return-path"))) and not events.speaks(written)


def _to_nobody(
    entity: Entity, subject: str, written: str, sender: Address, signs: _Signs
) -> tuple[Kind, str] | None:
    foot = wording.newsletter(written)
    if foot >= 2 or (foot > 0 and (signs.service or signs.program or signs.feedback)):
        return "list_or_bulk", "newsletter"
    refused = signs.refuses and wording.refuses(written)
    told = (wording.notice(written) or refused) and not signs.hands_on
    if told or wording.of_device(written):
        return "auto_reply", "notice"
    monitor = (
        entity.get("x-cron-env")
        or shapes.MONITOR_ADDRESS.match(sender.address)
        or (signs.program and shapes.MONITOR_SUBJECT.match(subject))
    )
    nobody = (
        (signs.silent and (signs.service or signs.feedback) and not signs.hands_on)
        or signs.device
        or shapes.NOTIFIER_ADDRESS.match(sender.address)
    )
    if monitor or (nobody and not signs.says_or_asks):
        return "auto_reply", "program"
    tells = signs.refuses and (events.looks_like_program(written) or subjects.SOLD.match(subject))
    return ("auto_reply", "program") if tells and not signs.speaks else None
