"""What of a mail speaks for a program. None of it alone is proof: people's mail has signs of one, too."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from supportbot_email import acknowledgements, envelopes, events, shapes, subjects, wording
from supportbot_email.mail import is_one_of
from supportbot_email.patterns import any_of
from supportbot_email.phrases import PHONE

if TYPE_CHECKING:
    from supportbot_email.case import Case

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


class Signs:
    """The signs in one mail; each is looked for when it is asked for, and once."""

    def __init__(self, case: Case) -> None:
        self.case = case
        """The mail."""
        self._address = case.sender.address

    # -- who sent it --------------------------------------------------------------------------------

    @cached_property
    def silent(self) -> bool:
        """From a noreply@."""
        return bool(shapes.NO_REPLY.fullmatch(self._address.rpartition("@")[0]))

    @cached_property
    def program(self) -> bool:
        """From an address that only programs have, or from a noreply@."""
        return self.silent or bool(shapes.PROGRAM_ADDRESS.match(self._address))

    @cached_property
    def role(self) -> bool:
        """From an address that both programs and people send from."""
        return bool(_ADDRESS.match(self._address))

    @cached_property
    def office(self) -> bool:
        """From one of these at which people work."""
        return bool(_OFFICE.match(self._address))

    @cached_property
    def unmanned(self) -> bool:
        """From one of these at which nobody does."""
        return self.role and not self.office

    @cached_property
    def notifier(self) -> bool:
        """From an address that is called as one that tells."""
        return events.is_notifier(self._address)

    @cached_property
    def called_as_owner(self) -> bool:
        """From an address with its owner's name before the @."""
        sender = self.case.sender
        local, _, domain = sender.address.lower().partition("@")
        called = [word for word in sender.name.lower().split() if len(word) > 2 and word not in domain]
        return any(word in local for word in called)

    @cached_property
    def own(self) -> bool:
        """From our own domain, or from a form that bot.yaml names."""
        settings = self.case.settings
        return self.case.sender.domain == settings.own_domain or is_one_of(
            self._address, settings.contact_forms
        )

    @cached_property
    def refuses(self) -> bool:
        """Nobody there can be answered, and it is no form's."""
        return self.silent and not (self.case.answered_elsewhere or self._typed)

    # -- what sent it -------------------------------------------------------------------------------

    @cached_property
    def feedback(self) -> bool:
        """Of a service that numbers its mails for those who complain about them."""
        return bool(self._feedback_id) and not self._by_mailbox_provider

    @cached_property
    def service(self) -> bool:
        """Of a service that sends for many, or of a program that sends without anybody."""
        fields = not self._by_mailbox_provider and any(map(self.case.entity.get, _SERVICE_FIELDS))
        return fields or bool(_MAILER.search(self._x_mailer)) or self._notified

    @cached_property
    def of_market(self) -> bool:
        """Of a market place that tells its seller."""
        fields = any(map(self.case.entity.get, _MARKET_FIELDS))
        by_owner = self.speaks and self.called_as_owner
        return fields or (self._notified and not by_owner and events.tells_seller(self.case.written))

    @cached_property
    def handed(self) -> bool:
        """A service that sends for programs handed it over, or one of the sender's."""
        entity = self.case.entity
        return bool(
            self.service
            or _PROGRAM_ID.search(entity.get("message-id"))
            or envelopes.has_bounce_address(entity, self.case.sender)
        )

    @cached_property
    def device(self) -> bool:
        """Of a machine that has no keyboard to write a letter with."""
        return bool(_DEVICE.search(self._x_mailer))

    @cached_property
    def by_server(self) -> bool:
        """A website's program handed it over: a shop's own, or a form's."""
        entity = self.case.entity
        return bool(entity.get("x-php-originating-script") or SERVER.match(entity.get("return-path")))

    @cached_property
    def of_server(self) -> bool:
        """The user that a web server runs as wrote it."""
        return bool(SERVER.match(self._address) or SERVER.match(self.case.entity.get("return-path")))

    # -- what stands in it --------------------------------------------------------------------------

    @cached_property
    def notice_subject(self) -> bool:
        """The subject is a notice's."""
        return bool(subjects.NOTICE.match(self.case.subject))

    @cached_property
    def sure_subject(self) -> bool:
        """The subject is one that only programs write."""
        return bool(subjects.SURE.match(self.case.subject))

    @cached_property
    def sold_subject(self) -> bool:
        """The subject tells a seller of an order."""
        return bool(subjects.SOLD.match(self.case.subject))

    @cached_property
    def looks_like_program(self) -> bool:
        """The text has the looks of what programs write."""
        return events.looks_like_program(self.case.written)

    @cached_property
    def speaks(self) -> bool:
        """Somebody does, of what is theirs, or asks, or says what is wrong."""
        return events.speaks(self.case.written)

    @cached_property
    def says_or_asks(self) -> bool:
        """Somebody speaks, or something is asked, be it by a program."""
        return wording.speaks(self.case.written)

    @cached_property
    def names_another(self) -> bool:
        """It names whoever is behind the address."""
        return acknowledgements.names_another(self.case.written, self.case.sender, self.case.settings)

    @cached_property
    def hands_on(self) -> bool:
        """It is a form's that says whose words it hands on."""
        beginning = self.case.beginning
        return bool(_FORM.search(beginning)) or bool(
            self._strangers
            and (acknowledgements.FIELD_WITH_ADDRESS.search(beginning) or shapes.has_fields(beginning))
        )

    @cached_property
    def filled_in(self) -> bool:
        """As a form it would hand on what somebody typed: they speak, or their fields are there."""
        return self.speaks or shapes.has_fields(self.case.beginning)

    @cached_property
    def by_an_office(self) -> bool:
        """Somebody may have written it at an office's address: nothing of it is as programs write."""
        return self.office and events.looks_written(self.case.written)

    @cached_property
    def for_many(self) -> bool:
        """A service sent it whose mails have a number for those who complain about them.

        Such services give one to people's mail, too, so that it is nothing without a word that programs write.
        """
        if self.program or not self.feedback:
            return self.feedback
        personal = self.called_as_owner or self.speaks
        return self.service and not personal and self.looks_like_program

    # -- behind these -------------------------------------------------------------------------------

    @cached_property
    def _feedback_id(self) -> str:
        return self.case.entity.get("feedback-id").strip().lower()

    @cached_property
    def _by_mailbox_provider(self) -> bool:
        return self._feedback_id.endswith(_PERSONAL)

    @cached_property
    def _x_mailer(self) -> str:
        return self.case.entity.get("x-mailer")[:200]

    @cached_property
    def _notified(self) -> bool:
        return self.case.entity.get("x-amazon-mail-relay-type").strip().lower() == "notification"

    @cached_property
    def _strangers(self) -> set[str]:
        """Domains in the text that are neither the sender's nor ours."""
        found = {one.rpartition("@")[2].lower() for one in shapes.ADDRESS.findall(self.case.beginning)}
        return found - {self.case.sender.domain, self.case.settings.own_domain}

    @cached_property
    def _typed(self) -> bool:
        """Somebody of another domain, or with a telephone, typed something into a form's fields."""
        beginning = self.case.beginning
        return bool(
            self._strangers
            or shapes.FORM_FIELD.search(beginning)
            or PHONE.search(beginning)
            or self.case.sender.domain == self.case.settings.own_domain
        )
