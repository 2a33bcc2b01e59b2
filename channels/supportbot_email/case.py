"""A mail whose kind is asked for, and what is seen of it at first sight; each thing when it is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from supportbot_email import asking, groups, shapes, wording
from supportbot_email.addresses import is_same_owner
from supportbot_email.patterns import any_of

if TYPE_CHECKING:
    from supportbot_email.mail import Address, Settings
    from supportbot_email.mime import Entity

_MOST = 3_000
"""Characters of what was written that are looked at, where a rule has no limit of its own."""
_NULL_SENDER = re.compile(r"\(envelope-from <>\)", re.IGNORECASE)
_RELAY = any_of(
    r"(?:.{1,60}\.)?(?:members\.ebay|marketplace\.amazon|guest\.booking|m\.expediapartnercentral|(?:reply|user|guest)\.airbnb|convos\.etsy|messages\.(?:homeaway|vrbo)|(?:reply|sale|hous|serv)\.craigslist|mail\.(?:ebay-)?kleinanzeigen|messagerie\.leboncoin|(?:msg|reply)\.gumtree|reply\.facebook|privaterelay\.appleid|inquiry\.rakuten|relay\.walmart|agoda-messaging|messages\.etsy|reply\.reverb)\."
)
"""Domains behind which a market place hides its customers: what comes from there, one of them wrote."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What there is to go by. Not to be kept: it holds the whole mail."""

    entity: Entity
    subject: str
    """Decoded."""
    text: str
    """What can be read of the mail."""
    written: str
    """The part of it that is neither quoted nor passed on."""
    sender: Address
    """Who From says wrote it."""
    settings: Settings
    """Whose mailbox it is."""

    def without_list_foot(self) -> Case:
        """Return it without what a list of our own puts below each mail: that makes no form of it, either."""
        return replace(self, written=wording.without_list_foot(self.written)) if self.through_ours else self

    @cached_property
    def beginning(self) -> str:
        """As much of what was written as is looked at for most of what follows."""
        return self.written[:_MOST]

    @cached_property
    def types(self) -> list[str]:
        """The content types of all parts."""
        return [part.content_type for part in self.entity.walk()]

    @cached_property
    def answered(self) -> bool:
        """It answers another mail."""
        return bool(self.entity.get("in-reply-to") or shapes.ANSWERED_SUBJECT.match(self.subject))

    @cached_property
    def passed_on(self) -> bool:
        """A contact form's by its headers: bot.yaml names it, or who gets the answer is of another domain."""
        written_by = shapes.ADDRESS.findall(self.entity.get("from")[:500].lower())
        if set(written_by) & set(self.settings.contact_forms):
            return True
        named = [one.rpartition("@")[2] for one in self._reply_to]
        return len(named) == 1 and not is_same_owner(named[0], self.sender.domain)

    @cached_property
    def form(self) -> bool:
        """A contact form's, by its headers or by its fields."""
        return self.passed_on or shapes.has_fields(self.beginning)

    @cached_property
    def relayed(self) -> bool:
        """A market place passes on what a person wrote to a seller; its headers are those of a program.

        It hides the buyer's address in From, or in Reply-To. What it tells from a noreply@ is its own.
        """
        named = [one.rpartition("@") for one in (self.sender.address, *self._reply_to)]
        return any(
            _RELAY.match(f"{domain}.") and not shapes.NO_REPLY.fullmatch(local) for local, _, domain in named
        )

    @cached_property
    def answered_elsewhere(self) -> bool:
        """Answers go to somebody of another domain."""
        return any(one.rpartition("@")[2] != self.sender.domain for one in self._reply_to)

    @cached_property
    def through_ours(self) -> bool:
        """It came through a list that is our mailbox."""
        return groups.is_ours(self.entity, self.settings)

    @cached_property
    def null_sender(self) -> bool:
        """It came with the empty envelope sender of reports and automatic answers (RFC 5321, 4.5.5).

        Where no ``Return-Path`` says, the server that took it may, as Exim and Dovecot do. What others on the
        way had, a forwarder for example, is another matter.
        """
        if paths := self.entity.all("return-path"):
            return any(value.strip() == "<>" for value in paths)
        return bool(_NULL_SENDER.search(self.entity.get("received")[:2_000]))

    @cached_property
    def mailer(self) -> str:
        """What its program says of itself."""
        return f"{self.entity.get('x-mailer')} {self.entity.get('user-agent')}"[:300]

    @cached_property
    def by_hand(self) -> bool:
        """A program sent it that only a person works: a telephone's, a terminal's."""
        return bool(shapes.HAND_MAILER.search(self.mailer))

    @cached_property
    def by_desk(self) -> bool:
        """A person's program sent it, a desk's as well; Outlook tells it by the thread."""
        return bool(shapes.DESK_MAILER.search(self.mailer) or self.entity.get("thread-index") or self.by_hand)

    @cached_property
    def by_postmaster_in_person(self) -> bool:
        """Postmasters are people, too (RFC 2142): one writes with a mail program, and a machine has none."""
        named = self.sender.address.partition("@")[0].lower() == "postmaster"
        return named and bool(self.by_hand or shapes.DESK_MAILER.search(self.mailer))

    @cached_property
    def to_many(self) -> bool:
        """It went to several: a program that answers for somebody answers one (RFC 3834, section 4)."""
        to = f"{self.entity.get('to')[:2_000]} {self.entity.get('cc')[:2_000]}".lower()
        return len(set(shapes.ADDRESS.findall(to))) > 1

    @cached_property
    def start(self) -> str:
        """The first lines of what was written."""
        return self.written[:600]

    @cached_property
    def asks(self) -> bool:
        """Somebody asks for something in them."""
        return asking.asks(self.start)

    @cached_property
    def _reply_to(self) -> list[str]:
        return shapes.ADDRESS.findall(self.entity.get("reply-to")[:500].lower())
