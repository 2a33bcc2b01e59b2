"""Whether a mail may be answered without a person. Pure: what is known goes in, the reason against comes out.

Machines that say so never come this far: they are not answered at all (``classify``). This is against those
that do not: a ticket system that acknowledges everything, a responder that knows nothing of RFC 3834. The
rule is that the first answer in a thread is free, and every further one needs a sign that a person read the
last. A reason is no verdict: it may be a person, and so the reply becomes a draft and is not lost.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from supportbot_email.threads import is_any_bots

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from supportbot_email.mail import Address, Mail

_MINUTE = 60_000
_TOO_FAST = _MINUTE
"""Milliseconds within which nobody reads an answer and writes another."""

_LAIN = 3 * _MINUTE
"""Milliseconds after which the mail server's clock tells more than ours of when a mail came."""

_CORRESPONDENT = ((10, 10), (15, 30), (25, 60), (50, 180), (100, 600))
"""(mails, minutes): most automatic mails to one correspondent; Zammad's table of its loop protection."""

_SKETCH = 24
"""Hashes that a text is remembered by."""

_ALIKE = 0.6
"""Share of them that two texts of the same template have in common; two people's hardly any."""

_PREFIX = re.compile(
    r"\s*(?:re|aw|wg|sv|fw|fwd|tr|rv|res|enc|odp|antw|r|回复|答复|转发)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE
)
_TAG = re.compile(r"\[[^\]]{0,80}\]|\(#?\d{1,20}\)|\S{0,20}\d\S{0,40}")
_NUMBER = re.compile(r"#\d{1,20}|\d{2,20}")
_ROLE = re.compile(
    r"(?:support|help|helpdesk|help-?desk|service|servicedesk|service-?desk|customer-?(?:care|service|support)"
    r"|kundenservice|kundendienst|tickets?|ticket-?system|request|requests|hotline|care|contact|kontakt|info|hello"
    r"|office|admin|administrator|webmaster|it|noc|abuse|security|alerts?|notifications?|notify|monitoring|system"
    r"|robot|bot|jira|zendesk|freshdesk|otrs|zammad|news|newsletter|sales|billing|invoice|accounting|orders?|hr|jobs)"
    r"(?:[-_.].{0,40})?",
    re.IGNORECASE,
)
_LONG_TOKEN = re.compile(r"[0-9a-f]{8,}|\d{4,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a mail that is to be answered says of who wrote it; travels with the reply's address, as JSON."""

    sender: str
    subject: str
    received_at: int
    """When it reached our mail server, in Unix milliseconds: a Date is whatever the sender says."""
    named: tuple[str, ...] = ()
    """The deliveries of ours that it names, by their genuine Message-IDs."""
    sketch: tuple[int, ...] = ()
    """Of its words, see ``sketch_of``."""
    no_reply: bool = False
    verified: bool = False
    """Our mail server vouches for the domain of the address that is to be answered."""
    from_bot: bool = False
    """Its Message-ID is a SupportBot's, somebody else's: a person may have sent it, or nobody."""

    def to_json(self) -> dict[str, Any]:
        """Return them as a small JSON object."""
        return {**asdict(self), "named": list(self.named), "sketch": list(self.sketch)}

    @classmethod
    def from_json(cls, known: dict[str, Any]) -> Facts:
        """Return the facts of that object."""
        return cls(**{**known, "named": tuple(known["named"]), "sketch": tuple(known["sketch"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An automatic mail that was sent to somebody, or is about to be."""

    delivery: str
    conversation: str
    at: int
    """Unix milliseconds."""
    subject: str
    sketch: tuple[int, ...]
    """Of the mail that it answered."""


def facts_of(mail: Mail, *, to: Address, named: Iterable[str], now: int) -> Facts:
    """Return the facts of a mail that was read ``now`` and is to be answered ``to`` an address.

    A verified From vouches for nobody whom Reply-To names elsewhere. The mail came now, by our own clock,
    unless it lay in the mailbox while the bot was not running.
    """
    return Facts(
        sender=mail.sender.address,
        subject=mail.subject,
        received_at=mail.received if mail.received and now - mail.received > _LAIN else now,
        named=tuple(named),
        sketch=sketch_of(mail.reply),
        no_reply=mail.no_reply,
        verified=mail.verified and to.domain == mail.sender.domain,
        from_bot=is_any_bots(mail.message_id),
    )


def reason_to_draft(  # noqa: PLR0911 - a list of rules, each with its name
    facts: Facts,
    conversation: str,
    earlier: Sequence[Earlier],
    *,
    now: int,
    thread_per_hour: int,
    unverified: bool = False,
) -> str:
    """Return why a mail must not be answered without a person; empty when it may be.

    Args:
        facts: of the mail.
        conversation: which one it belongs to.
        earlier: the automatic mails to its correspondent so far.
        now: Unix milliseconds.
        thread_per_hour: most automatic mails in one thread within an hour.
        unverified: also answer who may be somebody else.
    """
    thread = [one for one in earlier if _is_of(one, facts, conversation)]
    if facts.no_reply:
        return "no_reply"
    if not (facts.verified or unverified):
        return "unverified"
    if facts.from_bot and thread:
        return "another_bot"
    if is_over(earlier, now):
        return "correspondent_limit"
    if sum(now - one.at < 60 * _MINUTE for one in thread) >= thread_per_hour:
        return "thread_limit"
    if any(0 <= facts.received_at - one.at < _TOO_FAST for one in earlier):
        return "too_fast"
    if any(alike(facts.sketch, one.sketch) for one in earlier):
        return "repeats_itself"
    return _reason_in_thread(facts, thread) if thread else ""


def _reason_in_thread(facts: Facts, thread: Sequence[Earlier]) -> str:
    """Return what speaks against a further automatic mail in a thread that has one."""
    if not {one.delivery for one in thread} & set(facts.named):
        return "not_a_reply"
    if _ROLE.fullmatch(facts.sender.rpartition("@")[0].partition("+")[0]):
        return "role_address"
    known = {number for one in thread for number in _NUMBER.findall(one.subject)}
    return "ticket_number" if set(_NUMBER.findall(facts.subject)) - known else ""


def _is_of(one: Earlier, facts: Facts, conversation: str) -> bool:
    """Say whether an automatic mail belongs to the thread of a mail; its headers may have been stripped."""
    if one.conversation == conversation:
        return True
    before, now = topic_of(one.subject), topic_of(facts.subject)
    return before == now or (len(before) >= 6 and before in now)


def is_over(earlier: Sequence[Earlier], now: int) -> bool:
    """Say whether a correspondent has had all the automatic mails that they may have."""
    return any(
        sum(now - one.at < minutes * _MINUTE for one in earlier) >= most for most, minutes in _CORRESPONDENT
    )


def topic_of(subject: str) -> str:
    """Return a subject without what answering, forwarding and ticket systems add to it."""
    bare = subject[:500]
    while found := _PREFIX.match(bare):
        bare = bare[found.end() :]
    return " ".join(_TAG.sub(" ", bare).lower().split())


def correspondent_of(address: str) -> str:
    """Return whom we write to, also if they make up an address per mail: no ``+tag``, numbers blurred."""
    local, _, domain = address.lower().rpartition("@")
    return f"{_LONG_TOKEN.sub('#', local.partition('+')[0])}@{domain}"


def sketch_of(text: str) -> tuple[int, ...]:
    """Return the smallest hashes of a text's runs of three words; numbers do not count.

    Texts of one template share most of them (Broder, On the resemblance and containment of documents, 1997).
    """
    words = re.sub(r"\d+", "0", text[:20_000].lower()).split()
    runs = {" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2))} if words else set()
    hashes = (int.from_bytes(blake2b(run.encode("utf-8", "replace"), digest_size=4).digest()) for run in runs)
    return tuple(sorted(set(hashes))[:_SKETCH])


def alike(one: Sequence[int], other: Sequence[int]) -> bool:
    """Say whether two sketches are of nearly the same text."""
    smallest = set(sorted({*one, *other})[:_SKETCH])
    return bool(smallest) and len(smallest & set(one) & set(other)) / len(smallest) >= _ALIKE
